//! The checks of one component in one generation: an agent, and the clock it is driven by.
//!
//! ```text
//!   gathering ──start──► checking ──valid pair──► path ──nominated──► selected ──► keeps it alive
//!                           └── 30 s without a pair, or without an answer ──► failed
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_ice::agent::agent_config::AgentConfig;
use rtc_ice::candidate::candidate_host::CandidateHostConfig;
use rtc_ice::candidate::candidate_pair::CandidatePairState;
use rtc_ice::candidate::candidate_peer_reflexive::CandidatePeerReflexiveConfig;
use rtc_ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc_ice::candidate::candidate_server_reflexive::CandidateServerReflexiveConfig;
use rtc_ice::candidate::{Candidate as AgentCandidate, CandidateConfig};
use rtc_ice::mdns::MulticastDnsMode;
use rtc_ice::state::ConnectionState;
use rtc_ice::{Agent, CandidatePairStats, Event};
use rtc_shared::{TransportContext, TransportMessage, TransportProtocol};
use sansio::Protocol;

use super::candidate::{Candidate, CandidateType};
use super::guard::{Check, Class};
use super::pacer::{Haste, Outgoing, Pacer};
use super::pulse::{Pulse, Vitality};
use super::{Credentials, IceFault};
use crate::transport::wire::Path;

/// How often an agent asks at first.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// The slower rhythm from these ages on: who has not answered until then is probably not there.
const STRETCHED: [(Duration, Duration); 3] = [
    (Duration::from_secs(10), Duration::from_millis(500)),
    (Duration::from_secs(5), Duration::from_millis(200)),
    (Duration::from_secs(2), Duration::from_millis(100)),
];
/// At 50 ms and then slower this lasts longer than the 30 s after which the agent gives up.
const MAX_REQUESTS: u16 = 300;
/// The shortest time between two pings of a connected agent.
const PING_SPACING: Duration = Duration::from_millis(100);
/// A nominated pair that is not selected by then died in between; the agent would nominate it for ever.
const STALE: Duration = Duration::from_secs(3);
/// Local addresses of one component.
const MAX_LOCAL: usize = 16;
/// Remote addresses of one component, those it was seen at included.
const MAX_REMOTE: usize = 48;

/// What a check brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// The first pair that works.
    Validated,
    /// The pair that stays.
    Selected,
    /// The selected pair died before it was agreed on: a new generation is needed.
    Stale,
    /// Nothing works.
    Failed,
}

/// One agent.
pub(super) struct Checker {
    agent: Agent,
    started: Option<Instant>,
    last_tick: Instant,
    selected: Option<Path>,
    validated: Option<(Path, Instant)>,
    /// A candidate was added: the next tick is due now.
    urgent: bool,
    stale: bool,
    failed: bool,
    news: VecDeque<Progress>,
    pub(super) vitality: Vitality,
    responses: u64,
}

impl Checker {
    /// An agent with these credentials. `relay_wait`: how long it hopes for something better than a relay.
    pub(super) fn new(
        now: Instant,
        credentials: &Credentials,
        relay_wait: Duration,
        provider: Arc<dyn RTCCryptoProvider>,
    ) -> Result<Self, IceFault> {
        let config = AgentConfig {
            local_ufrag: credentials.fragment.clone(),
            local_pwd: credentials.password.reveal().clone(),
            multicast_dns_mode: MulticastDnsMode::Disabled,
            keepalive_interval: Some(PING_SPACING),
            check_interval: CHECK_INTERVAL,
            max_binding_requests: Some(MAX_REQUESTS),
            srflx_acceptance_min_wait: Some(Duration::ZERO),
            prflx_acceptance_min_wait: Some(Duration::ZERO),
            relay_acceptance_min_wait: Some(relay_wait),
            ..AgentConfig::default()
        };
        let agent = Agent::new(now, Arc::new(config), provider).map_err(|_| IceFault::Agent)?;
        Ok(Self {
            agent,
            started: None,
            last_tick: now,
            selected: None,
            validated: None,
            urgent: false,
            stale: false,
            failed: false,
            news: VecDeque::new(),
            vitality: Vitality::new(now),
            responses: 0,
        })
    }

    /// A local address to check from. Server-reflexive ones are sent from their base, which is checked
    /// anyway (RFC 8445 §6.1.2.4 prunes them), so they are only told to the peer.
    pub(super) fn add_local(&mut self, candidate: &Candidate) {
        if self.agent.get_local_candidates().len() >= MAX_LOCAL {
            return;
        }
        let base_config = config_of(candidate, candidate.address);
        let made = match candidate.kind {
            CandidateType::Host => CandidateHostConfig {
                base_config,
                ..CandidateHostConfig::default()
            }
            .new_candidate_host(),
            // Without `raddr`: the agent would take packets to that address for the relay's.
            CandidateType::Relayed => CandidateRelayConfig {
                base_config,
                ..CandidateRelayConfig::default()
            }
            .new_candidate_relay(),
            CandidateType::ServerReflexive | CandidateType::PeerReflexive => return,
        };
        let added = made.and_then(|made| self.agent.add_local_candidate(made));
        self.urgent = true;
        if let Err(error) = added {
            tracing::debug!(%error, "a local candidate is not used");
        }
    }

    /// An address of the peer's, as it says itself.
    pub(super) fn add_remote(&mut self, candidate: &Candidate, address: SocketAddr) {
        // The agent keeps one of each, however often it is told.
        if self.agent.get_remote_candidates().len() >= MAX_REMOTE {
            return;
        }
        let base_config = config_of(candidate, address);
        let made = match candidate.kind {
            CandidateType::Host => CandidateHostConfig {
                base_config,
                ..CandidateHostConfig::default()
            }
            .new_candidate_host(),
            CandidateType::ServerReflexive => CandidateServerReflexiveConfig {
                base_config,
                ..CandidateServerReflexiveConfig::default()
            }
            .new_candidate_server_reflexive(),
            CandidateType::PeerReflexive => CandidatePeerReflexiveConfig {
                base_config,
                ..CandidatePeerReflexiveConfig::default()
            }
            .new_candidate_peer_reflexive(),
            CandidateType::Relayed => CandidateRelayConfig {
                base_config,
                ..CandidateRelayConfig::default()
            }
            .new_candidate_relay(),
        };
        match made.and_then(|made| self.agent.add_remote_candidate(made)) {
            Ok(_) => {
                self.urgent = true;
            }
            Err(error) => tracing::debug!(%error, "a remote candidate is not used"),
        }
    }

    /// The peer's credentials are known: checks begin.
    pub(super) fn start(
        &mut self,
        now: Instant,
        controlling: bool,
        remote: &Credentials,
        pacer: &mut Pacer,
    ) -> Result<(), IceFault> {
        let (fragment, password) = (remote.fragment.clone(), remote.password.reveal().clone());
        self.agent
            .start_connectivity_checks(now, controlling, fragment, password)
            .map_err(|_| IceFault::Credentials)?;
        self.started = Some(now);
        self.vitality = Vitality::new(now);
        self.tick(now, pacer);
        Ok(())
    }

    /// Whether this side nominates. May turn when both sides think they do.
    pub(super) fn is_controlling(&self) -> bool {
        self.agent.role()
    }

    /// The pair to send on: the selected one, until then the best that works.
    pub(super) fn path(&self) -> Option<Path> {
        self.selected.or(self.validated.map(|(path, _)| path))
    }

    pub(super) fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// Whether `path` is one of its pairs.
    pub(super) fn knows(&self, path: Path) -> bool {
        let locals = self.agent.get_local_candidates().iter();
        let remotes = self.agent.get_remote_candidates().iter();
        locals
            .map(AgentCandidate::base_addr)
            .any(|a| a == path.local)
            && remotes.map(AgentCandidate::addr).any(|a| a == path.remote)
    }

    /// Takes an authenticated check; `bytes` is what [`Check::authentic`] gave.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        path: Path,
        check: &Check<'_>,
        bytes: &[u8],
        pacer: &mut Pacer,
    ) {
        let known = self.agent.get_remote_candidates();
        let new = !known.iter().any(|c| c.addr() == path.remote);
        if check.class == Class::Request && new && known.len() >= MAX_REMOTE {
            return;
        }
        let message = TransportMessage {
            now,
            transport: TransportContext {
                local_addr: path.local,
                peer_addr: path.remote,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            },
            message: BytesMut::from(bytes),
        };
        match self.agent.handle_read(message) {
            Ok(()) if self.selected == Some(path) => self.vitality.heard(now, Pulse::Sign),
            Ok(()) => {}
            Err(error) => tracing::trace!(%error, "a check was not taken"),
        }
        self.collect(pacer, Haste::Triggered);
        if check.class == Class::Success {
            self.look_at_pairs(now);
        }
        self.tick_if_due(now, pacer);
    }

    /// To be called no later than [`Checker::poll_timeout`] says; progress is fetched afterwards.
    pub(super) fn handle_timeout(&mut self, now: Instant, pacer: &mut Pacer) {
        self.tick_if_due(now, pacer);
    }

    pub(super) fn poll_timeout(&self, pacer: &Pacer) -> Option<Instant> {
        if self.failed {
            return None;
        }
        let started = self.started?;
        if self.selected.is_some() {
            let ping = self.vitality.next_ping();
            return Some(ping.max(self.last_tick + PING_SPACING));
        }
        if self.urgent {
            return Some(self.last_tick);
        }
        let age = self.last_tick.saturating_duration_since(started);
        let slower = STRETCHED.iter().find(|(from, _)| age >= *from);
        let interval = slower.map_or(CHECK_INTERVAL, |(_, interval)| *interval);
        let tick = self.last_tick + interval;
        // A tick asks on every pair: with many of them the next one waits until the last has left.
        Some(pacer.clear_at().map_or(tick, |clear| tick.max(clear)))
    }

    /// When to look whether the selected path still lives.
    pub(super) fn watch_timeout(&self) -> Option<Instant> {
        self.selected.and_then(|_| self.vitality.poll_timeout())
    }

    fn tick_if_due(&mut self, now: Instant, pacer: &mut Pacer) {
        if self.poll_timeout(pacer).is_some_and(|due| due <= now) {
            self.tick(now, pacer);
        }
    }

    fn tick(&mut self, now: Instant, pacer: &mut Pacer) {
        self.last_tick = now;
        self.urgent = false;
        if self.selected.is_some() {
            self.vitality.pinged(now);
        }
        if let Err(error) = self.agent.handle_timeout(now) {
            tracing::debug!(%error, "the agent's clock");
        }
        self.collect(pacer, Haste::Ordinary);
    }

    /// Moves what the agent wants to send into the queue.
    fn collect(&mut self, pacer: &mut Pacer, requests: Haste) {
        while let Some(message) = self.agent.poll_write() {
            let path = Path {
                local: message.transport.local_addr,
                remote: message.transport.peer_addr,
            };
            let bytes = message.message.to_vec();
            let haste = match Check::parse(&bytes) {
                Some(check) if check.class == Class::Request && check.nominates => Haste::Triggered,
                Some(check) if check.class == Class::Request => requests,
                // Answers, and the refusal of a role.
                Some(_) | None => Haste::Answer,
            };
            pacer.push(haste, Outgoing { path, bytes });
        }
    }

    /// What has changed since the last call.
    pub(super) fn poll_progress(&mut self, now: Instant) -> Option<Progress> {
        while let Some(event) = self.agent.poll_event() {
            match event.event {
                Event::SelectedCandidatePairChange(local, remote) => {
                    self.selected = Some(Path {
                        local: local.base_addr(),
                        remote: remote.addr(),
                    });
                    self.vitality = Vitality::new(now);
                    self.news.push_back(Progress::Selected);
                }
                Event::ConnectionStateChange(ConnectionState::Failed) if !self.failed => {
                    self.failed = true;
                    self.news.push_back(Progress::Failed);
                }
                // The role is asked for when needed; other states are the agent's own opinion of what
                // `vitality` judges.
                _ => {}
            }
        }
        if let Some((_, since)) = self.validated {
            let waits = self.selected.is_none() && !self.failed && self.agent.role();
            let old = now.saturating_duration_since(since) >= STALE;
            if waits && old && !self.stale {
                self.stale = true;
                self.news.push_back(Progress::Stale);
            }
        }
        self.news.pop_front()
    }

    /// After an answer: which pairs work, and whether the selected one was it.
    fn look_at_pairs(&mut self, now: Instant) {
        let stats = self.agent.get_candidate_pairs_stats(now);
        let working = |pair: &&CandidatePairStats| pair.state == CandidatePairState::Succeeded;
        let mut best: Option<(u64, Path)> = None;
        for pair in stats.iter().filter(working) {
            let Some((priority, path)) = self.resolve(pair) else {
                continue;
            };
            if self.selected == Some(path) && pair.responses_received > self.responses {
                self.responses = pair.responses_received;
                let trip = Duration::try_from_secs_f64(pair.current_round_trip_time);
                self.vitality.answered(now, trip.unwrap_or_default());
            }
            if best.is_none_or(|(known, _)| priority > known) {
                best = Some((priority, path));
            }
        }
        let Some((_, path)) = best else { return };
        match &mut self.validated {
            Some((known, _)) => *known = path,
            None => {
                self.validated = Some((path, now));
                self.news.push_back(Progress::Validated);
            }
        }
    }

    fn resolve(&self, pair: &CandidatePairStats) -> Option<(u64, Path)> {
        let find = |candidates: &'_ [AgentCandidate], id: &str| {
            let found = candidates.iter().find(|c| c.id() == id)?;
            Some((u64::from(found.priority()), found.base_addr(), found.addr()))
        };
        let (ours, local, _) = find(self.agent.get_local_candidates(), &pair.local_candidate_id)?;
        let (theirs, _, remote) = find(
            self.agent.get_remote_candidates(),
            &pair.remote_candidate_id,
        )?;
        // The order of RFC 8445 §6.1.2.3, without the last bit that only breaks ties.
        let priority = (ours.min(theirs) << 32) | ours.max(theirs);
        Some((priority, Path { local, remote }))
    }
}

fn config_of(candidate: &Candidate, address: SocketAddr) -> CandidateConfig {
    CandidateConfig {
        network: "udp".to_owned(),
        address: address.ip().to_string(),
        port: address.port(),
        component: candidate.component.number(),
        priority: candidate.priority,
        foundation: candidate.foundation.clone(),
        ..CandidateConfig::default()
    }
}
