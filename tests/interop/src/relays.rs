//! A [`Gatherer`] over real sockets: one UDP socket, TCP and TLS streams as it asks for them, and a peer that echoes.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tandem_media::gather::{GatherConfig, GatherOutput, Gatherer, Handled, Relayed};
use tandem_media::{Component, LocalSocket, StreamCommand, StreamId, StreamInput};
use tandem_types::Entropy;

/// How long a connection and its TLS may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How often the sockets are looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A gatherer with a socket, and what it said.
pub struct Relays {
    /// The gatherer itself.
    pub gatherer: Gatherer,
    /// Candidates, failures, losses, in order.
    pub told: Vec<GatherOutput>,
    /// What came through relays.
    pub returned: Vec<Relayed>,
    socket: UdpSocket,
    streams: BTreeMap<StreamId, Box<dyn Stream>>,
    trust: Option<Arc<ClientConfig>>,
    /// The clock runs ahead by this.
    ahead: Duration,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Relays {
    /// Gathers for a socket at this address (port 0: any). Over TLS, certificates by `authority` are trusted.
    ///
    /// # Panics
    /// If the socket cannot be made, or the certificate not read.
    pub fn gather(config: GatherConfig, address: &str, authority: Option<&Path>) -> Self {
        let socket = UdpSocket::bind(address).expect("a socket");
        socket.set_nonblocking(true).expect("it does not block");
        let trust = authority.map(|file| {
            let authority = CertificateDer::from_pem_file(file).expect("a certificate");
            let mut roots = RootCertStore::empty();
            roots.add(authority).expect("an authority");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider);
            let config = config.with_safe_default_protocol_versions().expect("TLS");
            Arc::new(config.with_root_certificates(roots).with_no_client_auth())
        });
        let mut relays = Self {
            gatherer: Gatherer::new(config, Box::new(SystemEntropy)),
            told: Vec::new(),
            returned: Vec::new(),
            socket,
            streams: BTreeMap::new(),
            trust,
            ahead: Duration::ZERO,
        };
        let local = LocalSocket {
            component: Component::Rtp,
            address: relays.local(),
            rank: 0,
        };
        let now = relays.now();
        relays.gatherer.add_socket(now, local).expect("a socket");
        relays
    }

    /// Where its socket is.
    ///
    /// # Panics
    /// Never for a bound socket.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    /// The time it believes it is.
    pub fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    /// Lets its clock jump, so that what is due in minutes is due now.
    pub fn jump(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// Runs until this is so; `false` when time is up.
    pub fn run_until(&mut self, limit: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        loop {
            self.turn();
            if is_so(self) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// Runs until the round is over.
    pub fn run_until_done(&mut self) -> bool {
        let is_done = |relays: &Self| relays.told.contains(&GatherOutput::Done);
        self.run_until(Duration::from_secs(8), is_done)
    }

    /// The relayed addresses found so far.
    pub fn relayed(&self) -> Vec<SocketAddr> {
        use tandem_media::gather::CandidateKind::Relayed;
        let all = self.gatherer.candidates().iter();
        all.filter(|c| c.kind == Relayed)
            .map(|c| c.address)
            .collect()
    }

    /// Breaks all its streams.
    pub fn break_streams(&mut self) {
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        self.streams.clear();
        for id in ids {
            self.stream(id, StreamInput::Closed);
        }
    }

    fn turn(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            let (now, local) = (self.now(), self.local());
            match self
                .gatherer
                .handle_datagram(now, local, from, &bytes[..length])
            {
                Handled::Relayed(relayed) => self.returned.push(relayed),
                Handled::Yes | Handled::No => {}
            }
        }
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            match stream.read(&mut bytes) {
                Ok(0) => self.closed(id),
                Ok(length) => self.stream(id, StreamInput::Bytes(&bytes[..length])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.closed(id),
            }
        }
        let now = self.now();
        if self.gatherer.poll_timeout().is_some_and(|at| at <= now) {
            self.gatherer.handle_timeout(now);
        }
        while let Some(output) = self.gatherer.poll_output() {
            match output {
                GatherOutput::Send(datagram) => {
                    let _ = self.socket.send_to(&datagram.bytes, datagram.to);
                }
                GatherOutput::Stream(command) => self.command(command),
                told => self.told.push(told),
            }
        }
    }

    fn command(&mut self, command: StreamCommand) {
        match command {
            StreamCommand::Open {
                id,
                server,
                tls_name,
                ..
            } => match self.open(server, tls_name) {
                Ok(stream) => {
                    self.streams.insert(id, stream);
                    self.stream(id, StreamInput::Opened);
                }
                Err(_) => self.stream(id, StreamInput::Closed),
            },
            StreamCommand::Write { id, bytes } => {
                let stream = self.streams.get_mut(&id);
                // What a test sends fits the socket's buffer.
                let written =
                    stream.map(|stream| stream.write_all(&bytes).and_then(|()| stream.flush()));
                if written.is_some_and(|written| written.is_err()) {
                    self.closed(id);
                }
            }
            StreamCommand::Close { id } => {
                self.streams.remove(&id);
            }
        }
    }

    fn open(&self, server: SocketAddr, tls_name: Option<String>) -> io::Result<Box<dyn Stream>> {
        let mut tcp = TcpStream::connect_timeout(&server, CONNECT)?;
        let Some(name) = tls_name else {
            tcp.set_nonblocking(true)?;
            return Ok(Box::new(tcp));
        };
        tcp.set_read_timeout(Some(CONNECT))?;
        let trust = self.trust.clone().ok_or(io::ErrorKind::InvalidInput)?;
        let name = ServerName::try_from(name).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut tls = ClientConnection::new(trust, name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        tcp.set_nonblocking(true)?;
        Ok(Box::new(StreamOwned::new(tls, tcp)))
    }

    fn closed(&mut self, id: StreamId) {
        self.streams.remove(&id);
        self.stream(id, StreamInput::Closed);
    }

    fn stream(&mut self, id: StreamId, input: StreamInput<'_>) {
        let now = self.now();
        let returned = self.gatherer.handle_stream(now, id, input);
        self.returned.extend(returned);
    }
}

/// The kernel's randomness.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        let source = std::fs::File::open("/dev/urandom");
        let read = source.and_then(|mut source| source.read_exact(bytes));
        read.expect("the kernel has randomness");
    }
}

/// A peer on loopback that sends back what it hears, until it is dropped.
pub struct Echo {
    address: SocketAddr,
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Echo {
    /// Listens there (port 0: anywhere).
    ///
    /// # Panics
    /// If the socket cannot be made.
    pub fn start(address: &str) -> Self {
        use std::sync::atomic::{AtomicBool, Ordering};
        let socket = UdpSocket::bind(address).expect("a socket");
        let pause = Some(Duration::from_millis(100));
        socket.set_read_timeout(pause).expect("a timeout");
        let address = socket.local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut bytes) {
                    let _ = socket.send_to(&bytes[..length], from);
                }
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
