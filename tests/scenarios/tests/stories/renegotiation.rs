//! Changes of a call that cross, fail, or come from a device of another make.

use std::time::Duration;

use tandem_engine::{CallState, Command, Event, HoldState};
use tandem_types::EndReason;
use tandem_world::net::NodeId;
use tandem_world::stranger::{Message, Stranger};
use tandem_world::town::{Person, Town};

/// A stranger has called bob, and bob has answered; no ACK has come yet.
fn answered(seed: u64) -> (Town, Person, NodeId<Stranger>, Message) {
    let mut town = Town::new(seed);
    let [bob] = town.people(["bob"]);
    let stranger = town.stranger();
    let to = town.phone(bob).ip();
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendrecv");
    caller.invite(to, Some(&sdp));
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    town.answers(bob);
    town.wait(Duration::from_millis(50));
    let ok = town.world.node_mut(stranger).take_response(200);
    (town, bob, stranger, ok.expect("a 200"))
}

fn talking(seed: u64) -> (Town, Person, NodeId<Stranger>) {
    let (mut town, bob, stranger, ok) = answered(seed);
    let now = town.world.now();
    let caller = town.world.node_mut(stranger);
    caller.request("ACK", None);
    caller.speak(now, ok.media());
    assert!(town.until(|town| town.phone(bob).is_active()));
    town.wait(Duration::from_millis(200));
    (town, bob, stranger)
}

fn held_by(town: &Town, person: Person) -> Option<HoldState> {
    match town.phone(person).state() {
        Some(CallState::Held { by, .. }) => Some(by),
        _ => None,
    }
}

/// How many loud packets the stranger gets in half a second from now.
fn heard(town: &mut Town, stranger: NodeId<Stranger>) -> usize {
    town.wait(Duration::from_millis(50));
    town.world.node_mut(stranger).heard();
    town.wait(Duration::from_millis(500));
    town.world.node_mut(stranger).heard()
}

#[test]
fn a_hold_silences_the_microphone_at_once_even_before_the_far_end_can_be_asked() {
    let (mut town, bob, stranger, _) = answered(1);
    town.wait(Duration::from_millis(300));
    town.does(bob, Command::Hold);
    assert_eq!(heard(&mut town, stranger), 0);
    let caller = town.world.node_mut(stranger);
    caller.request("ACK", None);
    town.wait(Duration::from_millis(50));
    let hold = town
        .world
        .node_mut(stranger)
        .take("INVITE")
        .expect("a hold");
    assert!(hold.body().contains("a=sendonly"));
}

#[test]
fn while_a_hold_waits_out_the_far_ends_own_change_the_microphone_stays_closed() {
    let (mut town, bob, stranger) = talking(2);
    assert!(heard(&mut town, stranger) > 10);
    town.does(bob, Command::Hold);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("a hold");
    caller.reply(&hold, "491 Request Pending", None);
    assert_eq!(heard(&mut town, stranger), 0);
    assert!(town.until(|town| {
        let packets = town.world.node(stranger).received();
        packets.iter().any(|message| message.method() == "INVITE")
    }));
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("the same again");
    let sdp = caller.sdp("recvonly");
    caller.reply(&hold, "200 OK", Some(&sdp));
    assert!(town.until(|town| held_by(town, bob) == Some(HoldState::Local)));
    assert_eq!(heard(&mut town, stranger), 0);
}

#[test]
fn a_refused_hold_is_said_and_both_talk_on() {
    let (mut town, bob, stranger) = talking(3);
    town.does(bob, Command::Hold);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("a hold");
    caller.reply(&hold, "488 Not Acceptable Here", None);
    assert!(town.until(|town| {
        let mut events = town.phone(bob).events().iter();
        events.any(|(_, event)| matches!(event, Event::HoldRefused { .. }))
    }));
    assert!(town.phone(bob).is_active());
    assert!(heard(&mut town, stranger) > 10);
    // A second try is a second try.
    town.does(bob, Command::Hold);
    town.wait(Duration::from_millis(50));
    assert!(town.world.node_mut(stranger).take("INVITE").is_some());
}

#[test]
fn a_change_of_mind_while_the_hold_is_on_its_way_ends_with_both_talking() {
    let (mut town, bob, stranger) = talking(4);
    town.does(bob, Command::Hold);
    town.does(bob, Command::Resume);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("a hold");
    let sdp = caller.sdp("recvonly");
    caller.reply(&hold, "200 OK", Some(&sdp));
    town.wait(Duration::from_millis(60));
    let caller = town.world.node_mut(stranger);
    let resume = caller.take("INVITE").expect("a resume");
    let sdp = caller.sdp("sendrecv");
    caller.reply(&resume, "200 OK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
    assert!(heard(&mut town, stranger) > 10);
}

#[test]
fn a_change_this_side_cannot_carry_is_refused_and_nothing_changes() {
    let (mut town, bob, stranger) = talking(5);
    let caller = town.world.node_mut(stranger);
    let fax = caller
        .sdp("sendrecv")
        .replace("RTP/AVP 0", "RTP/AVP 18")
        .replace("rtpmap:0 PCMU", "rtpmap:18 G729");
    caller.request("INVITE", Some(&fax));
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    assert!(caller.take_response(488).is_some());
    caller.request("ACK", None);
    assert!(town.phone(bob).is_active());
    assert!(heard(&mut town, stranger) > 10);
}

#[test]
fn a_far_end_that_asks_for_an_offer_while_this_side_wants_to_hold_confuses_neither() {
    let (mut town, bob, stranger) = talking(6);
    town.does(bob, Command::Hold);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("a hold");
    caller.reply(&hold, "491 Request Pending", None);
    town.wait(Duration::from_millis(30));
    // Its own change: an INVITE without offer, whose answer then never comes.
    let caller = town.world.node_mut(stranger);
    caller.request("INVITE", None);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    assert!(caller.take_response(200).is_some());
    caller.request("ACK", None);
    assert!(town.until(|town| {
        let packets = town.world.node(stranger).received();
        packets.iter().any(|message| message.method() == "INVITE")
    }));
    assert_eq!(heard(&mut town, stranger), 0);
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("the hold again");
    let sdp = caller.sdp("recvonly");
    caller.reply(&hold, "200 OK", Some(&sdp));
    assert!(town.until(|town| held_by(town, bob) == Some(HoldState::Local)));
    assert_eq!(heard(&mut town, stranger), 0);
    let refused = |event: &Event| matches!(event, Event::HoldRefused { .. });
    let events = town.phone(bob).events();
    assert!(!events.iter().any(|(_, event)| refused(event)));
}

#[test]
fn an_announcement_from_one_fork_and_the_answer_of_another() {
    let mut town = Town::new(7);
    let alice = town.person("alice", |setup| setup.registrar = None);
    let stranger = town.stranger();
    let target = town.world.node(stranger).name.clone();
    let target = target.trim_matches(['<', '>']).to_owned();
    town.calls(alice, &target);
    town.wait(Duration::from_millis(50));
    let callee = town.world.node_mut(stranger);
    let invite = callee.take("INVITE").expect("an INVITE");
    let early = callee.sdp("sendrecv").replace("40000", "40002");
    callee.reply(&invite, "183 Session Progress", Some(&early));
    assert!(town.until(|town| town.phone(alice).state() == Some(CallState::EarlyMedia)));
    let callee = town.world.node_mut(stranger);
    let sdp = callee.sdp("sendrecv");
    callee.reply_as("other", &invite, "200 OK", Some(&sdp));
    assert!(town.until(|town| town.phone(alice).is_active()));
    assert!(heard(&mut town, stranger) > 10);
}

#[test]
fn a_far_end_that_fell_silent_before_the_answer_is_asked_after_it() {
    let mut town = Town::new(8);
    let alice = town.person("alice", |setup| setup.registrar = None);
    let stranger = town.stranger();
    let target = town.world.node(stranger).name.clone();
    town.calls(alice, target.trim_matches(['<', '>']));
    town.wait(Duration::from_millis(50));
    let callee = town.world.node_mut(stranger);
    let invite = callee.take("INVITE").expect("an INVITE");
    let sdp = callee.sdp("sendrecv");
    callee.reply(&invite, "183 Session Progress", Some(&sdp));
    // A ring-back tone that stops long before somebody picks up.
    town.wait(Duration::from_secs(10));
    let callee = town.world.node_mut(stranger);
    callee.reply(&invite, "200 OK", Some(&sdp));
    assert!(town.until(|town| town.phone(alice).is_active()));
    let ip = town.world.node(stranger).ip();
    town.world.detach(ip);
    assert!(town.until(|town| town.phone(alice).end() == Some(EndReason::NetworkLost)));
}
