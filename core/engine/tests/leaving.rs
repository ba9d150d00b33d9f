//! An engine that is shut down leaves nobody ringing: a far end that is nothing but a socket, on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should fail right there"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_engine::phone::{Audio, SipAccount};
use tandem_engine::{CallState, Engine, EngineConfig, Event, FileSecrets, TransportKind};
use tandem_media::io::{NullSink, Silence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Handle;

/// Longer than an engine waits when it leaves, so that a test that fails does not hang.
const PATIENCE: Duration = Duration::from_secs(10);

async fn engine(folder: &tempfile::TempDir) -> (Engine, tandem_types::AccountId, SocketAddr) {
    let data = folder.path().to_owned();
    let secrets = Arc::new(FileSecrets::new(data.join("keys")));
    let config = EngineConfig::desktop(data, secrets);
    let engine = Engine::start(config, &Handle::current()).unwrap();
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let account = SipAccount::direct(here, TransportKind::Udp);
    let (id, local) = engine.add_account(account).await.unwrap();
    (engine, id, local)
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| panic!("{what} never came"))
}

/// The value of a header of a message.
fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let mut fields = message.lines().filter_map(|line| line.split_once(": "));
    let found = fields.find(|(field, _)| *field == name);
    found.map(|(_, value)| value).unwrap_or_default()
}

fn response(status: &str, request: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=far\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:far@127.0.0.1>\r\nContent-Length: 0\r\n\r\n",
        header(request, "Via"),
        header(request, "From"),
        header(request, "To"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_rings_here_over_a_stream_is_told_before_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _, local) = engine(&folder).await;
    let mut events = engine.events();
    let mut far = TcpStream::connect(local).await.unwrap();
    let own = far.local_addr().unwrap();
    let invite = format!(
        "INVITE sip:tandem@{local} SIP/2.0\r\nVia: SIP/2.0/TCP {own};branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:far@{own}>;tag=far\r\nTo: <sip:tandem@{local}>\r\n\
         Call-ID: leaving\r\nCSeq: 1 INVITE\r\nContact: <sip:far@{own};transport=tcp>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    far.write_all(invite.as_bytes()).await.unwrap();
    within("the call", async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::Call(call) if call.state == CallState::Incoming) {
                break;
            }
        }
    })
    .await;
    let farewell = async {
        let mut heard = Vec::new();
        let mut buffer = [0; 4_096];
        while !String::from_utf8_lossy(&heard).contains("SIP/2.0 603") {
            match far.read(&mut buffer).await {
                Ok(0) | Err(_) => {
                    panic!("closed without a word: {}", String::from_utf8_lossy(&heard))
                }
                Ok(length) => heard.extend(&buffer[..length]),
            }
        }
    };
    within("603", async { tokio::join!(engine.shutdown(), farewell) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_has_not_said_that_it_rings_is_not_left_ringing() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, account, _) = engine(&folder).await;
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = format!("sip:far@{}", far.local_addr().unwrap());
    let audio = Audio {
        source: Box::new(Silence),
        sink: Box::new(NullSink),
    };
    engine.place_call(account, &target, audio).await.unwrap();
    let mut buffer = [0; 4_096];
    let receive = async |buffer: &mut [u8; 4_096]| {
        let (length, from) = within("a message", far.recv_from(buffer)).await.unwrap();
        (
            String::from_utf8_lossy(&buffer[..length]).into_owned(),
            from,
        )
    };
    let (invite, from) = receive(&mut buffer).await;
    let farewell = async {
        // The CANCEL may not go before this (RFC 3261 §9.1), and the engine was told to leave before it.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let ringing = response("180 Ringing", &invite);
        far.send_to(ringing.as_bytes(), from).await.unwrap();
        let mut cancelled = false;
        loop {
            let (message, _) = receive(&mut buffer).await;
            if message.starts_with("CANCEL ") && !cancelled {
                cancelled = true;
                let ok = response("200 OK", &message);
                far.send_to(ok.as_bytes(), from).await.unwrap();
                let terminated = response("487 Request Terminated", &invite);
                far.send_to(terminated.as_bytes(), from).await.unwrap();
            } else if message.starts_with("ACK ") {
                return;
            }
        }
    };
    tokio::join!(engine.shutdown(), farewell);
}
