use std::net::Ipv4Addr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::net::{Roots, RootsVerifier};

/// An authority made for one test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// What a phone does that trusts this authority alone.
    fn trusted(&self) -> Tls {
        let roots = Roots::Pem(self.0.pem().into_bytes());
        Tls::new(Arc::new(RootsVerifier::new(&roots).unwrap())).unwrap()
    }

    /// A server of that name, valid until then, that echoes what it is sent.
    async fn server(&self, name: &str, until: i32) -> TcpStream {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await?;
            let mut said = [0; 64];
            let length = stream.read(&mut said).await?;
            stream.write_all(&said[..length]).await
        });
        TcpStream::connect(at).await.unwrap()
    }
}

fn host(name: &str) -> Host {
    name.parse().unwrap()
}

/// Why the connection did not come about.
fn refused(secured: Result<TlsStream<TcpStream>, TransportError>) -> TransportError {
    secured.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_server_that_proves_its_name_is_spoken_with() {
    let authority = Authority::new();
    for name in ["sip.example.org", "127.0.0.1"] {
        let stream = authority.server(name, 2100).await;
        let secured = authority.trusted().connect(stream, &host(name)).await;
        let mut secured = secured.unwrap();
        secured.write_all(b"OPTIONS").await.unwrap();
        secured.flush().await.unwrap();
        let mut heard = [0; 7];
        secured.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"OPTIONS");
    }
}

#[tokio::test]
async fn each_way_not_to_be_trusted_is_told_apart() {
    let authority = Authority::new();
    let name = host("sip.example.org");
    let other = authority.server("other.example.org", 2100).await;
    let wrong = authority.trusted().connect(other, &name).await;
    assert_eq!(refused(wrong), TlsFailure::WrongName.into());
    let old = authority.server("sip.example.org", 2002).await;
    let expired = authority.trusted().connect(old, &name).await;
    assert_eq!(refused(expired), TlsFailure::Expired.into());
    let stranger = Authority::new().server("sip.example.org", 2100).await;
    let untrusted = authority.trusted().connect(stranger, &name).await;
    assert_eq!(refused(untrusted), TlsFailure::Untrusted.into());
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_no_server() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let stream = TcpStream::connect(at).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    far.write_all(b"SIP/2.0 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let tls = Authority::new().trusted();
    let plain = tls.connect(stream, &host("sip.example.org")).await;
    assert_eq!(refused(plain), TlsFailure::Handshake.into());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_to_whoever_counts_the_time() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap());
    let (stream, accepted) = tokio::join!(stream, listener.accept());
    let tls = Authority::new().trusted();
    let name = host("sip.example.org");
    let connecting = tls.connect(stream.unwrap(), &name);
    let waited = tokio::time::timeout(Duration::from_millis(200), connecting).await;
    assert!(waited.is_err(), "neither trusted nor refused");
    drop(accepted);
}
