//! Finding the way to a peer (ICE, RFC 8445) and keeping it: generations of agents, one beside the other.
//!
//! ```text
//!   generation 1  ──checks──► selected ══ media ══════════════════╗ 1 s after media came on 2: closed
//!   restart       └────────── generation 2 ──checks──► selected ══╩═ media ════► …
//! ```
//!
//! Each side turns to the newer generation when its own agent has selected, and both receive on both: no
//! packet is lost as long as the old path lives. What protects the packets does not notice.

pub(crate) mod candidate;
mod checker;
mod forks;
mod generation;
mod guard;
pub(crate) mod nat64;
mod pacer;
mod pulse;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;
use tandem_types::media::IceDescription;
use tandem_types::{Entropy, Pii};
use thiserror::Error;

use super::wire::{Component, Path};
use candidate::{Candidate, CandidateError};
use checker::Progress;
use generation::Generation;
use guard::{Check, Class};
use nat64::Nat64Prefix;
use pacer::{Outgoing, Pacer};
pub(crate) use pulse::Pulse;

/// Generations at one time: the one in use, the one that follows, and one that is still closing.
const MAX_GENERATIONS: usize = 3;
/// Local candidates of one link.
const MAX_LOCAL: usize = 32;
/// Candidates read of one description.
const MAX_LINES: usize = 64;
/// How long an agent hopes for something better than a relay.
const RELAY_WAIT: Duration = Duration::from_millis(500);
/// The old generation is closed this long after the first media on the new one.
const OVERLAP: Duration = Duration::from_secs(1);
/// RFC 8445 §5.3 wants 24 and 128 random bits at least; in hex twice as many characters as bytes.
const FRAGMENT_BYTES: usize = 4;
const PASSWORD_BYTES: usize = 16;
/// RFC 8839 §5.4.
const MAX_CREDENTIAL: usize = 256;

/// A username fragment and its password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Credentials {
    fragment: String,
    password: Pii<String>,
}

impl Credentials {
    fn random(entropy: &mut dyn Entropy) -> Self {
        Self {
            fragment: entropy.hex(FRAGMENT_BYTES),
            password: Pii::new(entropy.hex(PASSWORD_BYTES)),
        }
    }

    fn of(description: &IceDescription) -> Result<Self, IceFault> {
        let (fragment, password) = (&description.username_fragment, &description.password);
        let fits = |text: &str| !text.is_empty() && text.len() <= MAX_CREDENTIAL;
        if !fits(fragment) || !fits(password.reveal()) || fragment.contains(':') {
            return Err(IceFault::Credentials);
        }
        Ok(Self {
            fragment: fragment.clone(),
            password: password.clone(),
        })
    }
}

/// Why a description was not taken, or no generation could begin.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum IceFault {
    /// Empty, too long, or not in the form of RFC 8839 §5.4.
    #[error("the peer's ICE credentials are malformed")]
    Credentials,
    /// The peer restarted, but this side has made no generation to answer with.
    #[error("the peer's ICE credentials belong to no generation of ours")]
    NoGeneration,
    /// The agent could not be made.
    #[error("the ICE agent could not be set up")]
    Agent,
}

/// How a link behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IceConfig {
    /// There will be relayed candidates only: nothing better is waited for.
    pub(crate) relay_only: bool,
    /// The network's translator, for peers that have only IPv4.
    pub(crate) nat64: Option<Nat64Prefix>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IceEvent {
    /// A first pair works: DTLS may begin.
    FirstPath,
    /// The active generation's pair is agreed on, for the first time.
    Connected,
    /// A newer generation is active now.
    Switched,
    /// The active path is dead, as far as can be told.
    Lost {
        /// The last sign of life.
        since: Instant,
    },
    /// It lives again, or another one has taken its place.
    Back,
    /// Only a new generation can help.
    RestartNeeded,
    /// Nothing was found in half a minute.
    Failed,
}

/// A local candidate and the address that its packets leave from.
#[derive(Clone, Debug)]
struct Local {
    base: SocketAddr,
    candidate: Candidate,
    /// Only the generations that use it already go on with it.
    leaving: bool,
}

/// All generations of one stream or bundle.
pub(crate) struct IceLink {
    provider: Arc<dyn RTCCryptoProvider>,
    config: IceConfig,
    locals: Vec<Local>,
    /// By age, newest last; never empty.
    generations: Vec<Generation>,
    /// The number of the one that is sent on.
    active: u32,
    both_components: bool,
    /// The same before anybody said that it shares the RTP port.
    offers_both: bool,
    controlling: Option<bool>,
    pacer: Pacer,
    events: VecDeque<IceEvent>,
    lost: bool,
    retire_at: Option<Instant>,
    /// STUN that was not authentic, or belongs to nobody.
    pub(crate) refused: u64,
}

impl IceLink {
    /// A link with its first generation. `both_components`: RTCP may get a port of its own.
    pub(crate) fn new(
        now: Instant,
        config: IceConfig,
        both_components: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, IceFault> {
        let mut link = Self {
            provider: rtc_crypto::default_provider().map_err(|_| IceFault::Agent)?,
            config,
            locals: Vec::new(),
            generations: Vec::new(),
            active: 1,
            both_components,
            offers_both: both_components,
            controlling: None,
            pacer: Pacer::new(now),
            events: VecDeque::new(),
            lost: false,
            retire_at: None,
            refused: 0,
        };
        link.begin(now, 1, entropy)?;
        Ok(link)
    }

    fn begin(
        &mut self,
        now: Instant,
        number: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<(), IceFault> {
        let credentials = Credentials::random(entropy);
        let generation = self.generation(now, number, credentials, self.both_components)?;
        self.generations.push(generation);
        Ok(())
    }

    fn generation(
        &self,
        now: Instant,
        number: u32,
        local: Credentials,
        both_components: bool,
    ) -> Result<Generation, IceFault> {
        let wait = if self.config.relay_only {
            Duration::ZERO
        } else {
            RELAY_WAIT
        };
        let provider = self.provider.clone();
        let mut generation = Generation::new(now, number, local, both_components, wait, provider)?;
        for local in self.locals.iter().filter(|local| !local.leaving) {
            generation.add_local(&local.candidate);
        }
        Ok(generation)
    }

    /// A generation beside those there are. One that waits for its answer, or has found nothing so far, makes room.
    pub(crate) fn restart(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Result<(), IceFault> {
        let newest = self.generations.last().map_or(0, |g| g.number);
        let active = self.active;
        self.generations.retain(|g| g.number <= active);
        while self.generations.len() >= MAX_GENERATIONS {
            self.generations.remove(0);
        }
        self.begin(now, newest.wrapping_add(1), entropy)
    }

    /// An address to check from, and to tell the peer.
    pub(crate) fn add_local(&mut self, base: SocketAddr, candidate: Candidate) -> bool {
        let known =
            |local: &Local| local.base == base && local.candidate.address == candidate.address;
        if self.locals.len() >= MAX_LOCAL || self.locals.iter().any(known) {
            return false;
        }
        for generation in &mut self.generations {
            generation.add_local(&candidate);
        }
        let leaving = false;
        self.locals.push(Local {
            base,
            candidate,
            leaving,
        });
        true
    }

    /// The network of a socket or a relayed address is about to go: what uses it goes on, later generations
    /// are told of the others only.
    pub(crate) fn leave_local(&mut self, base: SocketAddr) {
        for local in self.locals.iter_mut().filter(|local| local.base == base) {
            local.leaving = true;
        }
    }

    /// A socket or a relayed address is gone, and with it every path from it.
    pub(crate) fn remove_local(&mut self, now: Instant, base: SocketAddr) {
        self.locals.retain(|local| local.base != base);
        self.pacer.forget(base);
        let cut = self
            .path(now, Component::Rtp)
            .is_some_and(|path| path.local == base);
        if cut && let Some(generation) = self.active_mut() {
            generation.rtp.vitality.cut();
            self.note_lost(now, now);
        }
    }

    /// What the peer is told of the newest generation.
    pub(crate) fn description(&self) -> Option<IceDescription> {
        let generation = self.generations.last()?;
        let muxed = !generation.has_rtcp();
        let told = self.locals.iter().filter(|local| !local.leaving);
        let told = told.map(|local| &local.candidate);
        let told = told.filter(|c| !muxed || c.component == Component::Rtp);
        Some(IceDescription {
            username_fragment: generation.local.fragment.clone(),
            password: generation.local.password.clone(),
            candidates: told.map(Candidate::to_string).collect(),
            // Half trickle (RFC 8838 §16): all of ours stand here, theirs may come later.
            trickle: true,
            ..IceDescription::default()
        })
    }

    /// Whether `remote` asks for a new generation: credentials that no generation has.
    pub(crate) fn is_restarted_by(&self, remote: &IceDescription) -> bool {
        let Ok(credentials) = Credentials::of(remote) else {
            return false;
        };
        let known: Vec<_> = self
            .generations
            .iter()
            .filter_map(|g| g.remote.as_ref())
            .collect();
        !known.is_empty() && !known.contains(&&credentials)
    }

    /// Takes the peer's description. Credentials known already only bring candidates; new ones go to the
    /// newest generation that still waits for some.
    pub(crate) fn agree(
        &mut self,
        now: Instant,
        remote: &IceDescription,
        offered_by_us: bool,
    ) -> Result<(), IceFault> {
        let credentials = Credentials::of(remote)?;
        let known = self
            .generations
            .iter()
            .position(|g| g.remote.as_ref() == Some(&credentials));
        let waiting = || self.generations.iter().rposition(|g| g.remote.is_none());
        let index = known.or_else(waiting).ok_or(IceFault::NoGeneration)?;
        // Roles stay over restarts (RFC 8445 §9), and a lite peer never controls (§6.1.1).
        let controlling = remote.lite || self.role().unwrap_or(offered_by_us);
        self.controlling = Some(controlling);
        for line in remote.candidates.iter().take(MAX_LINES) {
            self.add_line(index, line);
        }
        let Some(generation) = self.generations.get_mut(index) else {
            return Err(IceFault::NoGeneration);
        };
        if known.is_none() {
            generation.start(now, controlling, credentials, &mut self.pacer)?;
            for (path, bytes) in generation.take_early() {
                self.handle(now, path, &bytes);
            }
        }
        self.progress(now);
        Ok(())
    }

    fn role(&self) -> Option<bool> {
        let agreed = self.generations.iter().rfind(|g| g.remote.is_some());
        agreed.map(|g| g.rtp.is_controlling()).or(self.controlling)
    }

    /// A candidate that came later (RFC 8838). `fragment`: the generation's, where it was told.
    ///
    /// # Errors
    /// Why it is not used.
    pub(crate) fn add_remote(
        &mut self,
        line: &str,
        fragment: Option<&str>,
    ) -> Result<(), CandidateError> {
        Candidate::parse(line)?;
        let of_fragment = |g: &Generation| match (&g.remote, fragment) {
            (Some(remote), Some(fragment)) => remote.fragment == fragment,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if let Some(index) = self.generations.iter().rposition(of_fragment) {
            self.add_line(index, line);
        }
        Ok(())
    }

    fn add_line(&mut self, index: usize, line: &str) {
        let candidate = match Candidate::parse(line) {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::debug!(%error, "a candidate is left out");
                return;
            }
        };
        let local_has = |test: fn(&IpAddr) -> bool| {
            let mut ips = self.locals.iter().map(|local| local.base.ip());
            ips.any(|ip| test(&ip))
        };
        // Nobody elsewhere reaches us from its loopback; it would only make us knock at our own services.
        if candidate.address.ip().is_loopback() && !local_has(IpAddr::is_loopback) {
            return;
        }
        let has_ipv4 = local_has(IpAddr::is_ipv4);
        let prefix = self.config.nat64.filter(|_| !has_ipv4);
        let translated = prefix.and_then(|prefix| prefix.synthesize_socket(candidate.address));
        if let Some(generation) = self.generations.get_mut(index) {
            generation.add_remote(&candidate, translated.unwrap_or(candidate.address));
        }
    }

    /// RTCP shares the RTP port: its own one is not checked (any more).
    pub(crate) fn share_port(&mut self) {
        self.both_components = false;
        self.generations.iter_mut().for_each(Generation::drop_rtcp);
    }

    /// Takes a STUN message; `false` when it is not authentic, or not for us.
    pub(crate) fn handle(&mut self, now: Instant, path: Path, bytes: &[u8]) -> bool {
        let taken = self.take(now, path, bytes).is_some();
        if taken {
            self.progress(now);
        } else {
            self.refused += 1;
        }
        taken
    }

    fn take(&mut self, now: Instant, path: Path, bytes: &[u8]) -> Option<()> {
        let check = Check::parse(bytes)?;
        let component = self.component_of(path.local)?;
        let crypto = self.provider.crypto();
        match check.class {
            Class::Request => {
                let (ours, theirs) = check.fragments()?;
                let mut generations = self.generations.iter_mut();
                let generation = generations.find(|g| g.local.fragment == ours)?;
                let bytes = check.authentic(generation.local.password.reveal(), crypto)?;
                match &generation.remote {
                    Some(remote) if remote.fragment == theirs => {}
                    Some(_) => return None,
                    None => {
                        generation.keep_early(path, bytes);
                        return Some(());
                    }
                }
                generation.handle(now, component, path, &check, &bytes, &mut self.pacer)
            }
            Class::Success => self.generations.iter_mut().rev().find_map(|generation| {
                let password = generation.remote.as_ref()?.password.reveal();
                let bytes = check.authentic(password, crypto)?;
                generation.handle(now, component, path, &check, &bytes, &mut self.pacer)
            }),
        }
    }

    fn component_of(&self, base: SocketAddr) -> Option<Component> {
        let local = self.locals.iter().find(|local| local.base == base)?;
        Some(local.candidate.component)
    }

    /// Media or control that proved to be the peer's came on `path`.
    pub(crate) fn heard(&mut self, now: Instant, path: Path, pulse: Pulse) {
        let active = self.active;
        let mut newest_first = self.generations.iter_mut().rev();
        let Some(generation) = newest_first.find(|g| g.knows(path)) else {
            return;
        };
        if generation.rtp.knows(path) {
            generation.rtp.vitality.heard(now, pulse);
        }
        if pulse == Pulse::Media && generation.number == active {
            let older = self.generations.iter().any(|g| g.number < active);
            if older && self.retire_at.is_none() {
                self.retire_at = Some(now + OVERLAP);
            }
        }
        self.watch(now);
    }

    /// Whether `path` is a pair of ours: only those may bring DTLS or media.
    pub(crate) fn knows(&self, path: Path) -> bool {
        self.generations.iter().any(|g| g.knows(path))
    }

    /// The way to send on; `None` before a pair works, and without the peer's consent.
    pub(crate) fn path(&self, now: Instant, component: Component) -> Option<Path> {
        let active = self.generations.iter().find(|g| g.number == self.active)?;
        if let Some(path) = active.path(now, component) {
            return Some(path);
        }
        // RTCP of the newer generation may lag behind.
        let mut newest_first = self.generations.iter().rev();
        newest_first.find_map(|g| g.path(now, component))
    }

    fn active_mut(&mut self) -> Option<&mut Generation> {
        let active = self.active;
        self.generations.iter_mut().find(|g| g.number == active)
    }

    /// To be called no later than [`IceLink::poll_timeout`] says.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for generation in &mut self.generations {
            generation.handle_timeout(now, &mut self.pacer);
        }
        if self.retire_at.is_some_and(|at| at <= now) {
            self.retire_at = None;
            let active = self.active;
            self.generations.retain(|g| g.number >= active);
        }
        self.progress(now);
    }

    /// When [`IceLink::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let generations = self.generations.iter();
        let generations = generations.filter_map(|g| g.poll_timeout(&self.pacer));
        let watch = self.generations.iter().find(|g| g.number == self.active);
        let watch = watch.and_then(|g| g.rtp.watch_timeout());
        let pacer = self.pacer.poll_timeout();
        generations
            .chain(watch)
            .chain(pacer)
            .chain(self.retire_at)
            .min()
    }

    /// What is to be sent now; to be fetched after every call, until `None`.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<(Path, Vec<u8>)> {
        let Outgoing { path, bytes } = self.pacer.poll(now)?;
        Some((path, bytes))
    }

    /// What happened; to be fetched after every call, until `None`.
    pub(crate) fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    fn progress(&mut self, now: Instant) {
        let mut news = Vec::new();
        for generation in &mut self.generations {
            while let Some(progress) = generation.poll_progress(now) {
                news.push((generation.number, progress));
            }
        }
        for (number, progress) in news {
            self.note(now, number, progress);
        }
        self.watch(now);
    }

    fn note(&mut self, now: Instant, number: u32, progress: Progress) {
        let active = self.active;
        match progress {
            Progress::Validated if number == active => self.events.push_back(IceEvent::FirstPath),
            Progress::Selected if number == active => self.events.push_back(IceEvent::Connected),
            Progress::Selected if number > active => {
                self.active = number;
                self.retire_at = None;
                self.events.push_back(IceEvent::Switched);
                if std::mem::take(&mut self.lost) {
                    self.events.push_back(IceEvent::Back);
                }
            }
            Progress::Failed if number == active => {
                let connected = self.path(now, Component::Rtp).is_some() || self.lost;
                self.events.push_back(if connected {
                    IceEvent::RestartNeeded
                } else {
                    IceEvent::Failed
                });
            }
            Progress::Stale | Progress::Failed if number >= active => {
                self.events.push_back(IceEvent::RestartNeeded);
            }
            Progress::Validated | Progress::Selected | Progress::Stale | Progress::Failed => {}
        }
    }

    /// Looks after the active path.
    fn watch(&mut self, now: Instant) {
        let Some(generation) = self.active_mut() else {
            return;
        };
        if generation.rtp.selected().is_none() {
            return;
        }
        if let Some(since) = generation.rtp.vitality.check_lost(now) {
            self.note_lost(now, since);
        } else if generation.rtp.vitality.check_back(now) && std::mem::take(&mut self.lost) {
            self.events.push_back(IceEvent::Back);
        }
    }

    fn note_lost(&mut self, _now: Instant, since: Instant) {
        if !std::mem::replace(&mut self.lost, true) {
            self.events.push_back(IceEvent::Lost { since });
        }
        // A newer generation that checks already is the help.
        let active = self.active;
        if !self.generations.iter().any(|g| g.number > active) {
            self.events.push_back(IceEvent::RestartNeeded);
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
