//! An account's SIP sockets: one for datagrams, a listener for streams, and the streams themselves. An account
//! for TLS alone has neither of the first two: nobody can speak with it in the clear.

pub(super) mod names;
mod outline;
mod plain;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_sip::agent::{LocalAddresses, Transmit};
use tandem_sip::locate::TransportChoice;
use tandem_sip::message::Host;
use tandem_sip::transaction::{
    ConnectionId, Destination, Hop, TransmitId, TransportError, TransportKind,
};
use tandem_types::AccountId;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::outline::Outline;
use super::inbox::{Inbound, Inbox};
use super::secure::Tls;
use super::stream::{self, Wire};
use crate::net::{Capture, LocalAddress, NetworkId, Resolver, SocketFactory};

/// How long a stream may take to open for an account that speaks over streams.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long for a message that is only too large for a datagram: behind a firewall that swallows the attempt
/// the caller must not wait for long before it goes as a datagram after all.
const DETOUR_LIMIT: Duration = Duration::from_secs(2);
/// What is longer does not go as a datagram at first (RFC 3261 §18.1.1).
const DATAGRAM_LIMIT: usize = 1300;
/// Messages a slow stream may be behind before it counts as broken.
const STREAM_BACKLOG: usize = 256;

/// What sockets are made with.
#[derive(Clone)]
pub(super) struct Network {
    pub(super) factory: Arc<dyn SocketFactory>,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) tls: Tls,
    pub(super) capture: Option<Arc<dyn Capture>>,
    pub(super) id: NetworkId,
}

/// The far end of a stream: what a new message for the same place may share it by.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Peer {
    address: SocketAddr,
    /// What it has proven to be over TLS. Another name at the same address has proven nothing.
    proven: Option<String>,
}

impl Peer {
    fn of(hop: &Hop, address: SocketAddr) -> Self {
        let name = hop.name().to_string().to_ascii_lowercase();
        Self {
            address,
            proven: hop.transport.is_secure().then_some(name),
        }
    }

    /// One that opened the stream, which is plain.
    pub(super) const fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            proven: None,
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The sockets of one account. Dropping them closes everything.
pub(super) struct SipSockets {
    account: AccountId,
    network: Network,
    inbox: Inbox,
    /// `None` for an account that speaks TLS alone.
    udp: Option<Arc<UdpSocket>>,
    local: SocketAddr,
    /// Whether somebody chose that address, so that no other is to be used.
    is_chosen: bool,
    streams: BTreeMap<ConnectionId, Stream>,
    /// Streams we opened or were called over: one is enough.
    by_peer: BTreeMap<Peer, ConnectionId>,
    /// Streams that are being opened, with what waits for them.
    opening: BTreeMap<Peer, Vec<Transmit>>,
    /// Names that are being looked up, with what waits for them.
    resolving: BTreeMap<String, Vec<(Hop, Transmit)>>,
    /// Names that were found, and until when that counts.
    names: BTreeMap<String, (IpAddr, Instant)>,
    /// What the account speaks over.
    choice: TransportChoice,
    /// What could not be sent, until somebody tells the agent.
    failures: Vec<(TransmitId, TransportError)>,
    tasks: JoinSet<()>,
}

struct Stream {
    local: SocketAddr,
    peer: Peer,
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
        choice: TransportChoice,
    ) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let (udp, local) = if choice.is_secure() {
            // The port of a connection is the system's choice.
            (None, SocketAddr::new(local.ip(), 0))
        } else {
            let udp = plain::open(&network, local, account, &inbox, &mut tasks)?;
            let local = udp.local_addr()?;
            (Some(udp), local)
        };
        Ok(Self {
            account,
            network,
            inbox,
            udp,
            local,
            is_chosen: false,
            streams: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            opening: BTreeMap::new(),
            resolving: BTreeMap::new(),
            names: BTreeMap::new(),
            choice,
            failures: Vec::new(),
            tasks,
        })
    }

    /// What the agent may tell the far end.
    pub(super) fn addresses(&self) -> LocalAddresses {
        let plain = self.udp.as_ref().map(|_| self.local);
        LocalAddresses {
            udp: plain,
            tcp: plain,
            tls: Some(SocketAddr::new(self.local.ip(), 0)),
        }
    }

    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The address was chosen by somebody: no other is used beside it.
    pub(super) const fn keep_to_address(&mut self) {
        self.is_chosen = true;
    }

    /// Where calls of the account may open their media sockets, the own address first.
    pub(super) fn media_addresses(&self) -> Vec<LocalAddress> {
        let own = LocalAddress {
            network: self.network.id,
            ip: self.local.ip(),
        };
        let further = if self.is_chosen {
            Vec::new()
        } else {
            let factory = &self.network.factory;
            factory.further_addresses(own.network, own.ip)
        };
        let mut all = vec![own];
        for address in further {
            let known = all.iter().any(|other| other.ip == address.ip);
            if !known && !address.ip.is_unspecified() && !address.ip.is_multicast() {
                all.push(address);
            }
        }
        all
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
            capture.stream(stream.peer.address, stream.local, bytes);
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

    /// A message that must not be sent any more: the agent has asked somebody else.
    pub(super) fn withdraw(&mut self, id: TransmitId) {
        for waiting in self.opening.values_mut() {
            waiting.retain(|transmit| transmit.id != id);
        }
        for waiting in self.resolving.values_mut() {
            waiting.retain(|(_, transmit)| transmit.id != id);
        }
    }

    fn send_to(&mut self, hop: Hop, ip: IpAddr, transmit: Transmit) {
        let address = SocketAddr::new(ip, hop.port());
        if !hop.transport.is_stream() {
            self.send_datagram(address, &transmit);
            return;
        }
        let peer = Peer::of(&hop, address);
        match self.by_peer.get(&peer).copied() {
            Some(connection) => self.write(connection, &transmit),
            None => self.open_stream(hop, peer, transmit),
        }
    }

    fn send_datagram(&mut self, address: SocketAddr, transmit: &Transmit) {
        let Some(udp) = &self.udp else {
            // The agent keeps to TLS; should it ever not, it meets this.
            self.failed(transmit.id, TransportError::Unreachable);
            return;
        };
        if let Some(capture) = &self.network.capture {
            capture.datagram(self.local, address, &transmit.bytes);
        }
        tracing::debug!(account = %self.account, "sending {}", Outline(&transmit.bytes));
        // The first try may be told of an ICMP error that an earlier datagram met, to whomever that was: this
        // one was not sent then.
        let mut sent = udp.try_send_to(&transmit.bytes, address);
        if matches!(&sent, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused) {
            sent = udp.try_send_to(&transmit.bytes, address);
        }
        match sent {
            Ok(_) => {}
            // A full buffer is a lost datagram, which the transaction repeats.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Once more: the transaction repeats it.
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
    pub(super) fn opened(&mut self, connection: ConnectionId, wire: Wire, peer: Peer) {
        let local = wire.local_addr().unwrap_or(self.local);
        let (writer, queue) = mpsc::channel(STREAM_BACKLOG);
        let (account, inbox) = (self.account, self.inbox.clone());
        self.spawn(stream::run(wire, queue, account, connection, inbox));
        self.by_peer.insert(peer.clone(), connection);
        self.streams.insert(
            connection,
            Stream {
                local,
                peer,
                writer,
            },
        );
    }

    /// Closes a stream, or forgets one that broke.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(stream) = self.streams.remove(&connection)
            && self.by_peer.get(&stream.peer) == Some(&connection)
        {
            self.by_peer.remove(&stream.peer);
        }
    }

    /// Sends what waited for a stream to `peer`, now that there is one.
    pub(super) fn send_waiting(&mut self, connection: ConnectionId, peer: &Peer) {
        for transmit in self.opening.remove(peer).unwrap_or_default() {
            self.write(connection, &transmit);
        }
    }

    /// What waited for a stream to `peer` that could not be opened. Its name may have another address.
    pub(super) fn give_up_waiting(&mut self, peer: &Peer) -> Vec<Transmit> {
        self.names.retain(|_, (ip, _)| *ip != peer.address.ip());
        self.opening.remove(peer).unwrap_or_default()
    }

    fn write(&mut self, connection: ConnectionId, transmit: &Transmit) {
        let Some(stream) = self.streams.get(&connection) else {
            self.failed(transmit.id, TransportError::Closed);
            return;
        };
        tracing::debug!(account = %self.account, "sending {} over a stream", Outline(&transmit.bytes));
        if let Some(capture) = &self.network.capture {
            capture.stream(stream.local, stream.peer.address, &transmit.bytes);
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

    fn open_stream(&mut self, hop: Hop, peer: Peer, transmit: Transmit) {
        // What is opened already may have nothing that waits for it any more.
        let begun = self.opening.contains_key(&peer);
        let limit = connect_limit(self.choice, hop.transport, transmit.bytes.len());
        self.opening.entry(peer.clone()).or_default().push(transmit);
        if begun {
            return;
        }
        let (account, inbox, network) = (self.account, self.inbox.clone(), self.network.clone());
        let local = self.local.ip();
        self.spawn(async move {
            let name = hop.transport.is_secure().then(|| hop.name());
            let opening = open(&network, local, peer.address, name);
            let opened = tokio::time::timeout(limit, opening).await;
            let inbound = match opened.unwrap_or(Err(TransportError::TimedOut)) {
                Ok(stream) => Inbound::Connected {
                    account,
                    stream,
                    peer,
                    hop: Some(hop),
                },
                Err(failure) => Inbound::NotConnected {
                    account,
                    peer,
                    failure,
                },
            };
            inbox.put(inbound).await;
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

/// How long a stream may take to open for a message of `length` bytes. An account that chooses by itself speaks
/// over datagrams more often than not: what is short goes over a stream only where the server asked for that.
const fn connect_limit(choice: TransportChoice, over: TransportKind, length: usize) -> Duration {
    match (choice, over) {
        (TransportChoice::Only(TransportKind::Udp), _) => DETOUR_LIMIT,
        (TransportChoice::Automatic, TransportKind::Tcp) if length > DATAGRAM_LIMIT => DETOUR_LIMIT,
        (TransportChoice::Automatic, _)
        | (TransportChoice::Only(TransportKind::Tcp | TransportKind::Tls), _) => CONNECT_LIMIT,
    }
}

/// Connects, and over TLS waits for the server's proof to be `name`.
pub(super) async fn open(
    network: &Network,
    local: IpAddr,
    address: SocketAddr,
    name: Option<&Host>,
) -> Result<Wire, TransportError> {
    let connected = connect(network, local, address).await;
    let stream = connected.map_err(|error| transport_error(&error))?;
    let Some(name) = name else {
        return Ok(Wire::Plain(stream));
    };
    let secured = network.tls.connect(stream, name).await?;
    Ok(Wire::Secure(Box::new(secured)))
}

async fn connect(network: &Network, local: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = network.factory.stream(network.id, local)?;
    TcpSocket::from_std_stream(socket.into())
        .connect(address)
        .await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_waits_long_for_a_stream_only_where_there_is_no_other_way() {
        let automatic = TransportChoice::Automatic;
        let [udp, tcp, tls] = [TransportKind::Udp, TransportKind::Tcp, TransportKind::Tls];
        // An INVITE with the means of encryption in it, at a server that never asked for streams.
        assert_eq!(connect_limit(automatic, tcp, 1500), DETOUR_LIMIT);
        assert_eq!(connect_limit(udp.into(), tcp, 1500), DETOUR_LIMIT);
        // A REGISTER at a server that did.
        assert_eq!(connect_limit(automatic, tcp, 600), CONNECT_LIMIT);
        assert_eq!(connect_limit(automatic, tls, 1500), CONNECT_LIMIT);
        assert_eq!(connect_limit(tcp.into(), tcp, 1500), CONNECT_LIMIT);
    }
}
