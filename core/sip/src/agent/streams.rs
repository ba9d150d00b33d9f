//! The TCP and TLS connections the driver holds for the agent: which one leads where, and whether it still lives
//! (RFC 5626 §3.5.1, §4.4.1).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::KeepAlive;
use crate::message::{Frame, FrameError, Limits, StreamDecoder};
use crate::transaction::{ConnectionId, Hop, TransportKind};

/// More connections than a phone has peers.
const MAX_OPENED: usize = 64;
/// How many of those that others open are held at one time. They do not count against our own: a stranger
/// with many sockets must not keep the account from its server.
const MAX_ACCEPTED: usize = 32;

struct Stream {
    local: SocketAddr,
    remote: SocketAddr,
    /// Where the agent asked it to lead; `None` for one that came in.
    hop: Option<Hop>,
    decoder: StreamDecoder,
    ping_at: Option<Instant>,
    pong_due: Option<Instant>,
    /// Whether a ping went out that nothing answered yet.
    pinged: bool,
    /// Whether it ever brought a message.
    speaks: bool,
    /// Whether this peer has ever answered a ping: only then its silence means anything.
    pongs: bool,
}

impl Stream {
    /// Nobody opens TLS towards a phone: what came in is plain.
    fn transport(&self) -> TransportKind {
        let opened = self.hop.as_ref().map(|hop| hop.transport);
        opened.unwrap_or(TransportKind::Tcp)
    }
}

/// What a stream's clock asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StreamCare {
    /// Send CRLFCRLF.
    Ping(ConnectionId),
    /// The pong never came.
    Dead(ConnectionId),
}

pub(super) struct Streams {
    keep_alive: KeepAlive,
    open: BTreeMap<ConnectionId, Stream>,
}

impl Streams {
    pub(super) const fn new(keep_alive: KeepAlive) -> Self {
        Self {
            keep_alive,
            open: BTreeMap::new(),
        }
    }

    /// Says whether there is room for it.
    pub(super) fn connected(
        &mut self,
        now: Instant,
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        hop: Option<Hop>,
    ) -> bool {
        let (accepted, opened) = self.counts();
        if (hop.is_none() && accepted >= MAX_ACCEPTED) || (hop.is_some() && opened >= MAX_OPENED) {
            return false;
        }
        let stream = Stream {
            local,
            remote,
            ping_at: hop.is_some().then(|| self.next_ping(now)).flatten(),
            hop,
            decoder: StreamDecoder::new(Limits::default()),
            pong_due: None,
            pinged: false,
            speaks: false,
            pongs: false,
        };
        self.open.insert(id, stream);
        true
    }

    /// Which connection must go for another that somebody opens: the oldest that never said anything.
    pub(super) fn idler(&self) -> Option<ConnectionId> {
        let mut oldest_first = self.open.iter();
        let idle = |stream: &Stream| stream.hop.is_none() && !stream.speaks;
        let (accepted, _) = self.counts();
        let found = oldest_first.find(|(_, stream)| idle(stream));
        found
            .map(|(id, _)| *id)
            .filter(|_| accepted >= MAX_ACCEPTED)
    }

    /// How many connections others opened, and how many were opened here.
    fn counts(&self) -> (usize, usize) {
        let accepted = self.open.values().filter(|stream| stream.hop.is_none());
        let accepted = accepted.count();
        (accepted, self.open.len().saturating_sub(accepted))
    }

    pub(super) fn disconnected(&mut self, id: ConnectionId) -> bool {
        self.open.remove(&id).is_some()
    }

    pub(super) fn all(&self) -> Vec<ConnectionId> {
        self.open.keys().copied().collect()
    }

    pub(super) fn is_open(&self, id: ConnectionId) -> bool {
        self.open.contains_key(&id)
    }

    pub(super) fn remote(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.open.get(&id).map(|stream| stream.remote)
    }

    /// The connection that leads to `hop`: one opened for it, or whose far end has its address.
    pub(super) fn to(&self, hop: &Hop) -> Option<ConnectionId> {
        let leads = |stream: &&Stream| stream.hop.as_ref() == Some(hop);
        let opened = self.open.iter().rev().find(|(_, stream)| leads(stream));
        let found = opened.or_else(|| {
            let mut newest_first = self.open.iter().rev();
            newest_first.find(|(_, stream)| {
                // A TLS server proved one name; that it has the address of another proves nothing.
                let named = hop.proves.is_none();
                named && stream.transport() == hop.transport && hop.is_at(stream.remote)
            })
        });
        found.map(|(id, _)| *id)
    }

    /// An address of this side, as the newest connection of that transport has it.
    pub(super) fn local(&self, transport: TransportKind) -> Option<SocketAddr> {
        let mut newest_first = self.open.values().rev();
        let found = newest_first.find(|stream| stream.transport() == transport);
        found.map(|stream| stream.local)
    }

    /// What a connection speaks.
    pub(super) fn transport(&self, id: ConnectionId) -> Option<TransportKind> {
        self.open.get(&id).map(Stream::transport)
    }

    pub(super) fn push(&mut self, now: Instant, id: ConnectionId, bytes: &[u8]) {
        if let Some(stream) = self.open.get_mut(&id) {
            stream.decoder.push(bytes);
            // Any traffic proves the flow alive.
            stream.pong_due = None;
        }
        let next = self.next_ping(now);
        if let Some(stream) = self.open.get_mut(&id)
            && stream.ping_at.is_some()
        {
            stream.ping_at = next;
        }
    }

    pub(super) fn next_frame(&mut self, id: ConnectionId) -> Option<Result<Frame, FrameError>> {
        let stream = self.open.get_mut(&id)?;
        let frame = stream.decoder.next();
        match &frame {
            Some(Ok(Frame::KeepAlivePong)) if stream.pinged => {
                stream.pinged = false;
                stream.pongs = true;
            }
            // A peer that pings by itself: its pings cannot be told from pongs, so expect none.
            Some(Ok(Frame::KeepAlivePing)) => stream.pongs = false,
            Some(Ok(Frame::Message(_))) => stream.speaks = true,
            Some(_) | None => {}
        }
        frame
    }

    /// A registrar that names a Flow-Timer wants pings before it runs out (RFC 5626 §4.4).
    pub(super) fn set_interval(&mut self, interval: Duration) {
        self.keep_alive.tcp = self.keep_alive.tcp.map(|own| own.min(interval));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<StreamCare> {
        let next = self.next_ping(now);
        let pong = self.keep_alive.pong;
        let mut care = Vec::new();
        for (id, stream) in &mut self.open {
            if stream.pong_due.is_some_and(|at| at <= now) {
                stream.pong_due = None;
                care.push(StreamCare::Dead(*id));
            } else if stream.ping_at.is_some_and(|at| at <= now) {
                stream.ping_at = next;
                stream.pinged = true;
                if stream.pongs {
                    stream.pong_due = Some(now + pong);
                }
                care.push(StreamCare::Ping(*id));
            }
        }
        care
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let timers = |stream: &Stream| stream.ping_at.into_iter().chain(stream.pong_due).min();
        self.open.values().filter_map(timers).min()
    }

    fn next_ping(&self, now: Instant) -> Option<Instant> {
        self.keep_alive.tcp.map(|interval| now + interval)
    }
}
