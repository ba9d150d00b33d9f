use std::fs;
use std::path::Path;

use tandem_types::{Entropy, SeededEntropy};
use tempfile::TempDir;

use crate::testing::{bob_hung_up, call_id, call_to_bob, history, integrity, key, seed};
use crate::{CallRecord, Store, StoreError, UnixMillis, connection};

const WAL: &str = "tandem.sqlite-wal";
const CALLS: u64 = 8;

/// A store as a kill leaves it: one call in the database, the others in the write-ahead log.
struct Left {
    database: Vec<u8>,
    wal: Vec<u8>,
    /// What the history held after each commit: where a shortened log may end.
    after_each: Vec<Vec<CallRecord>>,
}

impl Left {
    fn make() -> Self {
        let folder = TempDir::new().unwrap();
        let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
        let call = |store: &mut Store, number| {
            let begun = call_to_bob(call_id(number), i64::try_from(number).unwrap());
            store.begin_call(&begun).unwrap();
        };
        call(&mut store, 0);
        store.finish_call(&call_id(0), &bob_hung_up(50)).unwrap();
        store.checkpoint().unwrap();
        let mut after_each = vec![history(&store)];
        for number in 1..CALLS {
            call(&mut store, number);
            // Ended at once, so that opening has nothing to close; the open row is a state of its own.
            store
                .finish_call(&call_id(number), &bob_hung_up(60))
                .unwrap();
            after_each.push(history(&store));
        }
        let read = |file| fs::read(folder.path().join(file)).unwrap();
        Self {
            database: read(connection::DATABASE),
            wal: read(WAL),
            after_each,
        }
    }

    /// The history of a folder with these two files, after a check by SQLite.
    fn open(database: &[u8], wal: &[u8]) -> Result<Vec<CallRecord>, StoreError> {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(connection::DATABASE), database).unwrap();
        fs::write(folder.path().join(WAL), wal).unwrap();
        read(folder.path())
    }

    /// The ended calls of `found` are those of some moment of the past. (The begin and the end of a call
    /// are two commits; a log that ends between them leaves an interrupted one.)
    fn is_a_moment(&self, found: &[CallRecord]) -> bool {
        let whole = found.iter().filter(|call| {
            call.ended == Some(UnixMillis(50)) || call.ended == Some(UnixMillis(60))
        });
        let whole: Vec<_> = whole.cloned().collect();
        found.len() <= whole.len() + 1 && self.after_each.contains(&whole)
    }
}

fn read(folder: &Path) -> Result<Vec<CallRecord>, StoreError> {
    let (store, _) = Store::open(folder, &key(), UnixMillis(1_000))?;
    let mut calls = Vec::new();
    let mut next = None;
    loop {
        let page = store.calls(next, 3)?;
        calls.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let check = integrity(&store);
    if check == "ok" {
        Ok(calls)
    } else {
        Err(StoreError::Damaged)
    }
}

#[test]
fn a_log_cut_anywhere_leaves_the_calls_before_the_cut() {
    let left = Left::make();
    let whole = Left::open(&left.database, &left.wal).unwrap();
    assert_eq!(Some(&whole), left.after_each.last());

    let mut random = SeededEntropy::new(seed("a_log_cut_anywhere", 11));
    // A frame is a header of 24 bytes and a page; before the first is the log's own header.
    let frames = (0..)
        .map(|n| 32 + n * (24 + 4096))
        .take_while(|cut| *cut < left.wal.len());
    let mut cuts: Vec<usize> = frames.flat_map(|cut| [cut - 1, cut, cut + 1]).collect();
    let length = u64::try_from(left.wal.len()).unwrap();
    cuts.extend((0..40).map(|_| usize::try_from(random.below(length)).unwrap()));
    cuts.extend([0, 1]);
    let mut shortest = usize::MAX;
    for cut in cuts {
        let found = Left::open(&left.database, &left.wal[..cut]).unwrap();
        assert!(
            left.is_a_moment(&found),
            "cut at {cut}: {} calls",
            found.len()
        );
        shortest = shortest.min(found.len());
    }
    assert_eq!(shortest, 1, "without a log the first call remains");
}

#[test]
fn a_flipped_bit_is_noticed_and_no_call_is_ever_read_wrong() {
    let left = Left::make();
    let mut random = SeededEntropy::new(seed("a_flipped_bit", 12));
    let mut noticed = 0;
    for _ in 0..60 {
        let mut wal = left.wal.clone();
        let at = usize::try_from(random.below(u64::try_from(wal.len()).unwrap())).unwrap();
        wal[at] ^= 1 << random.below(8);
        // The log's checksums end it before the damage.
        let found = Left::open(&left.database, &wal).unwrap();
        assert!(left.is_a_moment(&found), "bit flipped at {at} of the log");
        noticed += usize::from(found.len() < left.after_each.len());
    }
    assert!(noticed > 30, "{noticed}");

    let settled = Left::open(&left.database, &[]).unwrap();
    for round in 0..60 {
        let mut database = left.database.clone();
        let at = usize::try_from(random.below(u64::try_from(database.len()).unwrap())).unwrap();
        database[at] ^= 1 << random.below(8);
        match Left::open(&database, &[]) {
            Ok(found) => assert_eq!(found, settled, "round {round}: bit flipped at {at}"),
            // The first page vouches for the key, too.
            Err(StoreError::Damaged) => {}
            Err(StoreError::WrongKey | StoreError::NotAStore) => assert!(at < 4096, "at {at}"),
            Err(other) => panic!("round {round}: bit flipped at {at}: {other}"),
        }
    }
}

#[test]
fn a_database_cut_short_is_called_damaged() {
    let left = Left::make();
    let pages = left.database.len() / 4096;
    assert!(pages > 4);
    for keep in 1..pages {
        let error = Left::open(&left.database[..keep * 4096], &[]).unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged),
            "{keep} pages: {error:?}"
        );
    }
}
