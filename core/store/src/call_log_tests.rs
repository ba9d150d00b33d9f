use std::collections::BTreeSet;
use std::time::Duration;

use tandem_types::{
    AccountId, Address, CallId, CallQuality, Encryption, EndReason, MediaKind, Pii,
};
use tempfile::TempDir;

use crate::testing::{address, bob_hung_up, call_id, call_to_bob, key, quality};
use crate::{
    CallDirection, CallRecord, EndedCall, NewCall, Page, Store, StoreError, Trust, UnixMillis,
};

fn fresh() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let (store, report) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
    assert!(report.interrupted.is_empty());
    (folder, store)
}

#[test]
fn a_call_is_read_back_as_it_was_told_from_ring_to_end() {
    let (folder, mut store) = fresh();
    let account = store
        .account_for(&address("sip:alice@example.org"))
        .unwrap();
    let id = call_id(1);
    let call = NewCall {
        direction: CallDirection::Incoming,
        person: Some(Pii::new("person-7".to_owned())),
        account: Some(account),
        media: BTreeSet::from([MediaKind::Audio, MediaKind::Video]),
        ..call_to_bob(id.clone(), 1_000)
    };
    store.begin_call(&call).unwrap();
    store.mark_ringing(&id, UnixMillis(1_200)).unwrap();
    store.mark_ringing(&id, UnixMillis(1_900)).unwrap();
    store.mark_accepted(&id, UnixMillis(5_000)).unwrap();
    store
        .update_quality(&id, UnixMillis(15_000), &quality(100))
        .unwrap();
    let end = EndedCall {
        at: UnixMillis(20_000),
        encryption: Encryption::DtlsSrtp,
        trust: Trust::Verified,
        sender_device: Some(Pii::new("urn:uuid:bob-phone".to_owned())),
        quality: CallQuality {
            round_trip: None,
            ..quality(700)
        },
        ..bob_hung_up(20_000)
    };
    store.finish_call(&id, &end).unwrap();
    drop(store);

    let (store, _) = Store::open(folder.path(), &key(), UnixMillis(30_000)).unwrap();
    let read = store.call(&id).unwrap().unwrap();
    assert_eq!(read.direction, CallDirection::Incoming);
    assert_eq!(read.peer, call.peer);
    assert_eq!(read.person, call.person);
    assert_eq!(read.person_name, call.person_name);
    let account = read.account.unwrap();
    assert_eq!(account.address.reveal(), &address("sip:alice@example.org"));
    assert_eq!(read.media, end.media);
    assert_eq!(read.started, UnixMillis(1_000));
    assert_eq!(read.ringing, Some(UnixMillis(1_200)));
    assert_eq!(read.accepted, Some(UnixMillis(5_000)));
    assert_eq!(read.ended, Some(UnixMillis(20_000)));
    assert_eq!(read.end_reason, Some(EndReason::RemoteHangUp));
    assert_eq!(read.quality, end.quality);
    assert_eq!(read.encryption, Encryption::DtlsSrtp);
    assert_eq!(read.trust, Trust::Verified);
    assert_eq!(read.sender_device, end.sender_device);
}

#[test]
fn each_end_reason_survives_the_file() {
    let (_folder, mut store) = fresh();
    for (number, reason) in (0..).zip(EndReason::ALL) {
        let id = call_id(number);
        store.begin_call(&call_to_bob(id.clone(), 0)).unwrap();
        let end = EndedCall {
            reason,
            ..bob_hung_up(1)
        };
        store.finish_call(&id, &end).unwrap();
        let read = store.call(&id).unwrap().unwrap();
        assert_eq!(read.end_reason, Some(reason));
    }
}

#[test]
fn numbers_beyond_the_columns_saturate() {
    let (_folder, mut store) = fresh();
    let id = call_id(1);
    store
        .begin_call(&call_to_bob(id.clone(), i64::MIN))
        .unwrap();
    let absurd = CallQuality {
        packets_sent: u64::MAX,
        jitter: Duration::MAX,
        ..CallQuality::default()
    };
    store
        .update_quality(&id, UnixMillis(i64::MAX), &absurd)
        .unwrap();
    let read = store.call(&id).unwrap().unwrap();
    assert_eq!(read.quality.packets_sent, i64::MAX.unsigned_abs());
    assert_eq!(
        read.quality.jitter,
        Duration::from_micros(i64::MAX.unsigned_abs())
    );
    assert_eq!(read.started, UnixMillis(i64::MIN));
}

#[test]
fn a_row_begins_once_ends_once_and_goes_only_after_its_end() {
    let (_folder, mut store) = fresh();
    let id = call_id(1);
    let nobody = call_id(2);
    store.begin_call(&call_to_bob(id.clone(), 0)).unwrap();
    let again = store.begin_call(&call_to_bob(id.clone(), 5));
    assert!(matches!(again, Err(StoreError::CallExists)));
    assert!(matches!(store.delete_call(&id), Err(StoreError::CallOpen)));

    store.finish_call(&id, &bob_hung_up(9)).unwrap();
    let again = store.finish_call(&id, &bob_hung_up(10));
    assert!(matches!(again, Err(StoreError::CallEnded)));
    let late = store.mark_accepted(&id, UnixMillis(10));
    assert!(matches!(late, Err(StoreError::CallEnded)));
    let read = store.call(&id).unwrap().unwrap();
    assert_eq!((read.ended, read.accepted), (Some(UnixMillis(9)), None));

    store.delete_call(&id).unwrap();
    assert_eq!(store.call(&id).unwrap(), None);
    assert!(matches!(
        store.delete_call(&id),
        Err(StoreError::UnknownCall)
    ));
    let unknown = store.mark_ringing(&nobody, UnixMillis(1));
    assert!(matches!(unknown, Err(StoreError::UnknownCall)));
}

#[test]
fn an_account_keeps_its_number_and_a_call_needs_one_that_exists() {
    let (folder, mut store) = fresh();
    let alice = store
        .account_for(&address("sip:alice@example.org"))
        .unwrap();
    let office = store
        .account_for(&address("sip:alice@office.example"))
        .unwrap();
    assert_ne!(alice, office);
    drop(store);
    let (mut store, _) = Store::open(folder.path(), &key(), UnixMillis(0)).unwrap();
    assert_eq!(
        store
            .account_for(&address("sip:alice@example.org"))
            .unwrap(),
        alice
    );
    let accounts = store.accounts().unwrap();
    assert_eq!(
        accounts.iter().map(|a| a.id).collect::<Vec<_>>(),
        [alice, office]
    );

    for stranger in [AccountId(99), AccountId(u64::MAX)] {
        let call = NewCall {
            account: Some(stranger),
            ..call_to_bob(call_id(1), 0)
        };
        let refused = store.begin_call(&call);
        assert!(matches!(refused, Err(StoreError::UnknownAccount)));
    }
}

#[test]
fn the_history_turns_page_by_page_while_calls_come_and_go() {
    let (_folder, mut store) = fresh();
    // Pairs of calls begin in the same millisecond: the row breaks the tie.
    for number in 0..10 {
        let begun = call_to_bob(call_id(number), i64::try_from(number / 2).unwrap());
        store.begin_call(&begun).unwrap();
        store
            .finish_call(&call_id(number), &bob_hung_up(100))
            .unwrap();
    }
    let first = store.calls(None, 4).unwrap();
    let ids = |page: &Page<CallRecord>| {
        page.items
            .iter()
            .map(|call| call.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), [9, 8, 7, 6].map(call_id));

    // A new call on top and one less further down move no row from one page to the next.
    store.begin_call(&call_to_bob(call_id(10), 50)).unwrap();
    store.delete_call(&call_id(6)).unwrap();
    let second = store.calls(first.next, 4).unwrap();
    assert_eq!(ids(&second), [5, 4, 3, 2].map(call_id));
    let third = store.calls(second.next, 4).unwrap();
    assert_eq!(ids(&third), [1, 0].map(call_id));
    assert_eq!(third.next, None);

    // An exact fit has no empty page behind it, and no limit gives less than one row.
    assert_eq!(store.calls(second.next, 2).unwrap().next, None);
    assert_eq!(ids(&store.calls(None, 0).unwrap()), [10].map(call_id));
}

#[test]
fn a_call_cut_short_ends_when_it_was_last_seen_alive() {
    let (folder, mut store) = fresh();
    for number in 0..3 {
        store
            .begin_call(&call_to_bob(call_id(number), 1_000))
            .unwrap();
    }
    store.mark_accepted(&call_id(1), UnixMillis(2_000)).unwrap();
    store
        .update_quality(&call_id(1), UnixMillis(60_000), &quality(9))
        .unwrap();
    store
        .finish_call(&call_id(2), &bob_hung_up(70_000))
        .unwrap();
    drop(store);

    // The clock was set back in between: no call ends after now, and none before it began.
    let (store, report) = Store::open(folder.path(), &key(), UnixMillis(50_000)).unwrap();
    assert_eq!(report.interrupted, [0, 1].map(call_id));
    let rung = store.call(&call_id(0)).unwrap().unwrap();
    assert_eq!(rung.end_reason, Some(EndReason::Interrupted));
    assert_eq!(rung.ended, Some(UnixMillis(1_000)));
    let talked = store.call(&call_id(1)).unwrap().unwrap();
    assert_eq!(talked.end_reason, Some(EndReason::Interrupted));
    assert_eq!(talked.ended, Some(UnixMillis(50_000)));
    assert_eq!(talked.quality, quality(9));
    let over = store.call(&call_id(2)).unwrap().unwrap();
    assert_eq!(over.end_reason, Some(EndReason::RemoteHangUp));
    drop(store);

    let (_, report) = Store::open(folder.path(), &key(), UnixMillis(50_000)).unwrap();
    assert!(report.interrupted.is_empty(), "reported once");
}

#[test]
fn a_row_that_cannot_be_read_is_counted_and_takes_no_others_with_it() {
    let (_folder, mut store) = fresh();
    for number in 0..5 {
        let started = i64::try_from(number).unwrap();
        store
            .begin_call(&call_to_bob(call_id(number), started))
            .unwrap();
    }
    let spoil = "UPDATE calls SET peer = 'nobody at all' WHERE call IN (?1, ?2)";
    let spoilt = [call_id(1), call_id(2)];
    let spoilt = spoilt.each_ref().map(CallId::as_str);
    store.connection().execute(spoil, spoilt).unwrap();
    let newest = store.calls(None, 3).unwrap();
    let ids = |page: &Page<CallRecord>| -> Vec<CallId> {
        page.items.iter().map(|call| call.id.clone()).collect()
    };
    assert_eq!(ids(&newest), [4, 3].map(call_id));
    assert_eq!(newest.unreadable, 1);
    let oldest = store.calls(newest.next, 3).unwrap();
    assert_eq!(ids(&oldest), [call_id(0)]);
    assert_eq!((oldest.unreadable, oldest.next), (1, None));
    assert!(matches!(store.call(&call_id(2)), Err(StoreError::Damaged)));
}

#[test]
fn an_address_that_could_not_be_read_back_is_refused() {
    let (_folder, mut store) = fresh();
    for text in [
        "sip:bob@host\r\nVia: x",
        "",
        "sip:",
        "SIP:bob@example.org",
        "bob",
    ] {
        let peer = Address::Sip(text.to_owned());
        let call = NewCall {
            peer: Pii::new(peer.clone()),
            ..call_to_bob(call_id(1), 0)
        };
        let refused = store.begin_call(&call);
        assert!(matches!(refused, Err(StoreError::Address)), "{text:?}");
        let refused = store.account_for(&peer);
        assert!(matches!(refused, Err(StoreError::Address)), "{text:?}");
    }
    assert_eq!(store.calls(None, 9).unwrap().items, []);
}
