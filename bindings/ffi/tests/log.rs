//! The log of the whole process in the app's hands, through a call, a failed one and a failing sink. A test
//! binary of its own: a process has one log.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tandem_ffi::{
    AudioPath, CallState, CallUpdate, CoreConfig, DirectSettings, IncomingCall, LogLevel, LogLine,
    LogSink, PlatformError, SecretStore, SipSettings, TandemCore, Transport, forward_log,
};

#[derive(Default)]
struct Secrets(Mutex<BTreeMap<String, Vec<u8>>>);

impl SecretStore for Secrets {
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, PlatformError> {
        Ok(self.0.lock().unwrap().get(&name).cloned())
    }

    fn save(&self, name: String, secret: Vec<u8>) -> Result<(), PlatformError> {
        self.0.lock().unwrap().insert(name, secret);
        Ok(())
    }
}

/// Keeps every line, and fails at every second one.
#[derive(Default)]
struct Lines(Mutex<Vec<LogLine>>);

impl LogSink for Lines {
    fn log(&self, line: LogLine) -> Result<(), PlatformError> {
        let mut lines = self.0.lock().unwrap();
        lines.push(line);
        if lines.len().is_multiple_of(2) {
            let reason = "the file is full".into();
            return Err(PlatformError::Failed { reason });
        }
        Ok(())
    }
}

async fn core(folder: &tempfile::TempDir) -> Arc<TandemCore> {
    let config = CoreConfig {
        directory: folder.path().to_str().unwrap().to_owned(),
        user_agent: None,
        max_calls: None,
        event_backlog: None,
    };
    let core = TandemCore::new(config, Arc::new(Secrets::default()), None).unwrap();
    core.start().await.unwrap();
    core
}

#[tokio::test]
async fn nobody_is_named_in_the_log_of_a_call() {
    let lines = Arc::new(Lines::default());
    assert!(forward_log(lines.clone(), LogLevel::Trace));
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (alice, bob) = (core(&folders.0).await, core(&folders.1).await);
    let here = |core: Arc<TandemCore>| async move {
        let added = core.add_direct(direct("127.0.0.1")).await;
        added.unwrap().info().unwrap().address
    };
    let (_, bobs) = (here(alice.clone()).await, here(bob.clone()).await);
    let call = alice.place_call(bobs, AudioPath::Silent, None, None).await;
    let call = call.unwrap();
    let Some(IncomingCall::Call { call: rings }) = bob.incoming_calls().next().await else {
        panic!("no call");
    };
    rings.answer(AudioPath::Silent).await.unwrap();
    let updates = call.updates();
    while let Some(CallUpdate::State { call: picture }) = updates.next().await {
        if matches!(picture.state, CallState::Active { .. }) {
            call.send_dtmf("4711".into()).await.unwrap();
            call.hang_up().await.unwrap();
            break;
        }
    }
    // A port nobody listens at, and an account nobody lets in.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = closed.local_addr().unwrap().to_string();
    drop(closed);
    let settings = SipSettings {
        address: "carol@example.org".into(),
        password: Some("swordfish".into()),
        server: Some(server.clone()),
        user: Some("carolina".into()),
        display_name: Some("Carol Singer".into()),
        transport: Some(Transport::Tcp),
        local_address: None,
        media_security: None,
        ice: None,
    };
    assert!(alice.add_sip(settings, None).await.is_err());
    let target = format!("sip:dave@{server}");
    alice
        .place_call(target, AudioPath::Silent, None, None)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    // What a panic says, wherever it was: its text is in the log, what it quotes is not.
    let fault = tokio::spawn(async { panic!("cannot cut {:?}", "dave's address") });
    assert!(fault.await.is_err());
    alice.shutdown().await;
    bob.shutdown().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lines = lines.0.lock().unwrap();
    assert!(lines.len() > 5, "a log: {lines:?}");
    let told = |line: &&LogLine| line.message.contains("a fault inside: cannot cut [...]");
    let fault = lines.iter().find(told).unwrap();
    assert!(fault.message.contains("at=log.rs:"), "{fault:?}");
    assert_eq!(fault.level, LogLevel::Error);
    let secrets = [
        "127.0.0.1",
        "tandem@",
        "sip:",
        "carol",
        "swordfish",
        "Singer",
        "dave",
        "example.org",
        "4711",
        "::1",
    ];
    for line in lines.iter() {
        for secret in secrets {
            assert!(!line.message.contains(secret), "{secret}: {line:?}");
        }
    }
}

/// A direct account there.
fn direct(local_address: &str) -> DirectSettings {
    DirectSettings {
        local_address: local_address.into(),
        transport: None,
        media_security: None,
        ice: None,
    }
}
