//! What the driver tells a phone: bytes, streams and time.

use std::net::SocketAddr;
use std::time::Instant;

use tandem_media::{StreamId, StreamInput};
use tandem_sip::locate::{Answer, Question};
use tandem_sip::transaction::{ConnectionId, Hop, TransmitId, TransportError};
use tandem_types::{AccountId, CallId};

use super::{MediaPorts, Phone};

impl Phone {
    /// A datagram came in on an account's SIP socket.
    pub fn handle_sip_datagram(
        &mut self,
        now: Instant,
        account: AccountId,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_datagram(now, from, bytes);
        });
    }

    /// A stream opened: for `hop`, or (`None`) by the far end.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        account: AccountId,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        hop: Option<Hop>,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_connected(now, connection, local, remote, hop);
        });
    }

    /// Bytes came in on a stream.
    pub fn handle_stream(
        &mut self,
        now: Instant,
        account: AccountId,
        connection: ConnectionId,
        bytes: &[u8],
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_stream(now, connection, bytes);
        });
    }

    /// A stream closed or broke.
    pub fn handle_disconnected(
        &mut self,
        now: Instant,
        account: AccountId,
        connection: ConnectionId,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_disconnected(now, connection);
        });
    }

    /// A SIP message could not be sent: no such name, nobody listens, no route.
    pub fn handle_send_failed(
        &mut self,
        now: Instant,
        account: AccountId,
        transmit: TransmitId,
        failure: TransportError,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_send_failed(now, transmit, failure);
        });
    }

    /// Nobody takes datagrams at `remote` (ICMP).
    pub fn handle_unreachable(&mut self, now: Instant, account: AccountId, remote: SocketAddr) {
        self.with_agent(now, account, |agent| {
            agent.handle_unreachable(now, remote);
        });
    }

    /// The name servers have answered an [`Output::Locate`](super::Output::Locate); with no records where
    /// they said nothing.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        account: AccountId,
        question: &Question,
        answer: &Answer,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_answer(now, question, answer);
        });
    }

    /// The sockets asked for with [`Output::OpenMedia`](super::Output::OpenMedia) are open, at these addresses of the
    /// device, best first; at none: they could not be.
    pub fn handle_media_opened(&mut self, now: Instant, call: &CallId, ports: &[MediaPorts]) {
        self.with_call(now, call, |call, desk| {
            call.handle_media_opened(now, ports, desk);
        });
    }

    /// A packet came in on a call's media socket `local`.
    pub fn handle_media_datagram(
        &mut self,
        now: Instant,
        call: &CallId,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        self.with_call(now, call, |call, desk| {
            call.handle_media_datagram(now, local, from, bytes, desk);
        });
    }

    /// Something became of a connection that [`Output::MediaStream`](super::Output::MediaStream) opened.
    pub fn handle_media_stream(
        &mut self,
        now: Instant,
        call: &CallId,
        id: StreamId,
        input: StreamInput<'_>,
    ) {
        self.with_call(now, call, |call, desk| {
            call.handle_media_stream(now, id, input, desk);
        });
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let accounts: Vec<AccountId> = self.desk.accounts.keys().copied().collect();
        for account in accounts {
            self.with_agent(now, account, |agent| agent.handle_timeout(now));
        }
        let due: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| call.poll_timeout().is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.with_call(now, &id, |call, desk| call.handle_timeout(now, desk));
        }
        self.settle(now);
    }
}
