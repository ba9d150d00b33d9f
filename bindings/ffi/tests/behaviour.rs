//! The component as Kotlin and Swift call it, without either: two cores on loopback, without a server.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tandem_ffi::{
    Account, AccountError, AccountState, AccountUpdate, AudioPath, Call, CallError, CallEvent,
    CallEventUpdate, CallInfo, CallState, CallUpdate, CallUpdates, CancelToken, CoreConfig,
    DirectSettings, Encryption, EndReason, HistoryChange, HistoryError, HistoryUpdate, IceConfig,
    IceServer, IceServerProblem, IncomingCall, LifecycleError, MediaSecurity, Obstacle,
    PlatformError, RejectReason, RelayUse, SafetyPhrase, SecretStore, SipSettings, SoundProblem,
    Stage, StorageProblem, TandemCore, Trust,
};

/// Secrets in memory, which notes where it was called.
#[derive(Default)]
struct Secrets {
    kept: Mutex<std::collections::BTreeMap<String, Vec<u8>>>,
    on_workers: AtomicUsize,
    broken: bool,
}

impl Secrets {
    fn note_thread(&self) {
        // A worker of the runtime cannot block on it; a thread that may block can.
        let may_block = std::panic::catch_unwind(|| {
            tokio::runtime::Handle::current().block_on(async {});
        });
        if may_block.is_err() {
            self.on_workers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl SecretStore for Secrets {
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, PlatformError> {
        self.note_thread();
        if self.broken {
            return Err(PlatformError::Failed {
                reason: "the keystore is locked".into(),
            });
        }
        Ok(self.kept.lock().unwrap().get(&name).cloned())
    }

    fn save(&self, name: String, secret: Vec<u8>) -> Result<(), PlatformError> {
        self.note_thread();
        self.kept.lock().unwrap().insert(name, secret);
        Ok(())
    }
}

struct Phone {
    core: Arc<TandemCore>,
    account: Arc<Account>,
    folder: tempfile::TempDir,
}

fn config(folder: &tempfile::TempDir) -> CoreConfig {
    CoreConfig {
        directory: folder.path().to_str().unwrap().to_owned(),
        user_agent: None,
        max_calls: None,
        event_backlog: None,
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

impl Phone {
    async fn new() -> Self {
        Self::with_backlog(None).await
    }

    async fn with_backlog(event_backlog: Option<u32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = CoreConfig {
            event_backlog,
            ..config(&folder)
        };
        let core = TandemCore::new(config, Arc::new(Secrets::default()), None).unwrap();
        core.start().await.unwrap();
        let added = core.add_direct(direct("127.0.0.1")).await;
        Self {
            core,
            account: added.unwrap(),
            folder,
        }
    }

    fn address(&self) -> String {
        self.account.info().unwrap().address
    }

    async fn calls(&self, other: &Self) -> Arc<Call> {
        let placed = self
            .core
            .place_call(other.address(), tone(), None, None)
            .await;
        placed.unwrap()
    }

    async fn rings(&self) -> Arc<Call> {
        let calls = self.core.incoming_calls();
        loop {
            match soon(calls.next()).await {
                Some(IncomingCall::Call { call }) => break call,
                Some(IncomingCall::Lagged { .. }) => {}
                None => panic!("no call"),
            }
        }
    }
}

const fn tone() -> AudioPath {
    AudioPath::Tone {
        hertz: 440.0,
        record: None,
    }
}

/// Nothing here takes long; a test that would hang fails instead.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .expect("in time")
}

async fn until(updates: &CallUpdates, wanted: impl Fn(&CallState) -> bool) -> CallInfo {
    loop {
        match soon(updates.next()).await {
            Some(CallUpdate::State { call }) if wanted(&call.state) => return call,
            Some(_) => {}
            None => panic!("the call ended first"),
        }
    }
}

async fn is_active(updates: &CallUpdates) -> CallInfo {
    until(updates, |state| matches!(state, CallState::Active { .. })).await
}

async fn ends(updates: &CallUpdates) -> EndReason {
    let ended = until(updates, |state| matches!(state, CallState::Ended { .. })).await;
    assert!(
        soon(updates.next()).await.is_none(),
        "nothing after the end"
    );
    match ended.state {
        CallState::Ended { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// Two phones that talk, and their calls.
async fn talking() -> (Phone, Phone, Arc<Call>, Arc<Call>) {
    talk(Phone::new().await).await
}

async fn talk(alice: Phone) -> (Phone, Phone, Arc<Call>, Arc<Call>) {
    let bob = Phone::new().await;
    let from = alice.calls(&bob).await;
    let to = bob.rings().await;
    to.answer(AudioPath::Silent).await.unwrap();
    is_active(&from.updates()).await;
    is_active(&to.updates()).await;
    (alice, bob, from, to)
}

#[tokio::test]
async fn a_call_from_its_first_ring_to_the_history() {
    let (alice, bob, from, to) = talking().await;
    assert_eq!(to.info().unwrap().peer, alice.address());
    let updates = from.updates();
    from.hold().await.unwrap();
    let held = from.info().unwrap().state;
    assert!(matches!(held, CallState::Held { .. }), "agreed: {held:?}");
    from.resume().await.unwrap();
    let active = from.info().unwrap().state;
    assert!(matches!(active, CallState::Active { .. }), "{active:?}");
    is_active(&updates).await;
    let heard = to.events();
    from.send_dtmf("4".into()).await.unwrap();
    loop {
        match soon(heard.next()).await.unwrap() {
            CallEventUpdate::Event {
                event: CallEvent::KeyReceived { key },
            } => break assert_eq!(key, "4"),
            CallEventUpdate::Event { .. } | CallEventUpdate::Lagged { .. } => {}
        }
    }
    from.hang_up().await.unwrap();
    assert_eq!(ends(&updates).await, EndReason::LocalHangUp);
    assert_eq!(ends(&to.updates()).await, EndReason::RemoteHangUp);
    let page = bob.core.history_page(None, 10).await.unwrap();
    assert_eq!(page.calls.len(), 1);
    assert_eq!(page.calls[0].id, to.id());
    assert_eq!(page.calls[0].end_reason, Some(EndReason::RemoteHangUp));
    assert!(page.calls[0].accepted.is_some());
}

#[tokio::test]
async fn the_history_comes_in_pages_and_says_when_it_changes() {
    let (alice, bob) = (Phone::new().await, Phone::new().await);
    let changes = alice.core.history_updates();
    let first = soon(changes.next()).await;
    assert!(matches!(
        first,
        Some(HistoryUpdate::Changed {
            change: HistoryChange::Everything
        })
    ));
    let mut placed = Vec::new();
    for _ in 0..3 {
        let call = alice.calls(&bob).await;
        bob.rings().await.reject(RejectReason::Busy).await.unwrap();
        assert_eq!(ends(&call.updates()).await, EndReason::Busy);
        placed.push(call.id());
    }
    assert!(soon(changes.next()).await.is_some());
    let newest = alice.core.history_page(None, 2).await.unwrap();
    let oldest = alice
        .core
        .history_page(newest.next.clone(), 2)
        .await
        .unwrap();
    let read: Vec<_> = newest.calls.iter().chain(&oldest.calls).collect();
    let read: Vec<_> = read.iter().map(|call| call.id.clone()).rev().collect();
    assert_eq!(read, placed);
    assert_eq!(oldest.next, None);
    let nowhere = alice.core.history_page(Some("page 2".into()), 2).await;
    assert_eq!(nowhere, Err(HistoryError::InvalidPlace));
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let (alice, bob) = (Phone::new().await, Phone::new().await);
    let place = |target: &str, audio| alice.core.place_call(target.into(), audio, None, None);
    let refused = place("not an address", AudioPath::Silent).await;
    assert_eq!(refused.err(), Some(CallError::InvalidTarget));
    let no_sound = place(&bob.address(), AudioPath::Device)
        .await
        .err()
        .unwrap();
    if let CallError::NoSound { problem } = &no_sound {
        assert_ne!(*problem, SoundProblem::FileNotPlayable);
    }
    let call = alice.calls(&bob).await;
    let early = call.hold().await.err().unwrap();
    assert_eq!(
        early,
        CallError::NotNow {
            obstacle: Obstacle::NotAnswered
        }
    );
    assert_eq!(early.to_string(), "the call was not answered yet");
    let keys = call.send_dtmf("hello".into()).await;
    assert_eq!(keys, Err(CallError::InvalidKeys { limit: 64 }));
    call.hang_up().await.unwrap();
    ends(&call.updates()).await;
    assert_eq!(call.hang_up().await, Err(CallError::Unknown));
    let twice = alice.core.add_direct(direct("127.0.0.1"));
    assert_eq!(twice.await.err(), Some(AccountError::Exists));
    let nowhere = alice.core.add_direct(direct("here")).await;
    assert_eq!(nowhere.err(), Some(AccountError::InvalidLocalAddress));
}

#[tokio::test]
async fn a_slow_reader_is_told_and_begins_anew() {
    let (_alice, _bob, from, _to) = talk(Phone::with_backlog(Some(8)).await).await;
    let updates = from.updates();
    assert!(soon(updates.next()).await.is_some());
    for round in 0..20 {
        from.mute(round % 2 == 0).await.unwrap();
    }
    from.mute(true).await.unwrap();
    assert!(from.info().unwrap().muted);
    let Some(CallUpdate::Lagged { missed }) = soon(updates.next()).await else {
        panic!("not told");
    };
    assert!(missed > 8, "{missed}");
    let Some(CallUpdate::State { call }) = soon(updates.next()).await else {
        panic!("no state");
    };
    assert!(call.muted);
}

#[tokio::test]
async fn an_ended_subscription_wakes_whoever_waits() {
    let alice = Phone::new().await;
    let calls = alice.core.incoming_calls();
    let waiting = tokio::spawn({
        let calls = calls.clone();
        async move { calls.next().await.is_none() }
    });
    tokio::task::yield_now().await;
    calls.end();
    assert!(soon(waiting).await.unwrap());
    let calls = alice.core.incoming_calls();
    let waiting = tokio::spawn(async move { calls.next().await.is_none() });
    alice.core.shutdown().await;
    assert!(soon(waiting).await.unwrap());
}

#[tokio::test]
async fn a_core_goes_through_its_stages_and_says_when_it_is_not_at_work() {
    let alice = Phone::new().await;
    let states = alice.account.updates();
    let before = alice.core.history_page(None, 1).await;
    assert!(before.is_ok());
    alice.core.suspend().await.unwrap();
    assert_eq!(alice.core.stage().await, Stage::Suspended);
    let asleep = alice.core.history_page(None, 1).await;
    let stage = Stage::Suspended;
    assert_eq!(asleep, Err(HistoryError::NotRunning { stage }));
    // The folder is free: the system may freeze the process.
    let other = TandemCore::new(config(&alice.folder), Arc::new(Secrets::default()), None).unwrap();
    let wrong_key = other.start().await.err();
    let problem = StorageProblem::WrongKey;
    assert_eq!(wrong_key, Some(LifecycleError::Storage { problem }));
    alice.core.resume().await.unwrap();
    let bob = Phone::new().await;
    let call = bob.calls(&alice).await;
    let ringing = alice.rings().await;
    assert_eq!(alice.core.suspend().await, Err(LifecycleError::CallUp));
    call.hang_up().await.unwrap();
    assert_eq!(ends(&ringing.updates()).await, EndReason::Cancelled);
    for wanted in [
        AccountState::Listening,
        AccountState::Offline,
        AccountState::Listening,
    ] {
        let Some(AccountUpdate::State { account }) = soon(states.next()).await else {
            panic!("no {wanted:?}");
        };
        assert_eq!(account.state, wanted);
    }
    alice.core.shutdown().await;
    alice.core.shutdown().await;
    let stage = Stage::Ended;
    let again = alice.core.start().await.err().unwrap();
    assert_eq!(again, LifecycleError::NotRunning { stage });
    assert_eq!(again.to_string(), "the core has been shut down");
    let late = alice
        .core
        .place_call(bob.address(), tone(), None, None)
        .await;
    assert_eq!(late.err(), Some(CallError::NotRunning { stage }));
}

#[tokio::test]
async fn one_core_at_a_time_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Arc::new(Secrets::default());
    let first = TandemCore::new(config(&folder), secrets.clone(), None).unwrap();
    first.start().await.unwrap();
    let second = TandemCore::new(config(&folder), secrets.clone(), None).unwrap();
    let problem = StorageProblem::InUse;
    let refused = second.start().await;
    assert_eq!(refused, Err(LifecycleError::Storage { problem }));
    first.shutdown().await;
    second.start().await.unwrap();
    second.shutdown().await;
    assert_eq!(secrets.on_workers.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_core_comes_back_at_its_own_port() {
    let alice = Phone::new().await;
    let address = alice.address();
    let (_, at) = address.split_once('@').unwrap();
    alice.account.remove().await.unwrap();
    assert_eq!(alice.account.info(), None);
    assert_eq!(alice.account.remove().await, Err(AccountError::Unknown));
    let account = alice.core.add_direct(direct(at)).await;
    let account = account.unwrap();
    for _ in 0..50 {
        alice.core.suspend().await.unwrap();
        // A port that is still held here would keep the account offline after the sleep.
        drop(std::net::UdpSocket::bind(at).unwrap());
        drop(std::net::TcpListener::bind(at).unwrap());
        alice.core.resume().await.unwrap();
        assert_eq!(account.info().unwrap().address, address);
    }
    let bob = Phone::new().await;
    let call = bob
        .core
        .place_call(address, tone(), None, None)
        .await
        .unwrap();
    alice.rings().await;
    call.hang_up().await.unwrap();
}

#[tokio::test]
async fn a_secret_store_that_fails_is_an_error_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets {
        broken: true,
        ..Secrets::default()
    };
    let core = TandemCore::new(config(&folder), Arc::new(secrets), None).unwrap();
    let Err(LifecycleError::Secrets { reason }) = core.start().await else {
        panic!("started");
    };
    assert_eq!(
        reason, "the keystore is locked",
        "nothing of ours around it"
    );
    assert_eq!(core.stage().await, Stage::New);
}

#[tokio::test]
async fn an_account_nobody_waits_for_any_more_is_gone() {
    let alice = Phone::new().await;
    // A server that takes everything and says nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let settings = || SipSettings {
        address: "carol@example.org".into(),
        password: None,
        server: Some(silent.local_addr().unwrap().to_string()),
        user: None,
        display_name: None,
        transport: None,
        local_address: None,
        media_security: None,
        ice: None,
    };
    let token = CancelToken::new();
    let adding = alice.core.add_sip(settings(), Some(token.clone()));
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token.cancel();
    };
    let (added, ()) = tokio::join!(adding, cancel);
    assert_eq!(added.err(), Some(AccountError::Cancelled));
    let dropped = alice.core.add_sip(settings(), None);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), dropped)
            .await
            .is_err()
    );
    let gone = async {
        while alice.core.accounts().len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(gone).await;
}

#[tokio::test]
async fn a_call_nobody_waits_for_any_more_is_hung_up() {
    let (alice, bob) = (Phone::new().await, Phone::new().await);
    let token = CancelToken::new();
    token.cancel();
    let place = |cancel| alice.core.place_call(bob.address(), tone(), None, cancel);
    assert_eq!(place(Some(token)).await.err(), Some(CallError::Cancelled));
    let page = alice.core.history_page(None, 1).await.unwrap();
    assert!(
        page.calls.is_empty(),
        "it was given up before it was dialled"
    );
    // Dialled with the first look, and then left alone.
    let left = tokio::time::timeout(Duration::ZERO, place(None)).await;
    if let Ok(call) = left {
        call.unwrap().hang_up().await.unwrap();
    }
    let no_more = async {
        loop {
            let page = alice.core.history_page(None, 1).await.unwrap();
            // It may have been given up before it was placed.
            let over = page.calls.first().is_none_or(|call| call.ended.is_some());
            if over && alice.core.calls().is_empty() && bob.core.calls().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(no_more).await;
    let call = place(Some(CancelToken::new())).await.unwrap();
    call.hang_up().await.unwrap();
}

/// A panic in the core ends that call with an error and nothing else.
#[cfg(feature = "fault")]
#[tokio::test]
async fn a_fault_ends_its_call_and_nothing_else() {
    let (alice, bob, from, to) = talking().await;
    let carol = Phone::new().await;
    let other = carol.calls(&alice).await;
    let other_here = alice.rings().await;
    other_here.answer(AudioPath::Silent).await.unwrap();
    is_active(&other.updates()).await;
    let over = CallError::NotNow {
        obstacle: Obstacle::Over,
    };
    assert_eq!(from.send_dtmf("ABCDABCD".into()).await, Err(over));
    assert_eq!(ends(&from.updates()).await, EndReason::InternalError);
    assert_eq!(ends(&to.updates()).await, EndReason::RemoteHangUp);
    is_active(&other_here.updates()).await;
    let again = bob.calls(&alice).await;
    alice.rings().await.answer(AudioPath::Silent).await.unwrap();
    is_active(&again.updates()).await;
}

/// The call's picture once it has a phrase, as a reader is told of it.
async fn phrase(call: &Call) -> (SafetyPhrase, CallInfo) {
    let updates = call.updates();
    loop {
        if let CallUpdate::State { call } = updates.next().await.unwrap()
            && let Some(phrase) = call.safety_phrase.clone()
        {
            return (phrase, call);
        }
    }
}

#[tokio::test]
async fn two_people_compare_a_phrase_and_the_history_keeps_what_came_of_it() {
    let (alice, bob) = (Phone::new().await, Phone::new().await);
    for phone in [&alice, &bob] {
        phone.account.remove().await.unwrap();
    }
    let settings = |security| DirectSettings {
        media_security: Some(security),
        ..direct("127.0.0.1")
    };
    let here = alice.core.add_direct(settings(MediaSecurity::Required));
    let there = bob.core.add_direct(settings(MediaSecurity::PlainAllowed));
    let (_, there) = (here.await.unwrap(), there.await.unwrap());
    let target = there.info().unwrap().address;
    let call = alice.core.place_call(target, AudioPath::Silent, None, None);
    let call = call.await.unwrap();
    let ringing = bob.rings().await;
    let early = CallError::NotNow {
        obstacle: Obstacle::NoPhrase,
    };
    assert_eq!(call.verify(true).await, Err(early));
    ringing.answer(AudioPath::Silent).await.unwrap();
    let ((words, near), (same, far)) = (phrase(&call).await, phrase(&ringing).await);
    assert_eq!(words, same);
    assert_eq!((words.words.len(), words.numbers.len()), (6, 6));
    assert_eq!(near.encryption, Encryption::DtlsSrtp);
    assert_eq!(
        (near.trust, far.trust),
        (Trust::Unverified, Trust::Unverified)
    );
    call.verify(true).await.unwrap();
    assert_eq!(call.info().unwrap().trust, Trust::Verified);
    call.hang_up().await.unwrap();
    ends(&ringing.updates()).await;
    for (phone, trust) in [(&alice, Trust::Verified), (&bob, Trust::Unverified)] {
        let page = phone.core.history_page(None, 1).await.unwrap();
        let row = &page.calls[0];
        assert_eq!((row.encryption, row.trust), (Encryption::DtlsSrtp, trust));
    }
}

#[tokio::test]
async fn a_relay_that_cannot_be_used_is_named() {
    let alice = Phone::new().await;
    let server = |url: &str| IceServer {
        url: url.into(),
        username: None,
        password: None,
    };
    let settings = DirectSettings {
        ice: Some(IceConfig {
            servers: vec![server("stun:127.0.0.1"), server("turn:127.0.0.1")],
            relay: RelayUse::Always,
        }),
        ..direct("127.0.0.1")
    };
    let problem = IceServerProblem::Credentials;
    let refused = alice.core.add_direct(settings).await.err();
    let expected = AccountError::InvalidIceServer { index: 1, problem };
    assert_eq!(refused.as_ref(), Some(&expected));
    assert_eq!(
        expected.to_string(),
        "STUN or TURN server 2: it needs a username and a password of 508 bytes at most"
    );
}
