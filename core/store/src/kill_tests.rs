//! The process dies at any instant, and nothing that was committed is lost.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

use tandem_types::{CallId, EndReason, Entropy, SeededEntropy};
use tempfile::TempDir;

use crate::fault::STRIKE_AT;
use crate::testing::{
    address, again, bob_hung_up, call_id, call_to_bob, child_folder, history, integrity, key,
    quality, seed, tell, told,
};
use crate::{CallRecord, NewCall, Store, StoreError, UnixMillis};

const STEPS: usize = 9;

/// One step of a day with the store.
fn step(store: &mut Store, number: usize) -> Result<(), StoreError> {
    let (first, second) = (call_id(1), call_id(2));
    match number {
        0 => store
            .account_for(&address("sip:alice@example.org"))
            .map(drop),
        1 => {
            let alice = store.account_for(&address("sip:alice@example.org"))?;
            store.begin_call(&NewCall {
                account: Some(alice),
                ..call_to_bob(first, 1_000)
            })
        }
        2 => store.mark_ringing(&first, UnixMillis(2_000)),
        3 => store.mark_accepted(&first, UnixMillis(3_000)),
        4 => store.update_quality(&first, UnixMillis(4_000), &quality(50)),
        5 => store.finish_call(&first, &bob_hung_up(5_000)),
        6 => store.begin_call(&call_to_bob(second, 6_000)),
        7 => store.delete_call(&first),
        _ => store.mark_accepted(&second, UnixMillis(7_000)),
    }
}

/// What the next start finds when the process died after so many steps.
fn after(steps: usize) -> Vec<CallRecord> {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
    for number in 0..steps {
        step(&mut store, number).unwrap();
    }
    drop(store);
    let (store, _) = Store::open(folder.path(), &key(), UnixMillis(9_000)).unwrap();
    history(&store)
}

#[test]
fn a_kill_between_any_two_writes_loses_nothing_that_was_committed() {
    const NAME: &str = "kill_tests::a_kill_between_any_two_writes_loses_nothing_that_was_committed";
    if let Some(folder) = child_folder() {
        let (mut store, _) = Store::open(&folder, &key(), UnixMillis(9_000)).unwrap();
        for number in 0..STEPS {
            step(&mut store, number).unwrap();
            tell(&number.to_string());
        }
        tell("survived");
        return;
    }
    let model: Vec<_> = (0..=STEPS).map(after).collect();
    let mut struck = 0;
    for strike in 1.. {
        let folder = TempDir::new().unwrap();
        let mut child = again(NAME, folder.path());
        let output = child.env(STRIKE_AT, strike.to_string()).output().unwrap();
        let told = told(&output.stdout);
        if told.last().is_some_and(|line| line == "survived") {
            break;
        }
        assert!(!output.status.success());
        struck = strike;
        // The next start dies as well, on its way to what the first left behind.
        let second = again(NAME, folder.path())
            .env(STRIKE_AT, "3")
            .output()
            .unwrap();
        assert!(!second.status.success());
        let (store, _) = Store::open(folder.path(), &key(), UnixMillis(9_000)).unwrap();
        assert_eq!(integrity(&store), "ok", "strike {strike}");
        let found = history(&store);
        // The step in flight may have been committed without the parent hearing of it.
        let committed = told.len();
        let possible = [&model[committed], &model[(committed + 1).min(STEPS)]];
        assert!(
            possible.contains(&&found),
            "strike {strike} after {committed}: {found:?}"
        );
    }
    assert!(struck > 20, "only {struck} places to die");
}

#[test]
fn two_hundred_kills_at_random_moments_lose_nothing_that_was_committed() {
    const NAME: &str =
        "kill_tests::two_hundred_kills_at_random_moments_lose_nothing_that_was_committed";
    const KILLS: u64 = 200;
    if let Some(folder) = child_folder() {
        return call_until_killed(&folder);
    }
    let mut random = SeededEntropy::new(seed("two_hundred_kills", 2_026));
    let folder = TempDir::new().unwrap();
    // The log as it must be at least: each call, and whether its end was committed.
    let mut log: BTreeMap<CallId, bool> = BTreeMap::new();
    let mut unheard = 0;
    for kill in 0..KILLS {
        let mut child = again(NAME, folder.path());
        let mut child = child.env(RUN, kill.to_string()).spawn().unwrap();
        // Every fourth dies while it starts, the others somewhere after a few commits.
        let (lines, more) = if kill % 4 == 0 {
            (0, random.below(40_000))
        } else {
            (1 + random.below(12), random.below(5_000))
        };
        let output = kill_after(lines, Duration::from_micros(more), &mut child);
        for line in told(&output) {
            let (what, number) = line.split_once(' ').unwrap();
            let ended = what == "ended";
            log.insert(call_id(number.parse().unwrap()), ended);
        }

        let (store, _) = Store::open(folder.path(), &key(), UnixMillis(i64::MAX)).unwrap();
        assert_eq!(integrity(&store), "ok", "kill {kill}");
        let found: BTreeMap<_, _> = history(&store)
            .into_iter()
            .map(|call| (call.id.clone(), call))
            .collect();
        for (id, ended) in &log {
            let call = found
                .get(id)
                .unwrap_or_else(|| panic!("kill {kill} lost a call"));
            match call.end_reason {
                Some(EndReason::RemoteHangUp) => assert_eq!(call.quality, bob_hung_up(0).quality),
                Some(EndReason::Interrupted) => assert!(!ended, "kill {kill} lost an end"),
                other => panic!("kill {kill}: {other:?}"),
            }
        }
        // A commit that the kill kept from being told: at most one each time.
        let more = found.len() - log.len();
        assert!(more <= 1, "kill {kill}: {more} calls from nowhere");
        unheard += more;
        log.extend(
            found
                .into_iter()
                .map(|(id, call)| (id, call.end_reason == Some(EndReason::RemoteHangUp))),
        );
    }
    println!(
        "{} calls over {KILLS} kills, {unheard} of them untold",
        log.len()
    );
    assert!(log.len() > 300, "too few calls for a test: {}", log.len());
}

const RUN: &str = "TANDEM_STORE_RUN";

/// The child: calls begin, are answered and end, each commit is told, until the kill or the parent's end.
fn call_until_killed(folder: &Path) {
    let run: u64 = std::env::var(RUN).unwrap().parse().unwrap();
    let (mut store, _) = Store::open(folder, &key(), UnixMillis(i64::MAX)).unwrap();
    // So small that the kill meets a checkpoint often.
    store
        .connection()
        .pragma_update(None, "wal_autocheckpoint", 20)
        .unwrap();
    for number in 0..5_000 {
        let number = run * 10_000 + number;
        let id = call_id(number);
        store.begin_call(&call_to_bob(id.clone(), 1_000)).unwrap();
        if !tell(&format!("begun {number}")) {
            return;
        }
        store.mark_accepted(&id, UnixMillis(2_000)).unwrap();
        store
            .update_quality(&id, UnixMillis(3_000), &quality(9))
            .unwrap();
        store.finish_call(&id, &bob_hung_up(4_000)).unwrap();
        if !tell(&format!("ended {number}")) {
            return;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kill at a random moment is one in real time"
)]
fn wait(time: Duration) {
    thread::sleep(time);
}

/// SIGKILL when the child has told so many lines and some time has passed, and all that it told by then.
fn kill_after(lines: u64, more: Duration, child: &mut Child) -> Vec<u8> {
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    let mut output = Vec::new();
    let mut heard = 0;
    while heard < lines && pipe.read_until(b'\n', &mut output).unwrap() > 0 {
        heard = u64::try_from(told(&output).len()).unwrap();
    }
    wait(more);
    child.kill().unwrap();
    child.wait().unwrap();
    // A line is told with one write, so only whole lines are in the pipe.
    pipe.read_to_end(&mut output).unwrap();
    output
}
