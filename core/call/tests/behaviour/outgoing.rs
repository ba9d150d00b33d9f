//! Calling somebody.

use tandem_call::{CallConfig, CallState, Command, LegCommand, LegEvent, MAX_ATTEMPTS};
use tandem_types::EndReason;

use crate::story::{Story, ended, secs};

#[test]
fn a_call_is_dialled_rings_is_accepted_and_talks() {
    let mut alice = Story::dials(&[1]);
    assert_eq!(alice.commands(), [(1, LegCommand::Start)]);
    alice.leg(1, LegEvent::Trying);
    alice.wait(secs(2));
    alice.leg(1, LegEvent::Ringing);
    alice.wait(secs(5));
    alice.leg(1, LegEvent::Accepted);
    let accepted = alice.now;
    alice.wait(secs(1));
    alice.leg(1, LegEvent::TransportConnected);
    let since = alice.now;
    assert_eq!(
        alice.states,
        [
            CallState::Dialing,
            CallState::Ringing,
            CallState::Connecting,
            CallState::Active { since },
        ]
    );
    assert_eq!(alice.call.poll_timeout(), None, "a good call has no limit");

    alice.wait(secs(60));
    alice.user(Command::HangUp);
    assert_eq!(alice.state(), CallState::Ending);
    let hang_up = LegCommand::HangUp(EndReason::LocalHangUp);
    assert_eq!(alice.commands(), [(1, hang_up)]);
    alice.leg(1, ended(EndReason::LocalHangUp));
    let summary = alice.ended.expect("over");
    assert_eq!(summary.reason, EndReason::LocalHangUp);
    assert_eq!(summary.accepted, Some(accepted));
    assert_eq!(summary.established, Some(since));
    assert_eq!(summary.ended, since + secs(60));
}

#[test]
fn an_announcement_before_the_accept_is_early_media() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.leg(1, LegEvent::EarlyMedia);
    alice.leg(1, LegEvent::TransportConnected);
    assert_eq!(alice.state(), CallState::EarlyMedia);
    assert!(alice.snapshot().connected, "media is up, nobody accepted");
    assert!(!alice.snapshot().accepted);

    // "Press 1 to be connected."
    alice.commands();
    let one: tandem_call::Digits = "1".parse().unwrap();
    alice.user(Command::SendDtmf(one.clone()));
    assert_eq!(alice.commands(), [(1, LegCommand::SendDtmf(one))]);

    // Media is warm: the accept alone makes the call active.
    alice.leg(1, LegEvent::Accepted);
    assert_eq!(alice.state(), CallState::Active { since: alice.now });
}

#[test]
fn busy_declined_and_nobody_there_are_said_as_such() {
    for reason in [
        EndReason::Busy,
        EndReason::Declined,
        EndReason::NotFound,
        EndReason::Unreachable,
        EndReason::NotAuthorised,
        EndReason::MediaIncompatible,
    ] {
        let mut alice = Story::dials(&[1]);
        alice.leg(1, ended(reason));
        assert_eq!(alice.reason(), Some(reason));
        // The far end ended it: there was nothing to wait for.
        assert_eq!(alice.states, [CallState::Dialing]);
    }
}

#[test]
fn a_far_end_that_hangs_up_before_it_accepted_declined() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.leg(1, ended(EndReason::RemoteHangUp));
    assert_eq!(alice.reason(), Some(EndReason::Declined));
}

#[test]
fn nobody_answers_for_a_minute() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.commands();
    alice.wait(secs(59));
    assert_eq!(alice.state(), CallState::Ringing);
    alice.wait(secs(1));
    let cancel = LegCommand::Cancel(EndReason::NoAnswer);
    assert_eq!(alice.commands(), [(1, cancel)]);
    alice.leg(1, ended(EndReason::Cancelled));
    assert_eq!(alice.reason(), Some(EndReason::NoAnswer));
}

#[test]
fn silence_from_the_first_moment_is_unreachable_rather_than_unanswered() {
    let mut alice = Story::dials(&[1]);
    alice.wait(secs(70));
    assert_eq!(alice.reason(), Some(EndReason::Unreachable));
}

#[test]
fn the_user_gives_up_while_it_rings() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.commands();
    alice.user(Command::HangUp);
    let cancel = LegCommand::Cancel(EndReason::Cancelled);
    assert_eq!(alice.commands(), [(1, cancel)]);
    // The far end's refusal crosses it: the user's own decision was first.
    alice.leg(1, ended(EndReason::Busy));
    assert_eq!(alice.reason(), Some(EndReason::Cancelled));
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.user(Command::HangUp);
    alice.commands();
    alice.leg(1, LegEvent::Accepted);
    let hang_up = LegCommand::HangUp(EndReason::Cancelled);
    assert_eq!(alice.commands(), [(1, hang_up)]);
    assert_eq!(alice.state(), CallState::Ending);
    alice.leg(1, ended(EndReason::LocalHangUp));
    let summary = alice.ended.expect("over");
    assert_eq!(summary.reason, EndReason::Cancelled);
    assert_eq!(summary.accepted, None, "for the user it was never answered");
}

#[test]
fn an_answer_in_the_last_moment_stops_the_ring_limit() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.now += secs(61);
    // The driver was late: the answer was handed in before the timer.
    alice.leg(1, LegEvent::Accepted);
    alice.leg(1, LegEvent::TransportConnected);
    alice.call.handle_timeout(alice.now);
    assert_eq!(alice.state(), CallState::Active { since: alice.now });
}

#[test]
fn more_ways_than_anybody_has_are_not_all_tried() {
    let ways: Vec<u64> = (1..=100).collect();
    let mut alice = Story::dials(&ways);
    for leg in ways {
        alice.leg(leg, ended(EndReason::NotFound));
    }
    assert_eq!(alice.reason(), Some(EndReason::NotFound));
    assert_eq!(alice.commands().len(), MAX_ATTEMPTS);
}

#[test]
fn nowhere_to_call_is_unreachable_at_once() {
    let alice = Story::dials(&[]);
    assert_eq!(alice.reason(), Some(EndReason::Unreachable));
    assert_eq!(alice.elapsed(), secs(0));
}

#[test]
fn limits_are_the_callers_choice() {
    let config = CallConfig {
        ring_limit: secs(3),
        ..CallConfig::default()
    };
    let mut alice = Story::dials_with(config, &[1]);
    alice.leg(1, LegEvent::Ringing);
    alice.wait(secs(3));
    assert_eq!(alice.state(), CallState::Ending);
}
