//! Hold, resume, mute and keys.

use std::time::Duration;

use tandem_engine::{CallState, Command, HoldState};
use tandem_world::net::Link;
use tandem_world::town::{Person, Town};

use crate::ear::{loudness, share_of};

const ALICE: f32 = 1_400.0;
const BOB: f32 = 1_500.0;

fn talking(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    town.connected(alice, bob, "bob");
    town.wait(Duration::from_secs(1));
    (town, alice, bob)
}

fn held_by(town: &Town, person: Person) -> Option<HoldState> {
    match town.phone(person).state() {
        Some(CallState::Held { by, .. }) => Some(by),
        _ => None,
    }
}

/// Throws away what was heard, and listens for a second.
fn listen(town: &mut Town, person: Person) -> Vec<f32> {
    town.wait(Duration::from_millis(300));
    let _ = town.phone(person).heard();
    town.wait(Duration::from_secs(1));
    town.phone(person).heard()
}

#[test]
fn whoever_is_on_hold_hears_nothing_and_both_see_it() {
    let (mut town, alice, bob) = talking(1);
    town.does(alice, Command::Hold);
    assert!(town.until(|town| held_by(town, alice).is_some() && held_by(town, bob).is_some()));
    assert_eq!(held_by(&town, alice), Some(HoldState::Local));
    assert_eq!(held_by(&town, bob), Some(HoldState::Remote));
    let at_bob = listen(&mut town, bob);
    assert!(loudness(&at_bob) < 0.001, "{}", loudness(&at_bob));
    town.does(alice, Command::Resume);
    assert!(town.until(|town| town.phone(alice).is_active() && town.phone(bob).is_active()));
    let at_bob = listen(&mut town, bob);
    assert!(share_of(&at_bob, ALICE) > 0.9);
    let at_alice = listen(&mut town, alice);
    assert!(share_of(&at_alice, BOB) > 0.9);
}

#[test]
fn each_lifts_only_its_own_hold() {
    let (mut town, alice, bob) = talking(2);
    town.does(alice, Command::Hold);
    assert!(town.until(|town| held_by(town, bob) == Some(HoldState::Remote)));
    town.does(bob, Command::Hold);
    assert!(town.until(|town| held_by(town, alice) == Some(HoldState::Both)));
    town.does(alice, Command::Resume);
    assert!(town.until(|town| held_by(town, alice) == Some(HoldState::Remote)));
    town.does(bob, Command::Resume);
    assert!(town.until(|town| town.phone(alice).is_active() && town.phone(bob).is_active()));
}

#[test]
fn both_hold_at_the_same_moment() {
    let (mut town, alice, bob) = talking(3);
    town.does(alice, Command::Hold);
    town.does(bob, Command::Hold);
    let both = |town: &Town| {
        held_by(town, alice) == Some(HoldState::Both) && held_by(town, bob) == Some(HoldState::Both)
    };
    assert!(town.until(both));
}

#[test]
fn a_hold_of_minutes_is_no_lost_connection() {
    let (mut town, alice, bob) = talking(4);
    town.does(alice, Command::Hold);
    town.wait(Duration::from_secs(300));
    assert_eq!(held_by(&town, alice), Some(HoldState::Local));
    assert_eq!(held_by(&town, bob), Some(HoldState::Remote));
    town.does(alice, Command::Resume);
    assert!(town.until(|town| town.phone(alice).is_active() && town.phone(bob).is_active()));
}

#[test]
fn keys_arrive_once_each_and_in_order() {
    let (mut town, alice, bob) = talking(5);
    let lossy = Link::clean(Duration::from_millis(20)).losing(0.1);
    let (a, b) = (town.phone(alice).ip(), town.phone(bob).ip());
    town.world.set_links(a, b, lossy);
    town.does(
        alice,
        Command::SendDtmf("0123456789*#ABCD".parse().unwrap()),
    );
    town.wait(Duration::from_secs(8));
    assert_eq!(town.phone(bob).keys(), "0123456789*#ABCD");
    town.does(bob, Command::SendDtmf("5".parse().unwrap()));
    town.wait(Duration::from_secs(2));
    assert_eq!(town.phone(alice).keys(), "5");
}

#[test]
fn a_muted_microphone_sends_silence_and_the_call_goes_on() {
    let (mut town, alice, bob) = talking(6);
    let now = town.world.now();
    town.world.node_mut(alice).mutes(now, true);
    let at_bob = listen(&mut town, bob);
    assert!(loudness(&at_bob) < 0.001);
    town.wait(Duration::from_secs(60));
    assert!(town.phone(bob).is_active());
    let now = town.world.now();
    town.world.node_mut(alice).mutes(now, false);
    let at_bob = listen(&mut town, bob);
    assert!(share_of(&at_bob, ALICE) > 0.9);
}
