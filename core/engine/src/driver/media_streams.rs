//! A call's connections to TURN servers, over TCP and TLS.
//!
//! Each is one task that connects, proves the server's name, and then carries bytes both ways. It ends when its queue
//! is dropped: at once while it connects, else as soon as what was queued is written.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tandem_media::{StreamCommand, StreamId};
use tandem_sip::message::Host;
use tandem_types::CallId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::inbox::{Inbound, Inbox};
use super::sip_sockets::{Network, open};
use super::stream::Wire;
use crate::net::{LocalAddress, NetworkId};

/// How long a connection, and the server's proof over TLS, may take. A call waits for it to begin.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long the server may take to take one message.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to take the last ones, which give back what it lent.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages that wait while it is slow, two seconds of a call; what comes on top is lost, as a datagram would be.
const BACKLOG: usize = 128;
const READ_AT_ONCE: usize = 8 * 1024;
/// Connections of one call at one time.
const MAX_STREAMS: usize = 32;

/// The connections of one call. Dropping it ends them all.
pub(super) struct MediaStreams {
    call: CallId,
    network: Network,
    inbox: Inbox,
    /// The paths that the device's addresses belong to.
    paths: BTreeMap<IpAddr, NetworkId>,
    writers: BTreeMap<StreamId, mpsc::Sender<Vec<u8>>>,
}

/// What became of one of them.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum StreamNews {
    Opened,
    Bytes(Vec<u8>),
    Closed,
}

impl MediaStreams {
    pub(super) fn new(
        call: CallId,
        network: Network,
        inbox: Inbox,
        addresses: &[LocalAddress],
    ) -> Self {
        let paths = addresses.iter().map(|at| (at.ip, at.network));
        Self {
            paths: paths.collect(),
            call,
            network,
            inbox,
            writers: BTreeMap::new(),
        }
    }

    pub(super) fn carry_out(&mut self, command: StreamCommand) {
        match command {
            StreamCommand::Open {
                id,
                local_ip,
                server,
                tls_name,
            } => self.open(id, local_ip, server, tls_name),
            StreamCommand::Write { id, bytes } => {
                let writer = self.writers.get(&id);
                // Whole messages: what comes after one that is lost is still understood.
                if writer.is_some_and(|writer| writer.try_send(bytes).is_err()) {
                    tracing::trace!(call = %self.call, "a TURN server is too slow, or gone");
                }
            }
            StreamCommand::Close { id } => {
                self.writers.remove(&id);
            }
        }
    }

    fn open(
        &mut self,
        id: StreamId,
        local_ip: Option<IpAddr>,
        server: SocketAddr,
        tls_name: Option<String>,
    ) {
        self.writers.retain(|_, writer| !writer.is_closed());
        let (writer, queue) = mpsc::channel(BACKLOG);
        let (call, inbox) = (self.call.clone(), self.inbox.clone());
        if self.writers.len() >= MAX_STREAMS {
            let news = StreamNews::Closed;
            inbox.put_now(Inbound::MediaStream { call, id, news });
            return;
        }
        self.writers.insert(id, writer);
        let mut network = self.network.clone();
        let path = local_ip.and_then(|ip| self.paths.get(&ip));
        network.id = path.copied().unwrap_or(network.id);
        let line = Line {
            call,
            id,
            inbox,
            network,
            server,
        };
        tokio::spawn(line.run(queue, local_ip, tls_name));
    }
}

/// One connection, from its own task.
struct Line {
    call: CallId,
    id: StreamId,
    inbox: Inbox,
    network: Network,
    server: SocketAddr,
}

impl Line {
    async fn run(
        self,
        mut queue: mpsc::Receiver<Vec<u8>>,
        local_ip: Option<IpAddr>,
        tls_name: Option<String>,
    ) {
        let connecting = self.connect(local_ip, tls_name);
        let wire = tokio::select! {
            wire = connecting => wire,
            early = queue.recv() => match early {
                // Nobody wants it any more.
                None => return,
                // Nothing is to be written before it is open.
                Some(_) => None,
            },
        };
        if let Some(wire) = wire
            && self.tell(StreamNews::Opened).await
        {
            self.carry(wire, queue).await;
        }
        self.tell(StreamNews::Closed).await;
    }

    async fn connect(&self, local_ip: Option<IpAddr>, tls_name: Option<String>) -> Option<Wire> {
        let local = local_ip.unwrap_or(match self.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        let name = match tls_name {
            // Nobody could prove to be that.
            Some(name) => Some(host(&name)?),
            None => None,
        };
        let opening = open(&self.network, local, self.server, name.as_ref());
        match tokio::time::timeout(CONNECT_LIMIT, opening).await {
            Ok(Ok(wire)) => Some(wire),
            Ok(Err(error)) => {
                tracing::info!(call = %self.call, %error, "no connection to a TURN server");
                None
            }
            Err(_) => {
                tracing::info!(call = %self.call, "a TURN server does not answer");
                None
            }
        }
    }

    async fn carry(&self, wire: Wire, queue: mpsc::Receiver<Vec<u8>>) {
        let Ok(local) = wire.local_addr() else {
            return;
        };
        match wire {
            Wire::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                self.exchange(local, reader, writer, queue).await;
            }
            Wire::Secure(stream) => {
                let (reader, writer) = tokio::io::split(*stream);
                self.exchange(local, reader, writer, queue).await;
            }
        }
    }

    async fn exchange(
        &self,
        local: SocketAddr,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        queue: mpsc::Receiver<Vec<u8>>,
    ) {
        tokio::select! {
            () = self.write(local, writer, queue) => {}
            () = self.read(local, reader) => {}
        }
    }

    async fn write(
        &self,
        local: SocketAddr,
        mut writer: impl AsyncWrite + Unpin,
        mut queue: mpsc::Receiver<Vec<u8>>,
    ) {
        while let Some(bytes) = queue.recv().await {
            if let Some(capture) = &self.network.capture {
                capture.stream(local, self.server, &bytes);
            }
            let writing = async {
                writer.write_all(&bytes).await?;
                // TLS keeps what it could not hand over.
                writer.flush().await
            };
            let limit = if queue.is_closed() {
                FAREWELL
            } else {
                WRITE_LIMIT
            };
            match tokio::time::timeout(limit, writing).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
        let _ = tokio::time::timeout(FAREWELL, writer.shutdown()).await;
    }

    async fn read(&self, local: SocketAddr, mut reader: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; READ_AT_ONCE];
        loop {
            let Ok(length @ 1..) = reader.read(&mut buffer).await else {
                return;
            };
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            if let Some(capture) = &self.network.capture {
                capture.stream(self.server, local, &bytes);
            }
            if !self.tell(StreamNews::Bytes(bytes)).await {
                return;
            }
        }
    }

    /// Waits for room. False when the engine has gone.
    async fn tell(&self, news: StreamNews) -> bool {
        let (call, id) = (self.call.clone(), self.id);
        self.inbox
            .put(Inbound::MediaStream { call, id, news })
            .await
    }
}

fn host(name: &str) -> Option<Host> {
    match name.parse::<IpAddr>() {
        Ok(ip) => Some(ip.into()),
        Err(_) => name.parse().ok(),
    }
}

#[cfg(test)]
#[path = "media_streams_tests.rs"]
mod tests;
