//! Two people call, talk and hang up.

use std::time::Duration;

use tandem_engine::{CallDirection, CallState, Command, Event, RejectReason};
use tandem_media::{AudioCodec, Capabilities};
use tandem_types::EndReason;
use tandem_world::town::{Person, Town};

use crate::ear::share_of;

const ALICE: f32 = 1_400.0;
const BOB: f32 = 1_500.0;

fn pair(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    (town, alice, bob)
}

#[test]
fn they_hear_each_other_and_nobody_else() {
    let (mut town, alice, bob) = pair(1);
    town.connected(alice, bob, "bob");
    town.wait(Duration::from_secs(3));
    let (at_alice, at_bob) = (town.phone(alice).heard(), town.phone(bob).heard());
    assert!(
        share_of(&at_alice, BOB) > 0.9,
        "{}",
        share_of(&at_alice, BOB)
    );
    assert!(
        share_of(&at_bob, ALICE) > 0.9,
        "{}",
        share_of(&at_bob, ALICE)
    );
    assert!(share_of(&at_alice, ALICE) < 0.05);
    town.does(alice, Command::HangUp);
    assert!(
        town.until(|town| town.phone(bob).end().is_some() && town.phone(alice).end().is_some())
    );
    assert_eq!(town.phone(alice).end(), Some(EndReason::LocalHangUp));
    assert_eq!(town.phone(bob).end(), Some(EndReason::RemoteHangUp));
}

#[test]
fn every_codec_carries_a_voice() {
    for codec in AudioCodec::ALL {
        let mut town = Town::new(20);
        let [alice] = town.people(["alice"]);
        let bob = town.person("bob", |setup| {
            setup.media = Capabilities {
                codecs: vec![codec],
                ..Capabilities::default()
            };
        });
        town.sign_in([alice, bob]);
        town.connected(alice, bob, "bob");
        town.wait(Duration::from_secs(2));
        let share = share_of(&town.phone(alice).heard(), BOB);
        assert!(share > 0.8, "{codec:?}: {share}");
        let used = town
            .phone(alice)
            .history()
            .next()
            .and_then(|call| call.codec);
        assert_eq!(used, Some(codec.token()));
    }
}

#[test]
fn it_rings_within_half_a_round_trip_more_than_the_servers_hops() {
    let (mut town, alice, bob) = pair(2);
    // The first call pays for its challenge; the next one uses the nonce at hand.
    town.connected(alice, bob, "bob");
    town.does(alice, Command::HangUp);
    assert!(town.until(|town| town.phone(bob).end().is_some()));
    town.wait(Duration::from_secs(1));
    let began = town.world.elapsed();
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    let took = town.world.elapsed() - began;
    // Two hops of 20 ms each, and the step in which the story looks.
    assert!(took <= Duration::from_millis(45), "{took:?}");
}

#[test]
fn sound_comes_within_a_round_trip_of_the_answer() {
    let (mut town, alice, bob) = pair(3);
    town.connected(alice, bob, "bob");
    assert!(town.until(|town| {
        let heard = |person| {
            let events = town.phone(person).events().iter();
            events
                .filter(|(_, event)| matches!(event, Event::FirstAudio { .. }))
                .count()
        };
        heard(alice) == 1 && heard(bob) == 1
    }));
    for person in [alice, bob] {
        for (_, event) in town.phone(person).events() {
            if let Event::FirstAudio { after_accept, .. } = event {
                // 40 ms of signalling and 20 ms of media each way, two frames, and the jitter buffer.
                assert!(
                    *after_accept <= Duration::from_millis(220),
                    "{after_accept:?}"
                );
            }
        }
    }
}

#[test]
fn each_side_knows_who_called_whom_and_what_became_of_it() {
    let (mut town, alice, bob) = pair(4);
    town.connected(alice, bob, "bob");
    town.does(bob, Command::HangUp);
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    let outgoing = town.phone(alice).history().next().unwrap();
    assert_eq!(outgoing.direction, CallDirection::Outgoing);
    assert!(outgoing.peer.reveal().starts_with("sip:bob@"));
    let incoming = town.phone(bob).history().next().unwrap();
    assert_eq!(incoming.direction, CallDirection::Incoming);
    assert!(incoming.peer.reveal().starts_with("sip:alice@"));
    assert_eq!(incoming.state, CallState::Ended(EndReason::LocalHangUp));
}

#[test]
fn a_second_call_can_be_refused_while_the_first_goes_on() {
    let (mut town, alice, bob) = pair(5);
    let [carol] = town.people(["carol"]);
    town.sign_in([carol]);
    town.connected(alice, bob, "bob");
    town.calls(carol, "bob");
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    let second = town.phone(bob).ringing().unwrap();
    let now = town.world.now();
    town.world
        .node_mut(bob)
        .command(now, &second, Command::Reject(RejectReason::Busy));
    assert!(town.until(|town| town.phone(carol).end().is_some()));
    assert_eq!(town.phone(carol).end(), Some(EndReason::Busy));
    assert!(town.phone(alice).is_active());
}
