//! The engine as an app holds it, on real sockets of the loopback.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

mod far_end;

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use far_end::FarEnd;
use tandem_engine::app::{App, AppError, News, Sound, Stage, Update};
use tandem_engine::phone::{AccountError, PhoneError, SipAccount};
use tandem_engine::{
    AccountState, CallSnapshot, CallState, Command, CommandError, EngineConfig, EngineError,
    FileSecrets, HoldState, TransportKind,
};
use tandem_types::{AccountId, CallId, Pii};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Phone {
    app: Arc<App>,
    account: AccountId,
    _folder: tempfile::TempDir,
}

impl Phone {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Arc::new(FileSecrets::new(folder.path().join("keys")));
        let config = EngineConfig::desktop(folder.path().to_owned(), secrets);
        let app = Arc::new(App::new(config, Handle::current()));
        app.start().await.unwrap();
        let bind = "127.0.0.1:0".parse().unwrap();
        let (_wanted, unwanted) = oneshot::channel();
        let direct = SipAccount::direct(bind, TransportKind::Udp);
        let account = app.add_account(direct, unwanted).await.unwrap().unwrap();
        Self {
            app,
            account,
            _folder: folder,
        }
    }

    fn address(&self) -> String {
        self.app.account(self.account).unwrap().address.into_inner()
    }

    fn state(&self) -> Option<AccountState> {
        self.app.account(self.account).map(|account| account.state)
    }

    async fn calls(&self, target: &str) -> CallId {
        let placed = self.app.place_call(None, target, Sound::Silent).await;
        placed.unwrap()
    }

    async fn rings(&self) -> CallId {
        let mut calls = self.app.incoming_calls();
        loop {
            if let Some(Update::Next(call)) = soon(calls.next()).await {
                return call.id;
            }
        }
    }

    async fn until(&self, call: &CallId, wanted: impl Fn(&CallSnapshot) -> bool) -> CallSnapshot {
        let mut states = self.app.call_states(call.clone());
        loop {
            match soon(states.next()).await.expect("the call ended first") {
                Update::Next(picture) if wanted(&picture) => return picture,
                Update::Next(_) | Update::Lagged { .. } => {}
            }
        }
    }

    async fn is_active(&self, call: &CallId) {
        let active = |it: &CallSnapshot| matches!(it.state, CallState::Active { .. });
        self.until(call, active).await;
    }

    fn held_by(&self, call: &CallId) -> Option<HoldState> {
        match self.app.call(call)?.state {
            CallState::Held { by, .. } => Some(by),
            _ => None,
        }
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, what).await.expect("in time")
}

/// Two phones that talk, and their calls.
async fn talking() -> (Phone, Phone, CallId, CallId) {
    let (alice, bob) = (Phone::new().await, Phone::new().await);
    let from = alice.calls(&bob.address()).await;
    let to = bob.rings().await;
    bob.app.answer(&to, Sound::Silent).await.unwrap();
    alice.is_active(&from).await;
    bob.is_active(&to).await;
    (alice, bob, from, to)
}

fn not_now(outcome: Result<(), AppError>) -> CommandError {
    match outcome {
        Err(AppError::Engine(EngineError::Phone(PhoneError::Command(error)))) => error,
        other => panic!("{other:?}"),
    }
}

/// Listens to a call for keys until there are so many.
fn hears(phone: &Phone, call: &CallId, count: usize) -> impl Future<Output = String> + use<> {
    let mut news = phone.app.call_news(call.clone());
    async move {
        let mut keys = String::new();
        while keys.len() < count {
            match soon(news.next()).await {
                Some(Update::Next(News::Key(key))) => keys.push(key),
                Some(_) => {}
                None => break,
            }
        }
        keys
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_agreed_when_it_returns_and_keys_are_heard_through_it() {
    let (alice, bob, from, to) = talking().await;
    alice.app.set_muted(&from, true).await.unwrap();
    soon(alice.app.hold(&from)).await.unwrap();
    assert_eq!(alice.held_by(&from), Some(HoldState::Local));
    assert_eq!(
        not_now(alice.app.hold(&from).await),
        CommandError::AlreadyHeld
    );
    let heard = tokio::spawn(hears(&bob, &to, 3));
    soon(alice.app.send_keys(&from, "42#")).await.unwrap();
    let played = alice.app.call(&from).unwrap().keys;
    assert_eq!(
        (played.taken, played.played),
        (3, 3),
        "back when the last was played"
    );
    assert_eq!(soon(heard).await.unwrap(), "42#");

    soon(bob.app.hold(&to)).await.unwrap();
    assert_eq!(alice.held_by(&from), Some(HoldState::Both));
    assert_eq!(
        not_now(alice.app.send_keys(&from, "1").await),
        CommandError::OnHold
    );
    soon(alice.app.resume_call(&from)).await.unwrap();
    assert_eq!(alice.held_by(&from), Some(HoldState::Remote));
    soon(bob.app.resume_call(&to)).await.unwrap();
    assert_eq!(
        not_now(bob.app.resume_call(&to).await),
        CommandError::NotHeld
    );
    alice.is_active(&from).await;
    assert!(alice.app.call(&from).unwrap().muted);
    alice.app.command(&from, Command::HangUp).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_the_far_end_refuses_is_an_error() {
    let alice = Phone::new().await;
    let far = FarEnd::that_answers_changes_with(Some(488));
    let call = alice.calls(&far.address()).await;
    alice.is_active(&call).await;
    let refused = soon(alice.app.hold(&call)).await;
    assert!(matches!(refused, Err(AppError::HoldRefused)), "{refused:?}");
    assert_eq!(alice.held_by(&call), None);
    // It may be asked again, and is refused again.
    let refused = soon(alice.app.hold(&call)).await;
    assert!(matches!(refused, Err(AppError::HoldRefused)), "{refused:?}");
    alice.is_active(&call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_nobody_answers_ends_with_its_call() {
    let alice = Phone::new().await;
    let far = FarEnd::that_answers_changes_with(None);
    let call = alice.calls(&far.address()).await;
    alice.is_active(&call).await;
    let (app, id) = (alice.app.clone(), call.clone());
    let holding = tokio::spawn(async move { app.hold(&id).await });
    alice
        .until(&call, |it| it.hold != tandem_engine::LocalHold::Off)
        .await;
    alice.app.command(&call, Command::HangUp).await.unwrap();
    assert_eq!(not_now(soon(holding).await.unwrap()), CommandError::Ended);
}

/// Whatever comes first, the call or the sleep: a phone that went to sleep has rung for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_sleeps_has_not_rung() {
    let (alice, bob) = (Phone::new().await, Phone::new().await);
    let (mut slept, mut rang) = (0, 0);
    for round in 0..1_000 {
        if round >= 100 && slept > 0 && rang > 0 {
            break;
        }
        let (app, address) = (bob.app.clone(), alice.address());
        let calling =
            tokio::spawn(async move { app.place_call(None, &address, Sound::Silent).await });
        // Every few microseconds of the way that the call takes.
        let until = Instant::now() + Duration::from_micros(round * 20);
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
        let asleep = alice.app.suspend().await;
        let call = calling.await.unwrap().unwrap();
        match asleep {
            Ok(()) => {
                slept += 1;
                bob.app.command(&call, Command::HangUp).await.ok();
                let ended = bob.until(&call, |it| it.end_reason().is_some()).await;
                let rows = ringing(&bob, &call).await;
                assert!(!rows, "round {round}: it rang and slept: {ended:?}");
                alice.app.resume().await.unwrap();
            }
            Err(AppError::CallUp) => {
                rang += 1;
                assert_eq!(alice.app.calls().len(), 1, "round {round}");
                bob.app.command(&call, Command::HangUp).await.unwrap();
                let here = alice.app.calls();
                if let Some(here) = here.first() {
                    alice.until(&here.id, |it| it.end_reason().is_some()).await;
                }
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(slept > 0 && rang > 0, "both came first: {slept}, {rang}");
    println!("slept {slept} times, rang {rang} times");
    assert_eq!(alice.app.stage().await, Stage::Running);
}

/// Whether the far end of a call ever rang, as the history of the caller knows.
async fn ringing(caller: &Phone, call: &CallId) -> bool {
    let page = caller.app.history(None, 1).await.unwrap();
    let row = page.items.first().unwrap();
    assert_eq!(row.id, *call);
    row.ringing.is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_begun_while_the_app_stops_says_where_it_stopped() {
    for (stage, account) in [(Stage::Suspended, "carol"), (Stage::Ended, "carol")] {
        let alice = Phone::new().await;
        // A server that takes everything and says nothing.
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut settings = SipAccount::new(&format!("{account}@example.org"), None);
        settings.registrar = Some(Pii::new(silent.local_addr().unwrap().to_string()));
        let (_wanted, unwanted) = oneshot::channel();
        let app = alice.app.clone();
        let adding = tokio::spawn(async move { app.add_account(settings, unwanted).await });
        while alice.app.accounts().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        match stage {
            Stage::Suspended => alice.app.suspend().await.unwrap(),
            _ => alice.app.shutdown().await,
        }
        match soon(adding).await.unwrap() {
            Err(AppError::NotRunning(told)) => assert_eq!(told, stage),
            other => panic!("{other:?}"),
        }
        if stage == Stage::Suspended {
            alice.app.resume().await.unwrap();
            assert_eq!(alice.app.accounts().len(), 1, "nothing of it is left");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_a_server_listens_whenever_the_app_is_awake() {
    let alice = Phone::new().await;
    assert_eq!(alice.state(), Some(AccountState::Listening));
    alice.app.suspend().await.unwrap();
    assert_eq!(alice.state(), Some(AccountState::Offline));
    alice.app.resume().await.unwrap();
    assert_eq!(alice.state(), Some(AccountState::Listening));
    let bob = Phone::new().await;
    bob.calls(&alice.address()).await;
    alice.rings().await;
    alice.app.shutdown().await;
    assert_eq!(alice.state(), None);
    assert!(soon(alice.app.account_list().next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_none_is_told_before_a_server_that_is_none() {
    let alice = Phone::new().await;
    let wrong = |settings: SipAccount| {
        let app = alice.app.clone();
        async move {
            let (_wanted, unwanted) = oneshot::channel();
            match app.add_account(settings, unwanted).await {
                Err(AppError::Engine(EngineError::Phone(PhoneError::Account(error)))) => error,
                other => panic!("{other:?}"),
            }
        }
    };
    for address in [
        "no address",
        "nobody",
        "",
        "sip:",
        "sip:@example.org",
        "tel:+4930",
        "a@b c",
    ] {
        let error = wrong(SipAccount::new(address, None)).await;
        assert_eq!(error, AccountError::BadAddress, "{address:?}");
    }
    let mut account = SipAccount::new("alice@example.org", None);
    account.registrar = Some(Pii::new("not a host".to_owned()));
    assert_eq!(wrong(account).await, AccountError::BadRegistrar);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_only_a_call_says_how_it_ended() {
    let (alice, _bob, from, _to) = talking().await;
    alice.app.shutdown().await;
    assert!(alice.app.calls().is_empty() && alice.app.accounts().is_empty());
    assert!(soon(alice.app.incoming_calls().next()).await.is_none());
    assert!(soon(alice.app.log_changes().next()).await.is_none());
    let mut states = alice.app.call_states(from);
    let Some(Update::Next(last)) = soon(states.next()).await else {
        panic!("nothing");
    };
    assert!(last.end_reason().is_some());
    assert!(soon(states.next()).await.is_none());
}
