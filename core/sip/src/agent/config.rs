//! What an agent is told once: who it is, how it reaches its server, and its limits.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::digest::Credentials;
use crate::locate::{Target, TransportChoice};
use crate::message::Uri;
use crate::transaction::Timers;

/// What a [`UserAgent`](super::UserAgent) is and how it behaves.
///
/// [`AgentConfig::new`] fills everything but the identity with values that fit a phone; set what differs.
/// `Debug` shows nothing that names a person or a place.
#[derive(Clone)]
pub struct AgentConfig {
    /// Address of record: what goes into From, and what REGISTER binds.
    pub aor: Uri,
    /// Name shown to the far end.
    pub display_name: Option<String>,
    /// For digest challenges of the registrar and of proxies; `None` gives up at the first challenge. Calls
    /// answer a realm that the registrar challenged with, or that is named like the account or its servers;
    /// if the registrar never challenges, the first one that asks.
    pub credentials: Option<Credentials>,
    /// Where REGISTER goes, and through which calls go; `None`: direct calls without a server.
    pub registrar: Option<Uri>,
    /// First hop of every request outside a dialog, before the registrar.
    pub outbound_proxy: Option<Uri>,
    /// Transport of requests whose URI names none. TLS never gives way to another.
    pub transport: TransportChoice,
    /// Where this side can be reached, as far as it knows.
    pub local: LocalAddresses,
    /// `+sip.instance` (RFC 5626 §4.1): a `urn:uuid:…` that stays the same for the life of the installation.
    pub instance_id: String,
    /// The User-Agent and Server header; empty sends none.
    pub user_agent: String,
    /// Registration lifetime to ask for.
    pub expires: Duration,
    /// T1, T2, T4.
    pub timers: Timers,
    /// What to do with requests over 1300 bytes on UDP (RFC 3261 §18.1.1).
    pub large_requests: LargeRequests,
    /// Keep-alives for NAT bindings and dead connections.
    pub keep_alive: KeepAlive,
    /// How long an outgoing call may ring, and an incoming one may go unanswered.
    pub ring_limit: Duration,
    /// Sessions at one time, both directions; more get 486 or an error.
    pub max_sessions: usize,
    /// Whether descriptions name nobody in `o=`, which otherwise has the address that SIP is spoken from: for calls
    /// whose media shows no address of this device (RFC 8829 §5.2.1 has `0.0.0.0` there).
    pub hides_origin: bool,
}

impl AgentConfig {
    /// A phone with no server and no credentials that speaks `transport`.
    pub fn new(aor: Uri, transport: impl Into<TransportChoice>, local: LocalAddresses) -> Self {
        Self {
            aor,
            display_name: None,
            credentials: None,
            registrar: None,
            outbound_proxy: None,
            transport: transport.into(),
            local,
            instance_id: String::new(),
            user_agent: String::new(),
            expires: Duration::from_secs(600),
            timers: Timers::default(),
            large_requests: LargeRequests::default(),
            keep_alive: KeepAlive::default(),
            ring_limit: Duration::from_secs(180),
            max_sessions: 16,
            hides_origin: false,
        }
    }

    /// The first hop of requests outside any dialog.
    pub(super) fn server(&self) -> Option<&Uri> {
        self.outbound_proxy.as_ref().or(self.registrar.as_ref())
    }
}

impl fmt::Debug for AgentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentConfig")
            .field("has_registrar", &self.registrar.is_some())
            .field("has_credentials", &self.credentials.is_some())
            .field("transport", &self.transport)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The addresses that go into Via and Contact. `Debug` says only which there are.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct LocalAddresses {
    /// The UDP socket's address.
    pub udp: Option<SocketAddr>,
    /// The TCP listener's address. Without one, an open connection's own address is used.
    pub tcp: Option<SocketAddr>,
    /// Where TLS connections leave from before there is one; port 0 where that is not known, as mostly.
    pub tls: Option<SocketAddr>,
}

impl LocalAddresses {
    /// Whether a socket of this side can reach that target: one of its address family.
    pub(super) fn reaches(&self, target: &Target) -> bool {
        let own = self.udp.or(self.tcp).or(self.tls);
        own.is_none_or(|own| own.is_ipv4() == target.address.is_ipv4())
    }
}

impl fmt::Debug for LocalAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (udp, tcp, tls) = (self.udp.is_some(), self.tcp.is_some(), self.tls.is_some());
        write!(f, "LocalAddresses(udp: {udp}, tcp: {tcp}, tls: {tls})")
    }
}

/// What happens to a request that is too large for a datagram.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LargeRequests {
    /// It goes over TCP, and over UDP after all if nobody listens there. Needs a driver with TCP.
    UseTcp,
    /// It goes as a (fragmented) datagram: some providers have no TCP.
    #[default]
    StayOnUdp,
}

/// How often an idle flow is kept warm. `None` switches one off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// UDP: a bare CRLF to the registrar.
    pub udp: Option<Duration>,
    /// TCP and TLS: a CRLFCRLF ping (RFC 5626 §3.5.1).
    pub tcp: Option<Duration>,
    /// How long a TCP peer may take to pong, once it has ponged at all (10 s in RFC 5626 §4.4.1).
    pub pong: Duration,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            udp: Some(Duration::from_secs(25)),
            tcp: Some(Duration::from_secs(25)),
            pong: Duration::from_secs(10),
        }
    }
}
