//! The registrar on real sockets: UDP and TCP on one port, in threads.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::flow::Transport;
use super::{Config, Output, Registrar};

/// How long opening a connection may take; the peers are on loopback.
const CONNECT: Duration = Duration::from_secs(1);
/// How long the loop sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);
/// Ports tried until one is free for both transports.
const ATTEMPTS: u32 = 50;

/// A running registrar. Dropping it stops it and waits for its threads.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    registrar: Arc<Mutex<Registrar>>,
    sender: Sender<Input>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
enum Input {
    Datagram(SocketAddr, Vec<u8>),
    Connected(TcpStream, SocketAddr),
    Stream(SocketAddr, Vec<u8>),
    Closed(SocketAddr),
    Wake,
    Stop,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    pub fn start(config: Config) -> io::Result<Self> {
        Self::bind(config, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }

    /// Starts on `address`; port 0 takes any that is free.
    pub fn bind(config: Config, address: SocketAddr) -> io::Result<Self> {
        let (udp, tcp) = sockets(address)?;
        let address = udp.local_addr()?;
        let seed = RandomState::new().hash_one(address);
        let registrar = Registrar::new(config, address, Instant::now(), seed);
        let registrar = Arc::new(Mutex::new(registrar));
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = channel();
        let driver = Driver {
            udp: udp.try_clone()?,
            connections: BTreeMap::new(),
            registrar: Arc::clone(&registrar),
            sender: sender.clone(),
        };
        let (datagrams, connections) = (sender.clone(), sender.clone());
        let (no_datagrams, no_connections) = (Arc::clone(&stop), Arc::clone(&stop));
        let threads = vec![
            thread::spawn(move || driver.run(&receiver)),
            thread::spawn(move || read_datagrams(&udp, &datagrams, &no_datagrams)),
            thread::spawn(move || accept(&tcp, &connections, &no_connections)),
        ];
        Ok(Self {
            address,
            registrar,
            sender,
            stop,
            threads,
        })
    }

    /// Where it is reached, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks at the registrar or gives it faults.
    pub fn with<T>(&self, look: impl FnOnce(&mut Registrar) -> T) -> T {
        let result = look(&mut lock(&self.registrar));
        // What changed may be due earlier than what the loop sleeps for.
        let _ = self.sender.send(Input::Wake);
        result
    }

    /// Users whose password was proven at least once.
    pub fn authenticated(&self) -> BTreeSet<String> {
        self.with(|registrar| registrar.authenticated().clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.sender.send(Input::Stop);
        // The two readers sleep in the kernel until something arrives.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT);
        if let Ok(socket) = UdpSocket::bind((self.address.ip(), 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Both sockets on the same port.
fn sockets(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempt = 1;
    loop {
        let udp = UdpSocket::bind(address)?;
        match TcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 || attempt == ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

fn lock(registrar: &Mutex<Registrar>) -> MutexGuard<'_, Registrar> {
    // A panic of the test that held it leaves nothing half done that matters.
    registrar.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_datagrams(udp: &UdpSocket, sender: &Sender<Input>, stop: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        match udp.recv_from(&mut buffer) {
            Ok((length, from)) => {
                if sender
                    .send(Input::Datagram(from, buffer[..length].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A refusal of something sent earlier: the next datagram is none the worse.
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn accept(tcp: &TcpListener, sender: &Sender<Input>, stop: &AtomicBool) {
    while let Ok((stream, from)) = tcp.accept() {
        if stop.load(Ordering::Relaxed) || sender.send(Input::Connected(stream, from)).is_err() {
            return;
        }
    }
}

fn read_stream(mut stream: TcpStream, from: SocketAddr, sender: &Sender<Input>) {
    let mut buffer = vec![0; 16_384];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if sender
            .send(Input::Stream(from, buffer[..length].to_vec()))
            .is_err()
        {
            return;
        }
    }
    let _ = sender.send(Input::Closed(from));
}

/// The loop that owns the sockets.
struct Driver {
    udp: UdpSocket,
    connections: BTreeMap<SocketAddr, TcpStream>,
    registrar: Arc<Mutex<Registrar>>,
    sender: Sender<Input>,
}

impl Driver {
    fn run(mut self, receiver: &Receiver<Input>) {
        loop {
            let due = lock(&self.registrar).poll_timeout();
            let now = Instant::now();
            let wait = due.map_or(IDLE, |due| due.saturating_duration_since(now));
            let input = receiver.recv_timeout(wait).ok();
            let now = Instant::now();
            match input {
                Some(Input::Stop) => break,
                Some(Input::Datagram(from, bytes)) => {
                    lock(&self.registrar).handle_datagram(now, from, &bytes);
                }
                Some(Input::Connected(stream, from)) => self.adopt(stream, from),
                Some(Input::Stream(from, bytes)) => {
                    lock(&self.registrar).handle_stream(now, from, &bytes);
                }
                Some(Input::Closed(from)) => {
                    self.connections.remove(&from);
                    lock(&self.registrar).handle_closed(now, from);
                }
                Some(Input::Wake) | None => {}
            }
            if due.is_some_and(|due| due <= now) {
                lock(&self.registrar).handle_timeout(now);
            }
            self.flush(now);
        }
        for stream in self.connections.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn flush(&mut self, now: Instant) {
        loop {
            let output = lock(&self.registrar).poll_output();
            match output {
                None => return,
                Some(Output::Close { remote }) => {
                    if let Some(stream) = self.connections.remove(&remote) {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
                Some(Output::Send { flow, bytes }) => match flow.transport {
                    // A datagram that cannot be sent is a lost one.
                    Transport::Udp => drop(self.udp.send_to(&bytes, flow.remote)),
                    Transport::Tcp => {
                        if self.write(flow.remote, &bytes).is_err() {
                            self.connections.remove(&flow.remote);
                            lock(&self.registrar).handle_closed(now, flow.remote);
                        }
                    }
                },
            }
        }
    }

    fn write(&mut self, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        if !self.connections.contains_key(&remote) {
            let stream = TcpStream::connect_timeout(&remote, CONNECT)?;
            self.adopt(stream, remote);
        }
        match self.connections.get_mut(&remote) {
            Some(stream) => stream.write_all(bytes),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn adopt(&mut self, stream: TcpStream, remote: SocketAddr) {
        // Small messages, each of which somebody waits for.
        let _ = stream.set_nodelay(true);
        let Ok(reader) = stream.try_clone() else {
            return;
        };
        let sender = self.sender.clone();
        thread::spawn(move || read_stream(reader, remote, &sender));
        self.connections.insert(remote, stream);
    }
}
