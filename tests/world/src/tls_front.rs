//! TLS in front of a server that speaks TCP, with an authority made for the test.
//!
//! The registrar of this crate knows nothing of TLS, on purpose: whoever sits in front of it ends the
//! encryption, as a load balancer does, and the registrar sees one connection of its own for each.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How often a connection looks at its other side.
const TICK: Duration = Duration::from_millis(2);

/// Signs certificates, and is trusted by whoever is given its file.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one, which nobody knows.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Writes its certificate where a phone can be pointed to.
    pub fn save(&self, file: &Path) {
        std::fs::write(file, self.0.pem()).expect("the file can be written");
    }

    /// What a server of that name shows, valid until that year.
    fn server(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        // Another than the authority's: a certificate that seems to be its own issuer confuses some verifiers.
        params
            .distinguished_name
            .push(DnType::CommonName, "a server");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("the key is the certificate's"))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// TLS on a port of its own, handed on to a TCP server. Dropping it closes the port.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// Starts in front of `behind`, as a server of that name until that year.
    pub fn start(authority: &Authority, name: &str, until: i32, behind: SocketAddr) -> Self {
        let config = authority.server(name, until);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (config, ended) = (Arc::clone(&config), Arc::clone(&ended));
                // A client that refuses the certificate hangs up: nothing to tell.
                thread::spawn(move || drop(hand_on(stream, config, behind, &ended)));
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hand_on(
    outside: TcpStream,
    config: Arc<ServerConfig>,
    behind: SocketAddr,
    ended: &AtomicBool,
) -> io::Result<()> {
    outside.set_nodelay(true)?;
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut outside = StreamOwned::new(session, outside);
    // The whole handshake, before anybody behind hears of it.
    outside.conn.complete_io(&mut outside.sock)?;
    let mut inside = TcpStream::connect(behind)?;
    inside.set_nodelay(true)?;
    outside.sock.set_read_timeout(Some(TICK))?;
    inside.set_read_timeout(Some(TICK))?;
    let mut buffer = [0; 16_384];
    while !ended.load(Ordering::Relaxed) {
        match read(&mut outside, &mut buffer)? {
            Some(0) => return Ok(()),
            Some(length) => inside.write_all(&buffer[..length])?,
            None => {}
        }
        match read(&mut inside, &mut buffer)? {
            Some(0) => return Ok(()),
            Some(length) => {
                outside.write_all(&buffer[..length])?;
                outside.flush()?;
            }
            None => {}
        }
    }
    Ok(())
}

/// What has come; `None`: nothing yet.
fn read(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match from.read(buffer) {
        Ok(length) => Ok(Some(length)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
