//! What the tests of this crate share.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tandem_types::{
    Address, CallId, CallQuality, Encryption, EndReason, MediaKind, Pii, Protocol, SeededEntropy,
};

use crate::{
    CallDirection, CallRecord, EndedCall, Key, MAX_PAGE, NewCall, Store, Trust, UnixMillis,
};

/// The key of every test's store.
pub(crate) fn key() -> Key {
    Key::from_bytes(&[0x42; Key::BYTES])
}

/// A repeatable call id.
pub(crate) fn call_id(number: u64) -> CallId {
    CallId::random(&mut SeededEntropy::new(number))
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// An audio call to Bob, begun at `started`.
pub(crate) fn call_to_bob(id: CallId, started: i64) -> NewCall {
    NewCall {
        id,
        direction: CallDirection::Outgoing,
        peer: Pii::new(address("sip:bob@example.org")),
        person: None,
        person_name: Some(Pii::new("Bob Builder".to_owned())),
        account: None,
        protocol: Protocol::Sip,
        media: BTreeSet::from([MediaKind::Audio]),
        started: UnixMillis(started),
    }
}

/// Bob hung up at `at`, after a call with these numbers.
pub(crate) fn bob_hung_up(at: i64) -> EndedCall {
    EndedCall {
        at: UnixMillis(at),
        reason: EndReason::RemoteHangUp,
        media: BTreeSet::from([MediaKind::Audio]),
        quality: quality(500),
        encryption: Encryption::None,
        trust: Trust::Unverified,
        sender_device: None,
    }
}

pub(crate) fn quality(packets: u64) -> CallQuality {
    CallQuality {
        packets_sent: packets,
        packets_received: packets.saturating_sub(3),
        packets_lost: 3,
        frames_concealed: 2,
        jitter: Duration::from_micros(1_250),
        round_trip: Some(Duration::from_micros(40_125)),
    }
}

/// The seed of a randomised test: from the environment to repeat one, and printed either way.
pub(crate) fn seed(test: &str, default: u64) -> u64 {
    let given = std::env::var("TANDEM_SEED").ok();
    let seed = given.and_then(|text| text.parse().ok()).unwrap_or(default);
    println!("{test}: TANDEM_SEED={seed}");
    seed
}

/// Everything in the history, newest first.
pub(crate) fn history(store: &Store) -> Vec<CallRecord> {
    let mut all = Vec::new();
    let mut next = None;
    loop {
        let page = store.calls(next, MAX_PAGE).unwrap();
        all.extend(page.items);
        next = page.next;
        if next.is_none() {
            return all;
        }
    }
}

/// What SQLite itself finds wrong with the file, and whether the cipher vouches for each page.
pub(crate) fn integrity(store: &Store) -> String {
    let check = "PRAGMA integrity_check";
    let found = store.connection().query_row(check, [], |row| row.get(0));
    found.unwrap_or_else(|error: rusqlite::Error| error.to_string())
}

/// This test binary once more, as a process of its own: it runs `test` alone, which finds `folder` in
/// [`child_folder`] and then plays the child.
pub(crate) fn again(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(CHILD_FOLDER, folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The folder to work in, in a process started by [`again`]; `None` in the test itself.
pub(crate) fn child_folder() -> Option<PathBuf> {
    let folder = std::env::var_os(CHILD_FOLDER)?;
    // The harness has begun a line of its own.
    println!();
    Some(folder.into())
}

const CHILD_FOLDER: &str = "TANDEM_STORE_CHILD_FOLDER";

/// Tells the parent; `false` when it is gone.
pub(crate) fn tell(line: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "> {line}").and_then(|()| out.flush()).is_ok()
}

/// What a child told before it died.
pub(crate) fn told(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let told = text.lines().filter_map(|line| line.strip_prefix("> "));
    told.map(str::to_owned).collect()
}
