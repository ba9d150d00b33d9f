//! What is kept of each open transaction: its machine, its messages, and where they go.

use std::time::Instant;

use super::matching::{ClientKey, MergeKey, ReplyRoute, ServerKey};
use super::{
    ClientId, Destination, InviteClient, InviteServer, OtherClient, OtherServer, Outgoing,
    ServerId, Timers, TransmitId,
};
use crate::message::{Method, Request, Via};

/// A second way for a request that cannot be sent the first way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fallback {
    /// Where it goes then.
    pub to: Destination,
    /// The top Via it then carries.
    pub via: Via,
}

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(InviteClient),
    Other(OtherClient),
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) machine: ClientMachine,
    pub(super) key: ClientKey,
    pub(super) request: Request,
    pub(super) bytes: Vec<u8>,
    pub(super) to: Destination,
    pub(super) fallback: Option<Fallback>,
    pub(super) ack: Option<Vec<u8>>,
    /// When it is given up unless something was heard.
    pub(super) patience: Option<Instant>,
    /// Whether any response came.
    pub(super) heard: bool,
}

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(InviteServer),
    Other(OtherServer),
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) machine: ServerMachine,
    pub(super) key: ServerKey,
    pub(super) merge: Option<MergeKey>,
    pub(super) route: ReplyRoute,
    /// The last response as sent; empty until there is one.
    pub(super) last: Vec<u8>,
}

impl ClientMachine {
    pub(super) fn start(now: Instant, timers: Timers, method: &Method, to: &Destination) -> Self {
        let reliable = to.is_reliable();
        if *method == Method::INVITE {
            Self::Invite(InviteClient::new(now, timers, reliable))
        } else {
            Self::Other(OtherClient::new(now, timers, reliable))
        }
    }
}

impl Client {
    pub(super) const fn is_pending(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.state().is_pending(),
            ClientMachine::Other(machine) => machine.state().is_pending(),
        }
    }

    pub(super) fn transmission(&self, id: ClientId, bytes: &[u8]) -> Outgoing {
        Outgoing {
            id: TransmitId(id.0),
            to: self.to.clone(),
            bytes: bytes.to_vec(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let machine = match &self.machine {
            ClientMachine::Invite(machine) => machine.poll_timeout(),
            ClientMachine::Other(machine) => machine.poll_timeout(),
        };
        machine.into_iter().chain(self.patience).min()
    }
}

impl Server {
    /// The last response, if any, for its way back.
    pub(super) fn current(&self, id: ServerId) -> Option<Outgoing> {
        (!self.last.is_empty()).then(|| Outgoing {
            id: TransmitId(id.0),
            to: self.route.to.clone(),
            bytes: self.last.clone(),
        })
    }

    /// What a repeated request gets.
    pub(super) fn repeat(&self, id: ServerId) -> Option<Outgoing> {
        let repeats = match &self.machine {
            ServerMachine::Invite(machine) => machine.on_repeat(),
            ServerMachine::Other(machine) => machine.on_repeat(),
        };
        if repeats { self.current(id) } else { None }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.poll_timeout(),
            ServerMachine::Other(machine) => machine.poll_timeout(),
        }
    }
}
