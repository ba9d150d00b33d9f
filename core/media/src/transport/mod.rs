//! The packets of one m-line, or of a bundle of them, on their way: which address, which component, what protection.
//!
//! A transport is one way to the peer times one protection, and neither notices the other:
//!
//! ```text
//!            ┌─ fixed addresses, learnt from packets ─┐     ┌─ plain
//!   sockets ─┤                                        ├─ × ─┼─ SRTP, keys from the signalling
//!   relays  ─┴─ ICE, one generation beside the other ─┘     └─ SRTP, keys by DTLS
//! ```
//!
//! A datagram is told apart by its first byte (RFC 7983): 0–3 STUN, 20–63 DTLS, 64–79 TURN channels, 128–191 RTP or RTCP.

pub(crate) mod demux;
pub mod dtls;
mod event;
mod fixed;
mod forks;
pub(crate) mod ice;
mod inbound;
mod latch;
mod outbound;
mod protection;
mod routes;
pub mod sdes;
pub mod srtp;
pub(crate) mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use tandem_types::media::{IceDescription, SdesKey};
use tandem_types::{Encryption, Entropy};

pub(crate) use demux::RtcpItem;
use dtls::{Certificate, Cookie, DtlsConfig, DtlsRole};
pub(crate) use event::TransportOutput;
pub use event::{Certificates, TransportCounters, TransportEvent, TransportFailure};
use fixed::FixedPath;
pub use ice::IceFault;
pub use ice::candidate::CandidateError;
use ice::candidate::{Candidate, CandidateType};
pub use ice::nat64::{NAT64_DISCOVERY_NAME, Nat64Prefix, discovered_prefixes};
use ice::{IceConfig, IceLink};
use protection::Protection;
pub(crate) use routes::Route;
use routes::Routes;
use srtp::EarlyPackets;
use wire::Path;
pub use wire::{Component, Datagram, LocalSocket, StreamCommand, StreamId, StreamInput};

use crate::gather::{CandidateKind, GatherConfig, GatherPolicy, Gatherer, LocalCandidate};
use crate::negotiate::{AgreedSecurity, LocalTransport, Negotiated};

/// Outputs kept for a caller that does not fetch them; beyond this the oldest go.
const MAX_OUTPUTS: usize = 512;
/// Sockets of one transport: two components on a handful of interfaces.
const MAX_SOCKETS: usize = 16;

/// What a transport starts with. The default is plain RTP to fixed addresses.
#[derive(Clone, Default)]
pub struct TransportConfig {
    /// Ours for DTLS-SRTP, new in every call; `None`: neither offered nor taken.
    pub certificate: Option<Certificate>,
    /// How DTLS behaves.
    pub dtls: DtlsConfig,
    /// The network's translator, for peers that have only IPv4 (RFC 6052).
    pub nat64: Option<Nat64Prefix>,
    /// Whether every packet goes through a relay: no socket's own address is told, and the sockets send to nobody
    /// and hear nobody but the servers, from the first moment on. What is gathered is
    /// [`RelayOnly`](GatherPolicy::RelayOnly) then, whatever is asked.
    pub relay_only: bool,
}

/// A relayed address of ours.
#[derive(Clone, Copy, Debug)]
struct RelayBase {
    address: SocketAddr,
    component: Component,
    /// What it was gathered over.
    socket: SocketAddr,
}

/// One m-line's or bundle's transport. Sans-IO: datagrams in, datagrams out.
pub(crate) struct Transport {
    config: TransportConfig,
    sockets: Vec<LocalSocket>,
    /// Sockets that the next generation does without.
    leaving: Vec<SocketAddr>,
    relays: Vec<RelayBase>,
    gatherer: Option<Gatherer>,
    relay_only: bool,
    fixed: FixedPath,
    /// From gathering on, unless the call is accepted and its peer has none.
    ice: Option<IceLink>,
    /// Who answered last has no ICE: it stands by for another end, and packets go to fixed addresses.
    bypassed: bool,
    /// The call is accepted: nobody else may answer any more.
    settled: bool,
    agreed: Option<AgreedSecurity>,
    protection: Protection,
    /// Packets that came before their keys, and their way.
    early: EarlyPackets<Path>,
    rtcp_mux: bool,
    connected: bool,
    routes: Routes,
    tls_id: Option<String>,
    sdes: Vec<SdesKey>,
    outputs: VecDeque<TransportOutput>,
    counters: TransportCounters,
}

impl Transport {
    /// A transport that knows nobody yet.
    pub(crate) fn new(config: TransportConfig, entropy: &mut dyn Entropy) -> Self {
        let tls_id = config
            .certificate
            .as_ref()
            .map(|certificate| dtls::new_tls_id(entropy, &certificate.fingerprint()));
        Self {
            relay_only: config.relay_only,
            config,
            sockets: Vec::new(),
            leaving: Vec::new(),
            relays: Vec::new(),
            gatherer: None,
            fixed: FixedPath::default(),
            ice: None,
            bypassed: false,
            settled: false,
            agreed: None,
            protection: Protection::Open { plain: false },
            early: EarlyPackets::default(),
            rtcp_mux: false,
            connected: false,
            routes: Routes::default(),
            tls_id,
            sdes: Vec::new(),
            outputs: VecDeque::new(),
            counters: TransportCounters::default(),
        }
    }

    /// A socket is open. The first of each component is the one that a peer without ICE is told.
    pub(crate) fn add_socket(&mut self, now: Instant, socket: LocalSocket) {
        let known = |s: &LocalSocket| s.address == socket.address;
        if self.sockets.len() >= MAX_SOCKETS || self.sockets.iter().any(known) {
            return;
        }
        self.sockets.push(socket);
        if let Some(gatherer) = &mut self.gatherer {
            if let Err(error) = gatherer.add_socket(now, socket) {
                tracing::debug!(%error, "nothing is gathered for a socket");
            }
            self.pump(now);
        }
    }

    /// A socket's network is about to go: the generation in use keeps it, the next one does without.
    pub(crate) fn leave_socket(&mut self, address: SocketAddr) {
        let known = self.sockets.iter().any(|socket| socket.address == address);
        if known && !self.leaving.contains(&address) {
            self.leaving.push(address);
        }
        if let Some(ice) = &mut self.ice {
            ice.leave_local(address);
            for relay in self.relays.iter().filter(|relay| relay.socket == address) {
                ice.leave_local(relay.address);
            }
        }
    }

    /// A socket is gone, with the network it was on.
    pub(crate) fn remove_socket(&mut self, now: Instant, address: SocketAddr) {
        self.sockets.retain(|socket| socket.address != address);
        self.leaving.retain(|left| *left != address);
        if let Some(ice) = &mut self.ice {
            ice.remove_local(now, address);
        }
        // What was relayed over it is told as lost.
        if let Some(gatherer) = &mut self.gatherer {
            gatherer.remove_socket(now, address);
        }
        self.pump(now);
    }

    /// Begins ICE: finds the addresses to tell the peer. To be called once, before [`Transport::local`].
    pub(crate) fn gather(
        &mut self,
        now: Instant,
        mut config: GatherConfig,
        mut entropy: Box<dyn Entropy>,
    ) -> Result<(), TransportFailure> {
        if self.gatherer.is_some() {
            return Ok(());
        }
        if self.relay_only {
            config.policy = GatherPolicy::RelayOnly;
        }
        self.relay_only = config.policy == GatherPolicy::RelayOnly;
        let ice = IceConfig {
            relay_only: self.relay_only,
            nat64: self.config.nat64,
        };
        let both = self.sockets.iter().any(|s| s.component == Component::Rtcp);
        self.ice = Some(IceLink::new(now, ice, both, entropy.as_mut())?);
        let mut gatherer = Gatherer::new(config, entropy);
        for socket in &self.sockets {
            if let Err(error) = gatherer.add_socket(now, *socket) {
                tracing::debug!(%error, "nothing is gathered for a socket");
            }
        }
        self.gatherer = Some(gatherer);
        self.pump(now);
        Ok(())
    }

    /// What to tell the peer; `None` without a socket.
    pub(crate) fn local(&mut self, entropy: &mut dyn Entropy) -> Option<LocalTransport> {
        if self.sdes.is_empty() {
            self.sdes = sdes::offer(entropy);
        }
        let rtp = self.default_address(Component::Rtp)?;
        let certificate = self.config.certificate.as_ref();
        let mut ice = self.ice.as_ref().and_then(IceLink::description);
        if let (Some(ice), Some(gatherer)) = (&mut ice, &self.gatherer) {
            ice.end_of_candidates = !gatherer.is_gathering();
        }
        Some(LocalTransport {
            rtp,
            rtcp: self.default_address(Component::Rtcp).unwrap_or(rtp),
            ice,
            fingerprint: certificate.map(Certificate::fingerprint),
            tls_id: self.tls_id.clone(),
            sdes: self.sdes.clone(),
        })
    }

    fn default_address(&self, component: Component) -> Option<SocketAddr> {
        if let Some(candidate) = self.default_candidate(component) {
            return Some(candidate.address);
        }
        let mut sockets = self.sockets.iter().filter(|_| !self.relay_only);
        let socket = sockets.find(|s| s.component == component)?;
        Some(socket.address)
    }

    /// The candidate that most surely works (RFC 8445 §5.1.3.2), of those that the newest generation is told with: a
    /// default address that is no candidate would look like an intermediary's (RFC 8839 §4.2.5).
    fn default_candidate(&self, component: Component) -> Option<&LocalCandidate> {
        let found = self.gatherer.as_ref()?.candidates().iter();
        let found = found.filter(|c| c.component == component);
        let stays = found.filter(|c| !self.leaving.contains(&c.socket));
        // Of the family of the address that signalling uses: that is what a peer without ICE has most likely.
        let first = self.sockets.iter().find(|s| s.component == component);
        let fits = |c: &LocalCandidate| {
            first.is_some_and(|first| first.address.is_ipv4() == c.address.is_ipv4())
        };
        stays.max_by_key(|candidate| (fits(candidate), candidate.kind, candidate.priority))
    }

    /// An offer of ours is out. `plain`: media may come before its answer, and unprotected.
    pub(crate) fn listen(&mut self, plain: bool, streams: Vec<Route>) {
        self.routes.set(streams, None);
        if self.agreed.is_none() {
            self.protection = Protection::Open { plain };
        }
    }

    /// Takes what was agreed on, for the first time or again.
    ///
    /// # Errors
    /// The peer's ICE or keys cannot be used; what held before goes on.
    pub(crate) fn agree(
        &mut self,
        now: Instant,
        terms: &Negotiated,
        streams: Vec<Route>,
    ) -> Result<(), TransportFailure> {
        let other_end = self.is_of_other_end(terms);
        let kept = !other_end && self.agreed.as_ref() == Some(&terms.security);
        let protection = if kept {
            None
        } else {
            let both = !terms.rtcp_mux;
            let certificate = self.config.certificate.as_ref();
            let dtls = self.dtls_with(terms);
            let security = &terms.security;
            Some(Protection::of(now, security, certificate, dtls, both)?)
        };
        self.agree_on_way(now, terms, other_end)?;
        if let Some(protection) = protection {
            self.protection = protection;
            self.agreed = Some(terms.security.clone());
        }
        self.routes.set(streams, None);
        self.rtcp_mux = terms.rtcp_mux;
        self.fixed
            .set_signalled(terms.remote_rtp, terms.remote_rtcp);
        if !kept && self.protection.is_ready() {
            self.secured(None);
        }
        self.open_early(now);
        self.pump(now);
        Ok(())
    }

    /// Where ICE shows that both are where they say, the client need not be asked for a cookie that the server's
    /// `a=tls-id` told it.
    fn dtls_with(&self, terms: &Negotiated) -> DtlsConfig {
        let cookie = match &terms.security {
            AgreedSecurity::Dtls {
                role: DtlsRole::Client,
                fingerprints,
                tls_id,
            } => tls_id
                .as_deref()
                .and_then(|tls_id| Cookie::announced(tls_id, fingerprints)),
            AgreedSecurity::Dtls {
                role: DtlsRole::Server,
                ..
            } => self.tls_id.as_deref().map(Cookie::own),
            AgreedSecurity::Sdes { .. } | AgreedSecurity::Plain => None,
        };
        DtlsConfig {
            cookie: cookie.filter(|_| terms.ice.is_some() && self.ice.is_some()),
            ..self.config.dtls
        }
    }

    /// A candidate of the peer's that came later. `fragment`: its generation's, where it was told.
    ///
    /// # Errors
    /// Why it is not used.
    pub(crate) fn add_remote_candidate(
        &mut self,
        now: Instant,
        line: &str,
        fragment: Option<&str>,
    ) -> Result<(), CandidateError> {
        if let Some(ice) = &mut self.ice {
            ice.add_remote(line, fragment)?;
        }
        self.pump(now);
        Ok(())
    }

    /// Begins the next generation beside the one in use; [`Transport::local`] then describes it.
    pub(crate) fn restart(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Result<(), TransportFailure> {
        if let Some(ice) = &mut self.ice {
            ice.restart(now, entropy)?;
        }
        Ok(())
    }

    /// Whether the peer's `description` asks for a generation that is not there yet.
    pub(crate) fn is_restarted_by(&self, description: &IceDescription) -> bool {
        self.ice
            .as_ref()
            .is_some_and(|ice| ice.is_restarted_by(description))
    }

    /// To be called no later than [`Transport::poll_timeout`] says.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some(gatherer) = &mut self.gatherer {
            gatherer.handle_timeout(now);
        }
        if let Some(ice) = &mut self.ice {
            ice.handle_timeout(now);
        }
        if let Protection::Dtls(associations) = &mut self.protection {
            associations.handle_timeout(now);
        }
        self.pump(now);
    }

    /// When [`Transport::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let dtls = match &self.protection {
            Protection::Dtls(associations) => associations.poll_timeout(),
            Protection::Open { .. } | Protection::Plain | Protection::Sdes(_) => None,
        };
        let ice = self.ice.as_ref().and_then(IceLink::poll_timeout);
        let gatherer = self.gatherer.as_ref().and_then(Gatherer::poll_timeout);
        [ice, dtls, gatherer].into_iter().flatten().min()
    }

    /// What is to be done; to be fetched after every other call, until `None`.
    pub(crate) fn poll_output(&mut self) -> Option<TransportOutput> {
        self.outputs.pop_front()
    }

    /// Says goodbye to the association. What is to be sent is still fetched.
    pub(crate) fn close(&mut self, now: Instant) {
        if let Protection::Dtls(associations) = &mut self.protection {
            associations.close(now);
        }
        self.pump(now);
        if let Some(gatherer) = &mut self.gatherer {
            gatherer.close(now);
        }
        self.pump(now);
        self.ice = None;
    }

    /// What protects the packets now; `None` while nothing does that should.
    pub(crate) fn encryption(&self) -> Option<Encryption> {
        self.protection.encryption()
    }

    /// Datagrams that were not used.
    pub(crate) fn counters(&self) -> TransportCounters {
        let refused = self.ice.as_ref().map_or(0, |ice| ice.refused);
        let mut counters = self.counters;
        counters.unauthentic += refused;
        counters
    }

    fn event(&mut self, event: TransportEvent) {
        self.output(TransportOutput::Event(event));
    }

    fn output(&mut self, output: TransportOutput) {
        if self.outputs.len() >= MAX_OUTPUTS {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }

    fn secured(&mut self, certificates: Option<Certificates>) {
        if let Some(encryption) = self.protection.encryption()
            && encryption != Encryption::None
        {
            self.event(TransportEvent::Secured {
                encryption,
                certificates,
            });
        }
    }

    /// A local candidate was found.
    fn add_local(&mut self, found: LocalCandidate) {
        let kind = match found.kind {
            CandidateKind::Host => CandidateType::Host,
            CandidateKind::ServerReflexive => CandidateType::ServerReflexive,
            CandidateKind::Relayed => CandidateType::Relayed,
        };
        if kind == CandidateType::Relayed {
            self.relays.push(RelayBase {
                address: found.base,
                component: found.component,
                socket: found.socket,
            });
        }
        let candidate = Candidate {
            foundation: found.foundation,
            component: found.component,
            priority: found.priority,
            address: found.address,
            kind,
            related: found.related,
            extensions: Vec::new(),
        };
        let line = candidate.to_string();
        if let Some(ice) = &mut self.ice
            && ice.add_local(found.base, candidate)
        {
            self.event(TransportEvent::Candidate(line));
        }
    }
}
