//! An account's SIP sockets: one for datagrams, a listener for streams, and the streams themselves.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tandem_sip::agent::{LocalAddresses, Transmit};
use tandem_sip::message::Host;
use tandem_sip::transaction::{
    ConnectionId, Destination, Hop, TransmitId, TransportError, TransportKind,
};
use tandem_types::AccountId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::inbox::{Inbound, Inbox};
use crate::net::{Capture, NetworkId, Resolver, SocketFactory};

/// The port of a SIP address that names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;
/// The largest datagram there is.
const DATAGRAM: usize = 65_535;
/// How long a stream may take to open for an account that speaks over streams.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long for a message that is only too large for a datagram: behind a firewall that swallows the attempt
/// the caller must not wait for long before it goes as a datagram after all.
const DETOUR_LIMIT: Duration = Duration::from_secs(2);
/// Messages a slow stream may be behind before it counts as broken.
const STREAM_BACKLOG: usize = 256;

/// What sockets are made with.
#[derive(Clone)]
pub(super) struct Network {
    pub(super) factory: Arc<dyn SocketFactory>,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) capture: Option<Arc<dyn Capture>>,
    pub(super) id: NetworkId,
}

/// The sockets of one account. Dropping them closes everything.
pub(super) struct SipSockets {
    account: AccountId,
    network: Network,
    inbox: Inbox,
    udp: Arc<UdpSocket>,
    local: SocketAddr,
    streams: BTreeMap<ConnectionId, Stream>,
    /// Streams we opened or were called over, by the far end's address: one is enough.
    by_peer: BTreeMap<SocketAddr, ConnectionId>,
    /// Streams that are being opened, with what waits for them.
    opening: BTreeMap<SocketAddr, Vec<Transmit>>,
    /// How long a stream may take to open.
    connect_limit: Duration,
    tasks: JoinSet<()>,
}

struct Stream {
    remote: SocketAddr,
    /// Complete messages to write; closing it closes the stream.
    writer: mpsc::Sender<Vec<u8>>,
}

impl SipSockets {
    /// Opens them at `local`; port 0 takes one that is free for datagrams and streams alike, so that one
    /// address can be told to the far end.
    pub(super) fn open(
        account: AccountId,
        network: Network,
        inbox: Inbox,
        local: SocketAddr,
        transport: TransportKind,
    ) -> io::Result<Self> {
        let (udp, listener) = bind_both(&network, local)?;
        let udp = Arc::new(UdpSocket::from_std(udp)?);
        let local = udp.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(read_datagrams(udp.clone(), account, inbox.clone()));
        tasks.spawn(accept_streams(
            TcpListener::from_std(listener)?,
            account,
            inbox.clone(),
        ));
        Ok(Self {
            account,
            network,
            inbox,
            udp,
            local,
            streams: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            opening: BTreeMap::new(),
            connect_limit: match transport {
                TransportKind::Tcp => CONNECT_LIMIT,
                TransportKind::Udp => DETOUR_LIMIT,
            },
            tasks,
        })
    }

    /// What the agent may tell the far end.
    pub(super) const fn addresses(&self) -> LocalAddresses {
        LocalAddresses {
            udp: Some(self.local),
            tcp: Some(self.local),
        }
    }

    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Notes what the capture should see of a datagram that came in.
    pub(super) fn capture_inbound(&self, from: SocketAddr, bytes: &[u8]) {
        if let Some(capture) = &self.network.capture {
            capture.datagram(from, self.local, bytes);
        }
    }

    /// The same for a stream.
    pub(super) fn capture_stream(&self, connection: ConnectionId, bytes: &[u8]) {
        if let (Some(capture), Some(stream)) =
            (&self.network.capture, self.streams.get(&connection))
        {
            capture.stream(stream.remote, self.local, bytes);
        }
    }

    /// Sends a message, now if its way is known, else as soon as it is. Failures come back through the
    /// inbox.
    pub(super) fn send(&mut self, transmit: Transmit) {
        match transmit.to.clone() {
            Destination::Connection(connection) => self.write(connection, &transmit),
            Destination::Datagram(hop) | Destination::Stream(hop) => match literal(&hop) {
                Some(address) => self.send_to(hop, address, transmit),
                None => self.resolve(hop, transmit),
            },
        }
    }

    /// Sends a message whose hop was resolved.
    pub(super) fn send_to(&mut self, hop: Hop, address: SocketAddr, transmit: Transmit) {
        match hop.transport {
            TransportKind::Udp => self.send_datagram(address, &transmit),
            TransportKind::Tcp => match self.by_peer.get(&address).copied() {
                Some(connection) => self.write(connection, &transmit),
                None => self.open_stream(hop, address, transmit),
            },
        }
    }

    fn send_datagram(&self, address: SocketAddr, transmit: &Transmit) {
        if let Some(capture) = &self.network.capture {
            capture.datagram(self.local, address, &transmit.bytes);
        }
        match self.udp.try_send_to(&transmit.bytes, address) {
            Ok(_) => {}
            // A full buffer is a lost datagram, which the transaction repeats.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // An ICMP error of an earlier datagram, to whomever that was: this one was not sent, and will be.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => {
                tracing::debug!(account = %self.account, %error, "datagram not sent");
                self.failed(transmit.id, transport_error(&error));
            }
        }
    }

    /// A stream is open and may be written to.
    pub(super) fn opened(
        &mut self,
        connection: ConnectionId,
        stream: TcpStream,
    ) -> Option<SocketAddr> {
        let remote = stream.peer_addr().ok()?;
        let (reader, mut out) = stream.into_split();
        let (writer, mut queue) = mpsc::channel::<Vec<u8>>(STREAM_BACKLOG);
        self.tasks.spawn(read_stream(
            reader,
            self.account,
            connection,
            self.inbox.clone(),
        ));
        self.tasks.spawn(async move {
            while let Some(bytes) = queue.recv().await {
                if out.write_all(&bytes).await.is_err() {
                    // The reader sees the same break and reports it.
                    return;
                }
            }
            let _ = out.shutdown().await;
        });
        self.streams.insert(connection, Stream { remote, writer });
        self.by_peer.insert(remote, connection);
        Some(remote)
    }

    /// Closes a stream, or forgets one that broke.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.streams.remove(&connection)
            && self.by_peer.get(&stream.remote) == Some(&connection)
        {
            self.by_peer.remove(&stream.remote);
        }
    }

    /// What waited for a stream to `address`, now that it is open or could not be opened.
    pub(super) fn take_waiting(&mut self, address: SocketAddr) -> Vec<Transmit> {
        self.opening.remove(&address).unwrap_or_default()
    }

    fn write(&mut self, connection: ConnectionId, transmit: &Transmit) {
        let Some(stream) = self.streams.get(&connection) else {
            self.failed(transmit.id, TransportError::Closed);
            return;
        };
        if let Some(capture) = &self.network.capture {
            capture.stream(self.local, stream.remote, &transmit.bytes);
        }
        if stream.writer.try_send(transmit.bytes.clone()).is_err() {
            self.failed(transmit.id, TransportError::Closed);
            self.close(connection);
        }
    }

    fn open_stream(&mut self, hop: Hop, address: SocketAddr, transmit: Transmit) {
        let waiting = self.opening.entry(address).or_default();
        waiting.push(transmit);
        if waiting.len() > 1 {
            return;
        }
        let (account, inbox, network) = (self.account, self.inbox.clone(), self.network.clone());
        let (limit, local) = (self.connect_limit, self.local.ip());
        self.tasks.spawn(async move {
            let opened = tokio::time::timeout(limit, connect(&network, local, address)).await;
            let inbound = match opened {
                Ok(Ok(stream)) => Inbound::Connected {
                    account,
                    stream,
                    hop: Some(hop),
                },
                Ok(Err(error)) => {
                    let failure = transport_error(&error);
                    Inbound::NotConnected {
                        account,
                        address,
                        failure,
                    }
                }
                Err(_) => Inbound::NotConnected {
                    account,
                    address,
                    failure: TransportError::TimedOut,
                },
            };
            inbox.put(inbound).await;
        });
    }

    fn resolve(&mut self, hop: Hop, transmit: Transmit) {
        let (account, inbox, network) = (self.account, self.inbox.clone(), self.network.clone());
        let ours = self.local.ip();
        self.tasks.spawn(async move {
            let name = hop.host.to_string();
            let resolver = network.resolver.clone();
            let found =
                tokio::task::spawn_blocking(move || resolver.addresses(network.id, &name)).await;
            let address = found.ok().and_then(Result::ok).and_then(|addresses| {
                // The socket speaks one family; prefer what it can reach.
                addresses
                    .into_iter()
                    .find(|ip| ip.is_ipv4() == ours.is_ipv4())
            });
            let inbound = match address {
                Some(ip) => {
                    let address = SocketAddr::new(ip, hop.port.unwrap_or(SIP_PORT));
                    Inbound::Resolved {
                        account,
                        hop,
                        address,
                        transmit,
                    }
                }
                None => Inbound::SendFailed {
                    account,
                    id: transmit.id,
                    failure: TransportError::Unresolved,
                },
            };
            inbox.put(inbound).await;
        });
    }

    fn failed(&self, id: TransmitId, failure: TransportError) {
        let account = self.account;
        self.inbox.put_now(Inbound::SendFailed {
            account,
            id,
            failure,
        });
    }
}

/// The address a hop names without a look-up.
fn literal(hop: &Hop) -> Option<SocketAddr> {
    let ip = match &hop.host {
        Host::V4(ip) => IpAddr::V4(*ip),
        Host::V6(ip) => IpAddr::V6(*ip),
        Host::Name(_) => return None,
    };
    Some(SocketAddr::new(ip, hop.port.unwrap_or(SIP_PORT)))
}

/// A datagram socket and a listener at one address.
fn bind_both(
    network: &Network,
    local: SocketAddr,
) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    // A free port for one kind may be taken for the other: try a few.
    const ATTEMPTS: usize = 16;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let udp = network.factory.udp(network.id, local)?;
        match network.factory.listener(network.id, udp.local_addr()?) {
            Ok(listener) => return Ok((udp, listener)),
            Err(error) => last = error,
        }
        if local.port() != 0 {
            break;
        }
    }
    Err(last)
}

async fn connect(network: &Network, local: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = network.factory.stream(network.id, local)?;
    TcpSocket::from_std_stream(socket.into())
        .connect(address)
        .await
}

async fn read_datagrams(socket: Arc<UdpSocket>, account: AccountId, inbox: Inbox) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                if !inbox
                    .put(Inbound::Sip {
                        account,
                        from,
                        bytes,
                    })
                    .await
                {
                    return;
                }
            }
            // An ICMP error of an earlier datagram: the transaction's timers deal with it.
            Err(error) => tracing::debug!(%account, %error, "datagram socket"),
        }
    }
}

async fn accept_streams(listener: TcpListener, account: AccountId, inbox: Inbox) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                if !inbox
                    .put(Inbound::Connected {
                        account,
                        stream,
                        hop: None,
                    })
                    .await
                {
                    return;
                }
            }
            Err(error) => {
                // Out of descriptors, most likely: wait for some to be free instead of spinning.
                tracing::warn!(%account, %error, "stream not accepted");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn read_stream(
    mut reader: OwnedReadHalf,
    account: AccountId,
    connection: ConnectionId,
    inbox: Inbox,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                if !inbox
                    .put(Inbound::Stream {
                        account,
                        connection,
                        bytes,
                    })
                    .await
                {
                    return;
                }
            }
        }
    }
    inbox
        .put(Inbound::Disconnected {
            account,
            connection,
        })
        .await;
}

fn transport_error(error: &io::Error) -> TransportError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TransportError::Refused,
        io::ErrorKind::TimedOut => TransportError::TimedOut,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => TransportError::Closed,
        // EMSGSIZE has no kind of its own; its number is the same wherever this runs but on Windows.
        _ if error.raw_os_error() == Some(90) || error.raw_os_error() == Some(40) => {
            TransportError::TooLarge
        }
        _ => TransportError::Unreachable,
    }
}
