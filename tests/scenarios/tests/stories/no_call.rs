//! Calls that do not come about, and what the caller is told.

use std::time::Duration;

use tandem_engine::{CallState, Command, RejectReason};
use tandem_media::{AudioCodec, Capabilities};
use tandem_types::EndReason;
use tandem_world::town::{Person, Town};

fn ringing(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    assert!(town.until(|town| town.phone(alice).state() == Some(CallState::Ringing)));
    (town, alice, bob)
}

fn both_ended(town: &mut Town, alice: Person, bob: Person) -> (EndReason, EndReason) {
    assert!(
        town.until(|town| town.phone(alice).end().is_some() && town.phone(bob).end().is_some())
    );
    (
        town.phone(alice).end().unwrap(),
        town.phone(bob).end().unwrap(),
    )
}

#[test]
fn declined() {
    let (mut town, alice, bob) = ringing(1);
    town.does(bob, Command::Reject(RejectReason::Declined));
    let ends = both_ended(&mut town, alice, bob);
    assert_eq!(ends, (EndReason::Declined, EndReason::Declined));
}

#[test]
fn busy() {
    let (mut town, alice, bob) = ringing(2);
    town.does(bob, Command::Reject(RejectReason::Busy));
    assert_eq!(
        both_ended(&mut town, alice, bob),
        (EndReason::Busy, EndReason::Busy)
    );
}

#[test]
fn the_caller_gives_up() {
    let (mut town, alice, bob) = ringing(3);
    town.does(alice, Command::HangUp);
    let ends = both_ended(&mut town, alice, bob);
    assert_eq!(ends, (EndReason::Cancelled, EndReason::Cancelled));
}

#[test]
fn nobody_answers() {
    let (mut town, alice, bob) = ringing(4);
    town.wait(Duration::from_secs(60));
    assert_eq!(
        both_ended(&mut town, alice, bob),
        (EndReason::NoAnswer, EndReason::Cancelled)
    );
}

#[test]
fn a_patient_caller_lets_it_ring_for_as_long_as_they_like() {
    let mut town = Town::new(8);
    let alice = town.person("alice", |setup| {
        setup.registrar = None;
        setup.call.ring_limit = Duration::from_secs(300);
    });
    let stranger = town.stranger();
    let name = town.world.node(stranger).name.clone();
    town.calls(alice, name.trim_matches(['<', '>']));
    town.wait(Duration::from_millis(50));
    let callee = town.world.node_mut(stranger);
    let invite = callee.take("INVITE").expect("an INVITE");
    callee.reply(&invite, "180 Ringing", None);
    town.wait(Duration::from_secs(290));
    assert_eq!(town.phone(alice).state(), Some(CallState::Ringing));
    assert!(town.until(|town| town.phone(alice).end() == Some(EndReason::NoAnswer)));
}

#[test]
fn giving_up_and_answering_cross_on_the_wire_and_both_phones_agree_that_it_is_over() {
    for lead in 0..12 {
        let (mut town, alice, bob) = ringing(50 + lead);
        if lead < 6 {
            town.answers(bob);
            town.wait(Duration::from_millis(lead * 10));
            town.does(alice, Command::HangUp);
        } else {
            town.does(alice, Command::HangUp);
            town.wait(Duration::from_millis((lead - 6) * 7));
            if town.phone(bob).ringing().is_some() {
                town.answers(bob);
            }
        }
        both_ended(&mut town, alice, bob);
        town.wait(Duration::from_secs(40));
        assert_eq!(town.phone(alice).current(), None);
        assert_eq!(town.phone(bob).current(), None);
    }
}

#[test]
fn a_name_nobody_has() {
    let mut town = Town::new(5);
    let [alice] = town.people(["alice"]);
    town.sign_in([alice]);
    town.calls(alice, "nobody");
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    assert_eq!(town.phone(alice).end(), Some(EndReason::NotFound));
}

#[test]
fn somebody_who_is_not_signed_in() {
    let mut town = Town::new(6);
    let [alice, _bob] = town.people(["alice", "bob"]);
    town.sign_in([alice]);
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    assert_eq!(town.phone(alice).end(), Some(EndReason::Unreachable));
}

#[test]
fn no_codec_in_common_never_rings() {
    let mut town = Town::new(7);
    let only = |codec| Capabilities {
        codecs: vec![codec],
        ..Capabilities::default()
    };
    let alice = town.person("alice", |setup| setup.media = only(AudioCodec::Opus));
    let bob = town.person("bob", |setup| setup.media = only(AudioCodec::Pcma));
    town.sign_in([alice, bob]);
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    assert_eq!(town.phone(alice).end(), Some(EndReason::MediaIncompatible));
    assert_eq!(town.phone(bob).history().count(), 0);
}
