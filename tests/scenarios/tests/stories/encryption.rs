//! What an account asks of the protection of its sound, against devices that see it otherwise.

use std::time::Duration;

use tandem_engine::phone::LogEntry;
use tandem_engine::{CallState, Command, SafetyPhrase};
use tandem_types::media::MediaSecurity;
use tandem_types::{Encryption, EndReason};
use tandem_world::net::NodeId;
use tandem_world::stranger::{Message, Stranger};
use tandem_world::town::{Person, Town};

use crate::ear::loudness;

/// A moment for messages to cross the town.
const MOMENT: Duration = Duration::from_millis(50);
const REFUSED: &str = "488 Not Acceptable Here";

/// Alice, whose account asks for that, and a device she can call.
fn town(seed: u64, policy: MediaSecurity, dtls: bool) -> (Town, Person, NodeId<Stranger>) {
    let mut town = Town::new(seed);
    let alice = town.person("alice", |setup| {
        setup.registrar = None;
        setup.media_security = policy;
        setup.dtls = dtls;
    });
    let stranger = town.stranger();
    (town, alice, stranger)
}

/// Alice calls: what arrives.
fn calls(town: &mut Town, alice: Person, stranger: NodeId<Stranger>) -> Message {
    let name = town.world.node(stranger).name.clone();
    town.calls(alice, name.trim_matches(['<', '>']));
    next_invite(town, stranger).expect("an INVITE")
}

fn next_invite(town: &mut Town, stranger: NodeId<Stranger>) -> Option<Message> {
    town.wait(MOMENT);
    town.world.node_mut(stranger).take("INVITE")
}

fn replies(
    town: &mut Town,
    stranger: NodeId<Stranger>,
    to: &Message,
    status: &str,
    sdp: Option<&str>,
) {
    town.world.node_mut(stranger).reply(to, status, sdp);
    town.wait(MOMENT);
}

/// The protocol of the audio line.
fn profile(message: &Message) -> &str {
    let mut lines = message.body().lines();
    let line = lines.find_map(|line| line.strip_prefix("m=audio "));
    line.and_then(|line| line.split(' ').nth(1)).expect("audio")
}

/// How many calls the log began, and how the last one ended.
fn rows(town: &Town, person: Person) -> (usize, Option<(EndReason, Encryption)>) {
    let log = town.phone(person).log();
    let begun = log
        .iter()
        .filter(|entry| matches!(entry, LogEntry::Begin(_)));
    let ended = log.iter().rev().find_map(|entry| match entry {
        LogEntry::Finish(_, ended) => Some((ended.reason, ended.encryption)),
        _ => None,
    });
    (begun.count(), ended)
}

#[test]
fn who_takes_encrypted_calls_only_is_not_rung_by_a_plain_one_but_learns_of_it() {
    let (mut town, alice, stranger) = town(1, MediaSecurity::Required, true);
    let to = town.phone(alice).ip();
    let caller = town.world.node_mut(stranger);
    let sdp = caller.sdp("sendrecv");
    caller.invite(to, Some(&sdp));
    town.wait(MOMENT);
    let caller = town.world.node_mut(stranger);
    assert!(caller.take_response(488).is_some());
    assert!(caller.take_response(180).is_none(), "it rang");
    assert_eq!(town.phone(alice).end(), Some(EndReason::EncryptionRequired));
    let ended = (EndReason::EncryptionRequired, Encryption::None);
    assert_eq!(rows(&town, alice), (1, Some(ended)));
}

#[test]
fn a_call_without_an_offer_is_refused_by_who_could_only_offer_plain() {
    let (mut town, alice, stranger) = town(2, MediaSecurity::Required, false);
    let to = town.phone(alice).ip();
    town.world.node_mut(stranger).invite(to, None);
    town.wait(MOMENT);
    assert!(town.world.node_mut(stranger).take_response(488).is_some());
    assert_eq!(town.phone(alice).end(), Some(EndReason::EncryptionRequired));
}

#[test]
fn nothing_is_dialled_that_this_device_could_not_encrypt() {
    let (mut town, alice, stranger) = town(3, MediaSecurity::Required, false);
    let name = town.world.node(stranger).name.clone();
    town.calls(alice, name.trim_matches(['<', '>']));
    assert_eq!(next_invite(&mut town, stranger), None);
    assert_eq!(town.phone(alice).end(), Some(EndReason::EncryptionRequired));
}

#[test]
fn an_old_phone_is_called_once_more_in_plain_where_encryption_is_only_preferred() {
    let (mut town, alice, stranger) = town(4, MediaSecurity::Preferred, true);
    let first = calls(&mut town, alice, stranger);
    assert_eq!(profile(&first), "UDP/TLS/RTP/SAVPF");
    assert!(first.body().contains("a=setup:actpass"));
    replies(&mut town, stranger, &first, REFUSED, None);
    let second = next_invite(&mut town, stranger).expect("one more try");
    assert_eq!(profile(&second), "RTP/AVP");
    assert!(!second.body().contains("a=fingerprint"));
    assert_ne!(first.header("Call-ID"), second.header("Call-ID"));
    let sdp = town.world.node(stranger).sdp("sendrecv");
    replies(&mut town, stranger, &second, "200 OK", Some(&sdp));
    assert!(town.until(|town| town.phone(alice).is_active()));
    let now = town.world.now();
    town.world.node_mut(stranger).speak(now, second.media());
    town.wait(Duration::from_secs(1));
    assert!(town.world.node_mut(stranger).heard() > 20, "alice is heard");
    town.does(alice, Command::HangUp);
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    let ended = (EndReason::LocalHangUp, Encryption::None);
    assert_eq!(rows(&town, alice), (1, Some(ended)), "it is one call");
}

#[test]
fn a_browser_that_refuses_plain_sound_is_offered_what_browsers_take() {
    let (mut town, alice, stranger) = town(15, MediaSecurity::PlainAllowed, true);
    let first = calls(&mut town, alice, stranger);
    assert_eq!(profile(&first), "RTP/AVP");
    assert!(!first.body().contains("a=ice-ufrag"));
    replies(&mut town, stranger, &first, REFUSED, None);
    let second = next_invite(&mut town, stranger).expect("one more try");
    assert_eq!(profile(&second), "UDP/TLS/RTP/SAVPF");
    // Without ICE a browser does nothing.
    for word in ["a=ice-ufrag", "a=candidate", "a=fingerprint"] {
        assert!(second.body().contains(word), "{word}: {}", second.body());
    }
    replies(&mut town, stranger, &second, REFUSED, None);
    assert_eq!(next_invite(&mut town, stranger), None);
    assert_eq!(town.phone(alice).end(), Some(EndReason::MediaIncompatible));
    assert_eq!(rows(&town, alice).0, 1, "it is one call");
}

#[test]
fn where_encryption_is_required_there_is_one_more_try_and_no_plain_one() {
    for status in [REFUSED, "606 Not Acceptable"] {
        let (mut town, alice, stranger) = town(5, MediaSecurity::Required, true);
        let first = calls(&mut town, alice, stranger);
        assert_eq!(profile(&first), "UDP/TLS/RTP/SAVPF");
        replies(&mut town, stranger, &first, status, None);
        let second = next_invite(&mut town, stranger).expect("one more try");
        // Keys in a signalling that everybody can read are none.
        assert_eq!(profile(&second), "UDP/TLS/RTP/SAVP");
        replies(&mut town, stranger, &second, status, None);
        assert_eq!(next_invite(&mut town, stranger), None);
        assert_eq!(town.phone(alice).end(), Some(EndReason::EncryptionRequired));
        assert_eq!(rows(&town, alice).0, 1);
    }
}

#[test]
fn a_refusal_of_something_else_is_no_reason_to_call_again() {
    let (mut town, alice, stranger) = town(6, MediaSecurity::Preferred, true);
    let invite = calls(&mut town, alice, stranger);
    replies(&mut town, stranger, &invite, "486 Busy Here", None);
    assert_eq!(next_invite(&mut town, stranger), None);
    assert_eq!(town.phone(alice).end(), Some(EndReason::Busy));
}

#[test]
fn who_gave_up_does_not_call_again_because_of_a_late_refusal() {
    let (mut town, alice, stranger) = town(7, MediaSecurity::Preferred, true);
    let invite = calls(&mut town, alice, stranger);
    replies(&mut town, stranger, &invite, "180 Ringing", None);
    // The refusal and the CANCEL cross.
    town.world.node_mut(stranger).reply(&invite, REFUSED, None);
    town.does(alice, Command::HangUp);
    assert_eq!(next_invite(&mut town, stranger), None);
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    assert_eq!(town.phone(alice).end(), Some(EndReason::Cancelled));
}

#[test]
fn a_phone_that_picked_up_without_sound_is_offered_another_protection_and_rings_only_once() {
    let (mut town, alice, stranger) = town(8, MediaSecurity::Preferred, true);
    let invite = calls(&mut town, alice, stranger);
    let plain = town.world.node(stranger).sdp("sendrecv");
    let rejected = plain
        .replace("m=audio 40000 RTP/AVP", "m=audio 0 UDP/TLS/RTP/SAVPF")
        .replace("a=sendrecv\r\n", "");
    replies(&mut town, stranger, &invite, "200 OK", Some(&rejected));
    assert_eq!(town.phone(alice).end(), None);
    assert!(!town.phone(alice).is_active(), "there is no sound yet");
    let again = town
        .world
        .node_mut(stranger)
        .take("INVITE")
        .expect("a re-INVITE");
    assert_eq!(again.header("Call-ID"), invite.header("Call-ID"));
    assert_eq!(profile(&again), "RTP/AVP");
    let plain = plain.replace("o=- 1 2", "o=- 1 3");
    replies(&mut town, stranger, &again, "200 OK", Some(&plain));
    assert!(town.until(|town| town.phone(alice).is_active()));
}

#[test]
fn a_phone_that_answers_everything_in_plain_is_talked_to_in_plain_where_encryption_is_only_preferred()
 {
    let (mut town, alice, stranger) = town(15, MediaSecurity::Preferred, true);
    let invite = calls(&mut town, alice, stranger);
    assert_eq!(profile(&invite), "UDP/TLS/RTP/SAVPF");
    let plain = town.world.node(stranger).sdp("sendrecv");
    // Early already, and as the last word.
    for status in ["183 Session Progress", "200 OK"] {
        replies(&mut town, stranger, &invite, status, Some(&plain));
    }
    assert!(town.until(|town| town.phone(alice).is_active()));
    let device = town.world.node_mut(stranger);
    assert!(device.take("ACK").is_some());
    assert!(device.take("INVITE").is_none(), "asked again");
    let now = town.world.now();
    let media = invite.media();
    town.world.node_mut(stranger).speak(now, media);
    town.wait(Duration::from_secs(1));
    assert!(town.world.node_mut(stranger).heard() > 20, "alice is heard");
    assert!(loudness(&town.phone(alice).heard()) > 0.05, "silence");
    town.does(alice, Command::HangUp);
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    let ended = (EndReason::LocalHangUp, Encryption::None);
    assert_eq!(rows(&town, alice), (1, Some(ended)));
}

#[test]
fn a_phone_that_answers_dtls_in_plain_is_hung_up_on_where_encryption_is_required() {
    let (mut town, alice, stranger) = town(9, MediaSecurity::Required, true);
    let invite = calls(&mut town, alice, stranger);
    let plain = town.world.node(stranger).sdp("sendrecv");
    replies(&mut town, stranger, &invite, "200 OK", Some(&plain));
    let again = town
        .world
        .node_mut(stranger)
        .take("INVITE")
        .expect("a re-INVITE");
    assert_eq!(profile(&again), "UDP/TLS/RTP/SAVP");
    replies(&mut town, stranger, &again, "200 OK", Some(&plain));
    assert!(town.world.node_mut(stranger).take("BYE").is_some());
    assert_eq!(town.phone(alice).end(), Some(EndReason::EncryptionRequired));
    town.wait(Duration::from_secs(1));
    assert_eq!(
        town.world.node_mut(stranger).heard(),
        0,
        "nothing left in the clear"
    );
}

#[test]
fn a_session_that_turns_plain_later_is_refused_and_the_call_stays_as_it_was() {
    let (mut town, alice, stranger) = town(10, MediaSecurity::PlainAllowed, false);
    let invite = calls(&mut town, alice, stranger);
    assert_eq!(profile(&invite), "RTP/AVP");
    let sdp = town.world.node(stranger).sdp("sendrecv");
    replies(&mut town, stranger, &invite, "200 OK", Some(&sdp));
    assert!(town.until(|town| town.phone(alice).is_active()));
    // It asks for DTLS, which this phone has not.
    let wanted = sdp.replace("RTP/AVP 0\r\n", "UDP/TLS/RTP/SAVP 0\r\na=setup:actpass\r\n")
        + "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
           10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n";
    let caller = town.world.node_mut(stranger);
    caller.request("INVITE", Some(&wanted.replace("o=- 1 2", "o=- 1 7")));
    town.wait(MOMENT);
    let caller = town.world.node_mut(stranger);
    assert!(caller.take_response(488).is_some());
    caller.request("ACK", None);
    town.wait(MOMENT);
    assert!(matches!(
        town.phone(alice).state(),
        Some(CallState::Active { .. })
    ));
}

/// Alice and bob, who take encrypted calls only, in a call.
fn talking(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let people = ["alice", "bob"]
        .map(|name| town.person(name, |setup| setup.media_security = MediaSecurity::Required));
    let [alice, bob] = people;
    town.sign_in(people);
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    town.answers(bob);
    assert!(town.until(|town| town.phone(alice).is_active() && town.phone(bob).is_active()));
    (town, alice, bob)
}

fn phrase(town: &Town, person: Person) -> Option<SafetyPhrase> {
    town.phone(person).history().last()?.safety_phrase
}

#[test]
fn two_tandems_agree_on_keys_by_dtls_over_ice_and_hear_each_other() {
    let (mut town, alice, bob) = talking(11);
    town.phone(alice).heard();
    town.phone(bob).heard();
    town.wait(Duration::from_secs(2));
    for person in [alice, bob] {
        assert!(loudness(&town.phone(person).heard()) > 0.05, "silence");
        let picture = town.phone(person).history().last().cloned();
        assert_eq!(
            picture.map(|call| call.encryption),
            Some(Encryption::DtlsSrtp)
        );
    }
    town.does(alice, Command::HangUp);
    assert!(town.until(|town| town.phone(bob).end().is_some()));
    let ended = (EndReason::RemoteHangUp, Encryption::DtlsSrtp);
    assert_eq!(rows(&town, bob), (1, Some(ended)));
}

#[test]
fn both_phones_of_an_encrypted_call_show_the_same_phrase() {
    let (mut town, alice, bob) = talking(12);
    town.wait(Duration::from_secs(1));
    let shown = phrase(&town, alice).expect("a phrase");
    assert_eq!(phrase(&town, bob), Some(shown));
    let (mut other, carol, _) = talking(13);
    other.wait(Duration::from_secs(1));
    assert_ne!(phrase(&other, carol), Some(shown), "each call has its own");
}

#[test]
fn hold_and_resume_keep_the_keys_and_the_phrase() {
    let (mut town, alice, bob) = talking(14);
    town.wait(Duration::from_secs(1));
    let shown = phrase(&town, alice).expect("a phrase");
    for command in [Command::Hold, Command::Resume] {
        town.does(alice, command);
        town.wait(Duration::from_secs(1));
    }
    assert!(town.phone(alice).is_active() && town.phone(bob).is_active());
    town.phone(bob).heard();
    town.wait(Duration::from_secs(1));
    assert!(loudness(&town.phone(bob).heard()) > 0.05, "silence");
    assert_eq!(phrase(&town, alice), Some(shown));
    assert_eq!(phrase(&town, bob), Some(shown));
}
