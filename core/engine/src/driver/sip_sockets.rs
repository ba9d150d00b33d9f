//! An account's SIP sockets: one for datagrams, a listener for streams, and the streams themselves.

mod outline;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_sip::agent::{LocalAddresses, Transmit};
use tandem_sip::message::Host;
use tandem_sip::transaction::{
    ConnectionId, Destination, Hop, TransmitId, TransportError, TransportKind,
};
use tandem_types::AccountId;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::outline::Outline;
use super::inbox::{Inbound, Inbox};
use super::stream;
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
/// How long a name keeps the address it was found to have. A request, its repeats, its CANCEL and its ACK
/// must meet the same server of several (RFC 3263 §4), and a call is not to wait for a look-up at each step.
const NAME_LIFETIME: Duration = Duration::from_secs(60);
/// Names remembered at one time.
const MAX_NAMES: usize = 64;
/// The pause after a socket's fault: one that lasts must not keep a core busy.
const AFTER_FAULT: Duration = Duration::from_millis(20);
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
    /// Names that are being looked up, with what waits for them.
    resolving: BTreeMap<String, Vec<(Hop, Transmit)>>,
    /// Names that were found, and until when that counts.
    names: BTreeMap<String, (IpAddr, Instant)>,
    /// How long a stream may take to open.
    connect_limit: Duration,
    /// What could not be sent, until somebody tells the agent.
    failures: Vec<(TransmitId, TransportError)>,
    tasks: JoinSet<()>,
}

struct Stream {
    local: SocketAddr,
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
            resolving: BTreeMap::new(),
            names: BTreeMap::new(),
            connect_limit: match transport {
                TransportKind::Tcp => CONNECT_LIMIT,
                TransportKind::Udp => DETOUR_LIMIT,
            },
            failures: Vec::new(),
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

    /// Notes a datagram that came in, for the log and the capture.
    pub(super) fn note_datagram(&self, from: SocketAddr, bytes: &[u8]) {
        tracing::debug!(account = %self.account, "received {}", Outline(bytes));
        if let Some(capture) = &self.network.capture {
            capture.datagram(from, self.local, bytes);
        }
    }

    /// The same for a piece of a stream, which is mostly one message.
    pub(super) fn note_stream(&self, connection: ConnectionId, bytes: &[u8]) {
        let Some(stream) = self.streams.get(&connection) else {
            return;
        };
        tracing::debug!(account = %self.account, "received {} over a stream", Outline(bytes));
        if let Some(capture) = &self.network.capture {
            capture.stream(stream.remote, stream.local, bytes);
        }
    }

    /// Sends a message, now if its way is known, else as soon as it is. What fails is kept for
    /// [`SipSockets::take_failures`].
    pub(super) fn send(&mut self, transmit: Transmit) {
        match transmit.to.clone() {
            Destination::Connection(connection) => self.write(connection, &transmit),
            Destination::Datagram(hop) | Destination::Stream(hop) => match self.ip_of(&hop.host) {
                Ok(ip) => self.send_to(hop, ip, transmit),
                Err(name) => self.resolve(name, hop, transmit),
            },
        }
    }

    /// The address of a host, or the name it must be looked up by.
    fn ip_of(&self, host: &Host) -> Result<IpAddr, String> {
        let name = match host {
            Host::V4(ip) => return Ok(IpAddr::V4(*ip)),
            Host::V6(ip) => return Ok(IpAddr::V6(*ip)),
            Host::Name(name) => name.to_ascii_lowercase(),
        };
        match self.names.get(&name) {
            Some((ip, until)) if *until > Instant::now() => Ok(*ip),
            Some(_) | None => Err(name),
        }
    }

    /// A look-up is done: what waited for it goes, or has failed.
    pub(super) fn resolved(&mut self, now: Instant, name: String, ip: Option<IpAddr>) {
        let waiting = self.resolving.remove(&name).unwrap_or_default();
        let Some(ip) = ip else {
            for (_, transmit) in waiting {
                self.failed(transmit.id, TransportError::Unresolved);
            }
            return;
        };
        self.names.retain(|_, (_, until)| *until > now);
        if self.names.len() < MAX_NAMES {
            self.names.insert(name, (ip, now + NAME_LIFETIME));
        }
        for (hop, transmit) in waiting {
            self.send_to(hop, ip, transmit);
        }
    }

    fn send_to(&mut self, hop: Hop, ip: IpAddr, transmit: Transmit) {
        let address = SocketAddr::new(ip, hop.port.unwrap_or(SIP_PORT));
        match hop.transport {
            TransportKind::Udp => self.send_datagram(address, &transmit),
            TransportKind::Tcp => match self.by_peer.get(&address).copied() {
                Some(connection) => self.write(connection, &transmit),
                None => self.open_stream(hop, address, transmit),
            },
        }
    }

    fn send_datagram(&mut self, address: SocketAddr, transmit: &Transmit) {
        if let Some(capture) = &self.network.capture {
            capture.datagram(self.local, address, &transmit.bytes);
        }
        tracing::debug!(account = %self.account, "sending {}", Outline(&transmit.bytes));
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

    /// What could not be sent since the last time.
    pub(super) fn take_failures(&mut self) -> Vec<(TransmitId, TransportError)> {
        std::mem::take(&mut self.failures)
    }

    /// A stream is open and may be written to.
    pub(super) fn opened(
        &mut self,
        connection: ConnectionId,
        stream: TcpStream,
        remote: SocketAddr,
    ) {
        let local = stream.local_addr().unwrap_or(self.local);
        let (writer, queue) = mpsc::channel(STREAM_BACKLOG);
        let (account, inbox) = (self.account, self.inbox.clone());
        self.spawn(stream::run(stream, queue, account, connection, inbox));
        self.streams.insert(
            connection,
            Stream {
                local,
                remote,
                writer,
            },
        );
        self.by_peer.insert(remote, connection);
    }

    /// Closes a stream, or forgets one that broke.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.streams.remove(&connection)
            && self.by_peer.get(&stream.remote) == Some(&connection)
        {
            self.by_peer.remove(&stream.remote);
        }
    }

    /// Sends what waited for a stream to `address`, now that there is one.
    pub(super) fn send_waiting(&mut self, connection: ConnectionId, address: SocketAddr) {
        for transmit in self.opening.remove(&address).unwrap_or_default() {
            self.write(connection, &transmit);
        }
    }

    /// What waited for a stream to `address` that could not be opened. Its name may have another address.
    pub(super) fn give_up_waiting(&mut self, address: SocketAddr) -> Vec<Transmit> {
        self.names.retain(|_, (ip, _)| *ip != address.ip());
        self.opening.remove(&address).unwrap_or_default()
    }

    fn write(&mut self, connection: ConnectionId, transmit: &Transmit) {
        let Some(stream) = self.streams.get(&connection) else {
            self.failed(transmit.id, TransportError::Closed);
            return;
        };
        tracing::debug!(account = %self.account, "sending {} over a stream", Outline(&transmit.bytes));
        if let Some(capture) = &self.network.capture {
            capture.stream(stream.local, stream.remote, &transmit.bytes);
        }
        if stream.writer.try_send(transmit.bytes.clone()).is_err() {
            self.failed(transmit.id, TransportError::Closed);
            self.close(connection);
            // The agent must not go on using it.
            self.inbox.put_now(Inbound::Disconnected {
                account: self.account,
                connection,
            });
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
        self.spawn(async move {
            let opened = tokio::time::timeout(limit, connect(&network, local, address)).await;
            let inbound = match opened {
                Ok(Ok(stream)) => Inbound::Connected {
                    account,
                    stream,
                    remote: address,
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

    fn resolve(&mut self, name: String, hop: Hop, transmit: Transmit) {
        let waiting = self.resolving.entry(name.clone()).or_default();
        waiting.push((hop, transmit));
        if waiting.len() > 1 {
            return;
        }
        let (account, inbox, network) = (self.account, self.inbox.clone(), self.network.clone());
        let ours = self.local.ip();
        self.spawn(async move {
            let (resolver, asked) = (network.resolver.clone(), name.clone());
            let found =
                tokio::task::spawn_blocking(move || resolver.addresses(network.id, &asked)).await;
            let addresses = found.ok().and_then(Result::ok).unwrap_or_default();
            // The socket speaks one family.
            let reachable = |ip: &IpAddr| ip.is_ipv4() == ours.is_ipv4();
            let ip = addresses.into_iter().find(reachable);
            inbox.put(Inbound::Resolved { account, name, ip }).await;
        });
    }

    /// Closes everything, and waits until it is: the port can be bound again then.
    pub(super) async fn close_all(mut self) {
        self.tasks.shutdown().await;
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        // Those that are done would be kept until somebody asks for their result.
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }

    fn failed(&mut self, id: TransmitId, failure: TransportError) {
        self.failures.push((id, failure));
    }
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
            Err(error) => {
                tracing::debug!(%account, %error, "datagram socket");
                tokio::time::sleep(AFTER_FAULT).await;
            }
        }
    }
}

async fn accept_streams(listener: TcpListener, account: AccountId, inbox: Inbox) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let _ = stream.set_nodelay(true);
                if !inbox
                    .put(Inbound::Connected {
                        account,
                        stream,
                        remote,
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
