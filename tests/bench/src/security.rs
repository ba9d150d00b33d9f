//! DTLS by several hands, behind one face.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use dimpl::{Dtls, DtlsCertificate, Output};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use tandem_media::fuzzing::dtls::{Certificate, Cookie, DtlsConfig, DtlsEvent, DtlsLink, DtlsRole};
use tandem_types::media::Fingerprint;

/// One end of a handshake.
pub trait Security {
    /// The path is open: a client begins.
    fn begin(&mut self, now: Instant);
    fn handle(&mut self, now: Instant, datagram: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;
    /// Whether media can be sent and read.
    fn has_keys(&self) -> bool;
}

const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 1));

/// `rtc-dtls` as it comes, without a guard.
pub struct Bare {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    client: bool,
    begun: bool,
    complete: bool,
    broken: bool,
}

impl Bare {
    pub fn new(client: bool) -> Self {
        let provider = rtc_crypto::default_provider().expect("a provider");
        let certificate =
            rtc_dtls::crypto::Certificate::generate_self_signed(Vec::new(), provider.crypto());
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate.expect("a certificate")])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .build(client, None);
        let config = Arc::new(config.expect("a configuration"));
        let server = (!client).then(|| Arc::clone(&config));
        Self {
            endpoint: Endpoint::new(PEER, TransportProtocol::UDP, server),
            config,
            client,
            begun: false,
            complete: false,
            broken: false,
        }
    }
}

impl Security for Bare {
    fn begin(&mut self, now: Instant) {
        if self.client && !self.begun {
            self.begun = true;
            let config = Arc::clone(&self.config);
            self.broken |= self.endpoint.connect(now, PEER, config, None).is_err();
        }
    }

    fn handle(&mut self, now: Instant, datagram: &[u8]) {
        let read = self
            .endpoint
            .read(now, PEER, None, BytesMut::from(datagram));
        for event in read.into_iter().flatten() {
            self.complete |= matches!(event, EndpointEvent::HandshakeComplete);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.broken |= self.endpoint.handle_timeout(PEER, now).is_err();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let due = self.endpoint.poll_timeout(&PEER);
        due.filter(|_| !self.broken && !self.complete)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.endpoint
            .poll_transmit()
            .map(|transmit| transmit.message.to_vec())
    }

    fn has_keys(&self) -> bool {
        self.complete
    }
}

/// Our association, with its guards.
pub struct Ours {
    link: Option<DtlsLink>,
    role: DtlsRole,
    certificate: Certificate,
    peer: Fingerprint,
    config: DtlsConfig,
    keys: bool,
}

impl Ours {
    /// Both ends, client last. `announced`: the client knows the server's cookie, as between two of ours.
    pub fn pair(second_copies: bool, announced: bool) -> [Self; 2] {
        let config = DtlsConfig {
            second_copies,
            cookie: announced.then(|| Cookie::own("a name of the server's")),
            ..DtlsConfig::default()
        };
        let certificates = [0, 1].map(|_| Certificate::generate().expect("a certificate"));
        let prints = certificates.each_ref().map(Certificate::fingerprint);
        let [server, client] = certificates;
        let [of_server, of_client] = prints;
        let end = |role, certificate, peer| Self {
            link: None,
            role,
            certificate,
            peer,
            config,
            keys: false,
        };
        [
            end(DtlsRole::Server, server, of_client),
            end(DtlsRole::Client, client, of_server),
        ]
    }

    fn link(&mut self, now: Instant) -> &mut DtlsLink {
        let (role, certificate, config) = (self.role, &self.certificate, self.config);
        let peer = std::slice::from_ref(&self.peer);
        self.link.get_or_insert_with(|| {
            DtlsLink::new(now, role, certificate, peer, config).expect("a link")
        })
    }

    fn settle(&mut self) {
        while let Some(event) = self.link.as_mut().and_then(DtlsLink::poll_event) {
            self.keys |= matches!(event, DtlsEvent::Keys { .. });
        }
    }
}

impl Security for Ours {
    fn begin(&mut self, now: Instant) {
        self.link(now);
    }

    fn handle(&mut self, now: Instant, datagram: &[u8]) {
        self.link(now).handle(now, datagram);
        self.settle();
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some(link) = &mut self.link {
            link.handle_timeout(now);
        }
        self.settle();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.link.as_ref()?.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.link.as_mut()?.poll_transmit()
    }

    fn has_keys(&self) -> bool {
        self.keys
    }
}

/// Which DTLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    V12,
    V13,
    /// The client offers both, and the server takes 1.3.
    Either,
}

/// `dimpl`.
pub struct Dimpl {
    dtls: Dtls,
    client: bool,
    begun: bool,
    keys: bool,
    broken: bool,
    due: Option<Instant>,
    outgoing: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Dimpl {
    pub fn new(now: Instant, version: Version, client: bool, seed: u64) -> Self {
        let config = dimpl::Config::builder()
            // A call's server has an address that ICE has proved already: the cookie proves nothing more.
            .use_server_cookie(false)
            .flight_start_rto(Duration::from_millis(200))
            .flight_retries(8)
            .handshake_timeout(Duration::from_secs(30))
            .dangerously_set_rng_seed(seed)
            .build();
        let config = Arc::new(config.expect("a configuration"));
        let mut dtls = match version {
            Version::V12 => Dtls::new_12(config, certificate(), now),
            Version::V13 => Dtls::new_13(config, certificate(), now),
            Version::Either => Dtls::new_auto(config, certificate(), now),
        };
        dtls.set_active(client);
        Self {
            dtls,
            client,
            begun: false,
            keys: false,
            broken: false,
            due: None,
            outgoing: VecDeque::new(),
            buffer: vec![0; 4096],
        }
    }

    fn drain(&mut self) {
        loop {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => self.outgoing.push_back(packet.to_vec()),
                Output::Timeout(at) => {
                    self.due = Some(at);
                    return;
                }
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::KeyingMaterial(..) => self.keys = true,
                _ => {}
            }
        }
    }
}

impl Security for Dimpl {
    fn begin(&mut self, now: Instant) {
        if !self.begun {
            self.begun = true;
            if self.client {
                self.broken |= self.dtls.handle_timeout(now).is_err();
            }
            self.drain();
        }
    }

    fn handle(&mut self, now: Instant, datagram: &[u8]) {
        if self.broken {
            return;
        }
        self.broken |= self.dtls.handle_timeout(now).is_err();
        self.drain();
        self.broken |= self.dtls.handle_packet(datagram).is_err();
        self.drain();
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.begun && self.poll_timeout().is_some_and(|at| at <= now) {
            self.broken |= self.dtls.handle_timeout(now).is_err();
            self.drain();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due.filter(|_| self.begun && !self.broken)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    fn has_keys(&self) -> bool {
        self.keys
    }
}

fn certificate() -> DtlsCertificate {
    let made = rcgen::generate_simple_self_signed(vec!["tandem".to_owned()]);
    let made = made.expect("a certificate");
    DtlsCertificate {
        certificate: made.cert.der().to_vec(),
        private_key: made.signing_key.serialize_der(),
    }
}

/// Sends every datagram once more after 30 ms, as guard G3 does.
pub struct Twice<S> {
    inner: S,
    copies: VecDeque<(Instant, Vec<u8>)>,
    ready: VecDeque<Vec<u8>>,
    now: Instant,
}

const COPY_AFTER: Duration = Duration::from_millis(30);

impl<S: Security> Twice<S> {
    pub fn new(now: Instant, inner: S) -> Self {
        Self {
            inner,
            copies: VecDeque::new(),
            ready: VecDeque::new(),
            now,
        }
    }
}

impl<S: Security> Security for Twice<S> {
    fn begin(&mut self, now: Instant) {
        self.now = now;
        self.inner.begin(now);
    }

    fn handle(&mut self, now: Instant, datagram: &[u8]) {
        self.now = now;
        self.inner.handle(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        while self.copies.front().is_some_and(|(at, _)| *at <= now) {
            self.ready
                .extend(self.copies.pop_front().map(|(_, copy)| copy));
        }
        self.inner.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let copy = self.copies.front().map(|(at, _)| *at);
        copy.into_iter().chain(self.inner.poll_timeout()).min()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(copy) = self.ready.pop_front() {
            return Some(copy);
        }
        let datagram = self.inner.poll_transmit()?;
        self.copies
            .push_back((self.now + COPY_AFTER, datagram.clone()));
        Some(datagram)
    }

    fn has_keys(&self) -> bool {
        self.inner.has_keys()
    }
}
