//! One socket's business with one server, whatever the server does.

use std::net::SocketAddr;
use std::time::Instant;

use super::binding::Binding;
use super::config::ServerTransport;
use super::relay::Relay;
use crate::transport::LocalSocket;

/// See the module.
pub(super) struct Link {
    pub(super) socket: LocalSocket,
    /// Which of the configured servers.
    pub(super) server: usize,
    pub(super) kind: LinkKind,
}

pub(super) enum LinkKind {
    Stun(Box<Binding>),
    Turn(Box<Relay>),
}

impl Link {
    /// Whether a datagram that came to `local` from `from` may be this link's.
    pub(super) fn is_between(&self, local: SocketAddr, from: SocketAddr) -> bool {
        let server = match &self.kind {
            LinkKind::Stun(binding) => binding.server(),
            LinkKind::Turn(relay) if *relay.transport() == ServerTransport::Udp => relay.server(),
            LinkKind::Turn(_) => return false,
        };
        same(server, from) && same(self.socket.address, local)
    }

    pub(super) fn relay(&self) -> Option<&Relay> {
        match &self.kind {
            LinkKind::Stun(_) => None,
            LinkKind::Turn(relay) => Some(relay),
        }
    }

    pub(super) fn relay_mut(&mut self) -> Option<&mut Relay> {
        match &mut self.kind {
            LinkKind::Stun(_) => None,
            LinkKind::Turn(relay) => Some(relay),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.kind {
            LinkKind::Stun(binding) => binding.poll_timeout(),
            LinkKind::Turn(relay) => relay.poll_timeout(),
        }
    }

    /// Whether it has yet to say its first word.
    pub(super) fn is_pending(&self) -> bool {
        match &self.kind {
            LinkKind::Stun(binding) => binding.is_pending(),
            LinkKind::Turn(relay) => relay.is_pending(),
        }
    }
}

/// Whether two addresses are one: an IPv6 address may come with a scope or flow that says nothing here.
pub(super) fn same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}
