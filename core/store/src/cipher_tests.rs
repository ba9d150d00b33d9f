use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::testing::{address, bob_hung_up, call_id, call_to_bob, history, key};
use crate::{Key, NewCall, Store, StoreError, UnixMillis, connection};

const WORDS: [&str; 6] = [
    "SQLite format 3",
    "CREATE TABLE",
    "sip:",
    "example.org",
    "Builder",
    "remote-hang-up",
];

#[test]
fn no_file_of_the_store_shows_a_word_of_what_is_in_it() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
    write_calls(&mut store, 0..40);
    assert!(
        fs::metadata(folder.path().join("tandem.sqlite-wal"))
            .unwrap()
            .len()
            > 0
    );
    assert_eq!(words_in(folder.path()), [""; 0], "with a write-ahead log");

    store.checkpoint().unwrap();
    assert_eq!(words_in(folder.path()), [""; 0], "all in the database");
    drop(store);
    assert_eq!(words_in(folder.path()), [""; 0], "closed");

    // The search finds them all where there is no cipher.
    let plain = TempDir::new().unwrap();
    let copy = plain.path().join("plain.sqlite");
    let store = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap().0;
    let sql = "SELECT group_concat(peer || person_name || end_reason) FROM calls";
    let calls: String = store
        .connection()
        .query_row(sql, [], |row| row.get(0))
        .unwrap();
    let plain_database = Connection::open(copy).unwrap();
    plain_database
        .execute_batch("CREATE TABLE calls (all_of_it TEXT)")
        .unwrap();
    plain_database
        .execute("INSERT INTO calls VALUES (?1)", [calls])
        .unwrap();
    assert_eq!(words_in(plain.path()), WORDS);
}

#[test]
fn the_same_calls_under_the_same_key_give_different_files() {
    let files = [(); 2].map(|()| {
        let folder = TempDir::new().unwrap();
        let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
        write_calls(&mut store, 0..1);
        drop(store);
        fs::read(folder.path().join(connection::DATABASE)).unwrap()
    });
    let [one, other] = files;
    assert_eq!(one.len(), other.len());
    let same = one.iter().zip(&other).filter(|(a, b)| a == b).count();
    // By chance one byte in 256.
    assert!(same < one.len() / 64, "{same} of {} bytes alike", one.len());
}

#[test]
fn the_wrong_key_is_called_that_and_costs_nothing() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
    write_calls(&mut store, 0..5);
    let before = history(&store);

    // As a kill would leave it: the calls are in the write-ahead log, and nobody has the store open.
    let left = TempDir::new().unwrap();
    for file in ["tandem.sqlite", "tandem.sqlite-wal"] {
        fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
    }
    let wrong = Key::from_bytes(&[0x43; Key::BYTES]);
    for folder in [folder.path(), left.path()] {
        let reader = Store::open_read_only(folder, &wrong);
        assert!(matches!(reader, Err(StoreError::WrongKey)));
    }
    let busy = Store::open(folder.path(), &wrong, UnixMillis(0));
    assert!(matches!(busy, Err(StoreError::AlreadyOpen)));
    for _ in 0..2 {
        let writer = Store::open(left.path(), &wrong, UnixMillis(0));
        assert!(matches!(writer, Err(StoreError::WrongKey)));
    }

    let (opened, _) = Store::open(left.path(), &key(), UnixMillis(0)).unwrap();
    assert_eq!(history(&opened), before);
    assert_eq!(history(&store), before);
}

fn write_calls(store: &mut Store, numbers: std::ops::Range<u64>) {
    let account = store
        .account_for(&address("sip:alice@example.org"))
        .unwrap();
    for number in numbers {
        let id = call_id(number);
        let call = NewCall {
            account: Some(account),
            ..call_to_bob(id.clone(), 7)
        };
        store.begin_call(&call).unwrap();
        store.finish_call(&id, &bob_hung_up(9)).unwrap();
    }
}

/// Which of the words stand in some file of the folder.
fn words_in(folder: &Path) -> Vec<&'static str> {
    let files: Vec<Vec<u8>> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(files.iter().any(|bytes| bytes.len() >= 4096));
    let holds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
    let found = WORDS
        .into_iter()
        .filter(|word| files.iter().any(|bytes| holds(bytes, word)));
    found.collect()
}
