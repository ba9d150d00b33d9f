//! Connections that open, carry, break, and end with their call.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::driver::secure::Tls;
use crate::net::{NetworkId, RootsVerifier, StaticResolver, SystemSockets};

const ID: StreamId = StreamId(7);
const SOON: Duration = Duration::from_secs(20);

fn streams() -> (MediaStreams, Receiver<Inbound>) {
    let network = Network {
        factory: Arc::new(SystemSockets),
        resolver: Arc::new(StaticResolver::default()),
        tls: Tls::new(Arc::new(RootsVerifier::system())).unwrap(),
        capture: None,
        id: NetworkId::ANY,
    };
    let (inbox, inbound) = Inbox::new();
    let call = CallId::random(&mut crate::OsEntropy);
    (MediaStreams::new(call, network, inbox, &[]), inbound)
}

fn to(server: SocketAddr, tls_name: Option<&str>) -> StreamCommand {
    StreamCommand::Open {
        id: ID,
        local_ip: Some(Ipv4Addr::LOCALHOST.into()),
        server,
        tls_name: tls_name.map(str::to_owned),
    }
}

async fn news(inbound: &mut Receiver<Inbound>) -> StreamNews {
    let next = tokio::time::timeout(SOON, inbound.recv()).await;
    match next.expect("news in time") {
        Some(Inbound::MediaStream { id: ID, news, .. }) => news,
        _ => panic!("something else"),
    }
}

async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn opened() -> (MediaStreams, Receiver<Inbound>, TcpStream) {
    let (mut streams, mut inbound) = streams();
    let (listener, address) = server().await;
    streams.carry_out(to(address, None));
    let (far, _) = listener.accept().await.unwrap();
    assert_eq!(news(&mut inbound).await, StreamNews::Opened);
    (streams, inbound, far)
}

async fn read(far: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let reading = tokio::time::timeout(SOON, far.read_to_end(&mut heard));
    reading.await.expect("an end in time").unwrap();
    heard
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let (mut streams, mut inbound, mut far) = opened().await;
    let bytes = b"allocate".to_vec();
    streams.carry_out(StreamCommand::Write { id: ID, bytes });
    let mut heard = [0; 8];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"allocate");
    far.write_all(b"granted").await.unwrap();
    let granted = StreamNews::Bytes(b"granted".to_vec());
    assert_eq!(news(&mut inbound).await, granted);
    drop(far);
    assert_eq!(news(&mut inbound).await, StreamNews::Closed);
}

#[tokio::test]
async fn the_end_of_the_call_closes_after_the_last_word() {
    let (mut streams, _inbound, mut far) = opened().await;
    let bytes = b"refresh 0".to_vec();
    streams.carry_out(StreamCommand::Write { id: ID, bytes });
    drop(streams);
    assert_eq!(read(&mut far).await, b"refresh 0");
}

#[tokio::test]
async fn the_end_of_the_call_ends_a_connection_that_is_not_there_yet() {
    let (mut streams, _inbound) = streams();
    let (listener, address) = server().await;
    // The server takes the connection, and never answers the TLS that is begun on it.
    streams.carry_out(to(address, Some("turn.test")));
    let (mut far, _) = listener.accept().await.unwrap();
    drop(streams);
    // A hello may have come; the end does, much sooner than the limit of a connection.
    let ended = tokio::time::timeout(CONNECT_LIMIT / 2, async {
        let mut heard = Vec::new();
        let _ = far.read_to_end(&mut heard).await;
    });
    assert!(ended.await.is_ok(), "it goes on connecting");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let (mut streams, mut inbound) = streams();
    let (listener, address) = server().await;
    drop(listener);
    streams.carry_out(to(address, None));
    assert_eq!(news(&mut inbound).await, StreamNews::Closed);
}

#[tokio::test]
async fn a_server_that_takes_nothing_does_not_fill_the_memory() {
    let (mut streams, _inbound, _far) = opened().await;
    let large = || StreamCommand::Write {
        id: ID,
        bytes: vec![0; 64 * 1024],
    };
    for _ in 0..10 * BACKLOG {
        streams.carry_out(large());
        tokio::task::yield_now().await;
    }
    let writer = streams.writers.get(&ID).unwrap();
    assert_eq!(writer.capacity(), 0, "all of it was taken");
}
