//! Everything that reaches the engine's task, in one bounded queue.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tandem_media::StreamId;
use tandem_sip::locate::{Answer, Question};
use tandem_sip::transaction::{ConnectionId, Hop, TransportError};
use tandem_types::{AccountId, CallId};
use tokio::sync::mpsc;

use super::media_streams::StreamNews;
use super::sip_sockets::Peer;
use super::stream::Wire;
use crate::SafetyPhrase;
use crate::phone::LookupId;

/// Packets that may wait. At 50 packets a second and call this is many seconds; beyond it the readers wait,
/// and the kernel drops what its own buffers cannot hold.
const CAPACITY: usize = 1_024;

/// Something that came in.
pub(super) enum Inbound {
    Sip {
        account: AccountId,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Connected {
        account: AccountId,
        stream: Wire,
        peer: Peer,
        hop: Option<Hop>,
    },
    NotConnected {
        account: AccountId,
        peer: Peer,
        failure: TransportError,
    },
    Stream {
        account: AccountId,
        connection: ConnectionId,
        bytes: Vec<u8>,
    },
    Disconnected {
        account: AccountId,
        connection: ConnectionId,
    },
    /// Nobody takes datagrams there.
    Unreachable {
        account: AccountId,
        remote: SocketAddr,
    },
    /// Name servers have answered the agent.
    Answered {
        account: AccountId,
        question: Question,
        answer: Answer,
    },
    Resolved {
        account: AccountId,
        name: String,
        /// `None`: the name has no address this side can reach.
        ip: Option<IpAddr>,
    },
    Media {
        call: CallId,
        local: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Something became of a call's connection to a TURN server.
    MediaStream {
        call: CallId,
        id: StreamId,
        news: StreamNews,
    },
    /// Where one of the account's STUN and TURN servers is.
    Server {
        account: AccountId,
        id: LookupId,
        addresses: Vec<SocketAddr>,
    },
    /// What shows whether the account's network has a NAT64.
    Translator {
        account: AccountId,
        id: LookupId,
        records: Vec<Ipv6Addr>,
    },
    Phrase {
        call: CallId,
        phrase: Option<SafetyPhrase>,
    },
}

/// Where readers put it.
#[derive(Clone)]
pub(super) struct Inbox(mpsc::Sender<Inbound>);

impl Inbox {
    pub(super) fn new() -> (Self, mpsc::Receiver<Inbound>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        (Self(sender), receiver)
    }

    /// Waits for room. False when the engine has gone.
    pub(super) async fn put(&self, inbound: Inbound) -> bool {
        self.0.send(inbound).await.is_ok()
    }

    /// From inside the engine's own task, which must not wait for itself.
    pub(super) fn put_now(&self, inbound: Inbound) {
        if let Err(mpsc::error::TrySendError::Full(inbound)) = self.0.try_send(inbound) {
            let inbox = self.clone();
            tokio::spawn(async move { inbox.put(inbound).await });
        }
    }
}
