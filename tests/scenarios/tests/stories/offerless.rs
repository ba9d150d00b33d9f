//! INVITEs without an offer: the offer is ours, and the answer comes with the ACK.

use std::time::Duration;

use tandem_engine::{CallState, Command, HoldState};
use tandem_types::EndReason;
use tandem_types::media::MediaSecurity;
use tandem_world::net::NodeId;
use tandem_world::stranger::{Message, Stranger};
use tandem_world::town::{Person, Town};

use crate::ear::loudness;

/// A stranger has called bob without an offer, and bob has answered. Gives the 200 as well.
fn answered(seed: u64) -> (Town, Person, NodeId<Stranger>, Message) {
    answered_by(seed, MediaSecurity::PlainAllowed)
}

/// The same where bob's account asks for that.
fn answered_by(seed: u64, policy: MediaSecurity) -> (Town, Person, NodeId<Stranger>, Message) {
    let mut town = Town::new(seed);
    let bob = town.person("bob", |setup| setup.media_security = policy);
    let stranger = town.stranger();
    let to = town.phone(bob).ip();
    town.world.node_mut(stranger).invite(to, None);
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    town.answers(bob);
    town.wait(Duration::from_millis(50));
    let ok = town.world.node_mut(stranger).take_response(200);
    (town, bob, stranger, ok.expect("a 200"))
}

fn held_by(town: &Town, person: Person) -> Option<HoldState> {
    match town.phone(person).state() {
        Some(CallState::Held { by, .. }) => Some(by),
        _ => None,
    }
}

#[test]
fn sound_that_overtakes_the_ack_is_heard() {
    let (mut town, bob, stranger, ok) = answered(1);
    let media = ok.media().expect("an offer in the 200");
    let now = town.world.now();
    town.world.node_mut(stranger).speak(now, Some(media));
    town.wait(Duration::from_millis(400));
    assert!(loudness(&town.phone(bob).heard()) > 0.1);
    // Nothing of bob leaves before the answer says where to.
    assert_eq!(town.world.node_mut(stranger).heard(), 0);
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendrecv");
    caller.request("ACK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
    town.wait(Duration::from_millis(500));
    assert!(town.world.node_mut(stranger).heard() > 10);
}

/// What is offered is encrypted; whoever can do without answers as it can.
#[test]
fn a_plain_answer_in_the_ack_is_taken_where_encryption_is_only_preferred() {
    let (mut town, bob, stranger, ok) = answered_by(8, MediaSecurity::Preferred);
    assert!(ok.body().contains("UDP/TLS/RTP/SAVPF"), "{}", ok.body());
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendrecv");
    caller.request("ACK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
    town.wait(Duration::from_millis(500));
    assert!(town.world.node_mut(stranger).heard() > 10);
    // Later offers keep to what the caller speaks.
    town.does(bob, Command::Hold);
    town.wait(Duration::from_millis(50));
    let hold = town
        .world
        .node_mut(stranger)
        .take("INVITE")
        .expect("a hold");
    assert!(hold.body().contains(" RTP/AVP "), "{}", hold.body());
}

#[test]
fn an_answer_in_the_ack_may_hold() {
    let (mut town, bob, stranger, _) = answered(2);
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendonly");
    caller.request("ACK", Some(&sdp));
    assert!(town.until(|town| held_by(town, bob) == Some(HoldState::Remote)));
}

#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let (mut town, bob, stranger, _) = answered(3);
    town.world.node_mut(stranger).request("ACK", None);
    assert!(town.until(|town| town.phone(bob).end().is_some()));
    assert_eq!(town.phone(bob).end(), Some(EndReason::ServerError));
    town.wait(Duration::from_millis(50));
    assert!(town.world.node_mut(stranger).take("BYE").is_some());
}

#[test]
fn asked_for_an_offer_on_hold_this_side_offers_its_hold_and_later_takes_it_back() {
    let (mut town, bob, stranger, _) = answered(4);
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendrecv");
    caller.request("ACK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
    town.does(bob, Command::Hold);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let hold = caller.take("INVITE").expect("a re-INVITE");
    assert!(hold.body().contains("a=sendonly"), "{}", hold.body());
    let sdp = caller.sdp("recvonly");
    caller.reply(&hold, "200 OK", Some(&sdp));
    assert!(town.until(|town| held_by(town, bob) == Some(HoldState::Local)));

    let caller = town.world.node_mut(stranger);
    // What was said before the hold.
    caller.heard();
    caller.request("INVITE", None);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let ok = caller.take_response(200).expect("our offer");
    assert!(ok.body().contains("a=sendonly"), "{}", ok.body());
    let sdp = caller.sdp("recvonly");
    caller.request("ACK", Some(&sdp));
    town.wait(Duration::from_secs(1));
    assert_eq!(held_by(&town, bob), Some(HoldState::Local));
    assert_eq!(town.world.node_mut(stranger).heard(), 0);

    town.does(bob, Command::Resume);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let resume = caller.take("INVITE").expect("a re-INVITE");
    assert!(resume.body().contains("a=sendrecv"));
    let sdp = caller.sdp("sendrecv");
    caller.reply(&resume, "200 OK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
    town.wait(Duration::from_millis(500));
    assert!(town.world.node_mut(stranger).heard() > 10);
}

/// RFC 6337 §5.3: were the hold mirrored in the offer, nobody could ever take the call off hold.
#[test]
fn asked_for_an_offer_by_whoever_holds_this_side_does_not_mirror_the_hold() {
    let (mut town, bob, stranger, _) = answered(5);
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendrecv");
    caller.request("ACK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendonly");
    caller.request("INVITE", Some(&sdp));
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let held = caller.take_response(200).expect("an answer");
    assert!(held.body().contains("a=recvonly"), "{}", held.body());
    caller.request("ACK", None);
    assert!(town.until(|town| held_by(town, bob) == Some(HoldState::Remote)));

    town.world.node_mut(stranger).request("INVITE", None);
    town.wait(Duration::from_millis(50));
    let caller = town.world.node_mut(stranger);
    let ok = caller.take_response(200).expect("our offer");
    assert!(ok.body().contains("a=sendrecv"), "{}", ok.body());
    let sdp = caller.sdp("sendrecv");
    caller.request("ACK", Some(&sdp));
    assert!(town.until(|town| town.phone(bob).is_active()));
}
