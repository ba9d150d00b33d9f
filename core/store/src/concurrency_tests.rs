use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use tandem_types::EndReason;
use tempfile::TempDir;

use crate::testing::{bob_hung_up, call_id, call_to_bob, key, quality};
use crate::{EndedCall, Store, UnixMillis};

const CALLS: i64 = 300;

/// Call number n begins at n and ends with n packets: a row in between would show.
#[test]
fn readers_see_whole_pages_and_every_commit_while_the_writer_writes() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
    let committed = AtomicI64::new(0);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| read_until_all(folder.path(), &committed)))
            .collect();
        for number in 1..=CALLS {
            let id = call_id(number.unsigned_abs());
            store.begin_call(&call_to_bob(id.clone(), number)).unwrap();
            let end = EndedCall {
                quality: quality(number.unsigned_abs()),
                ..bob_hung_up(number)
            };
            store.finish_call(&id, &end).unwrap();
            committed.store(number, Ordering::SeqCst);
            if number % 50 == 0 {
                // Busy is an answer too: a reader is in the middle of a page.
                let _ = store.checkpoint();
            }
        }
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

/// Reads until the last call is there; how many pages it took.
fn read_until_all(folder: &std::path::Path, committed: &AtomicI64) -> u32 {
    let reader = Store::open_read_only(folder, &key()).unwrap();
    let mut pages = 0;
    loop {
        let before = committed.load(Ordering::SeqCst);
        let page = reader.calls(None, 20).unwrap();
        pages += 1;
        let numbers: Vec<_> = page.items.iter().map(|call| call.started.0).collect();
        let newest = numbers.first().copied().unwrap_or_default();
        assert!(
            newest >= before,
            "call {before} was committed, {newest} is the newest seen"
        );
        assert!(
            numbers
                .iter()
                .copied()
                .eq((0..=newest).rev().take(numbers.len()))
        );
        // Only the newest may be open, and an ended one is complete.
        for call in &page.items {
            match call.end_reason {
                Some(reason) => {
                    assert_eq!(reason, EndReason::RemoteHangUp);
                    assert_eq!(call.quality, quality(call.started.0.unsigned_abs()));
                }
                None => assert_eq!(call.started.0, newest),
            }
        }
        if newest == CALLS {
            return pages;
        }
    }
}
