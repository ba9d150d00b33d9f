//! Several ways to one person, tried in turn as one call.

use tandem_call::{CallConfig, CallState, Command, LegCommand, LegEvent};
use tandem_types::{EndReason, LegId};

use crate::story::{Story, ended, secs};

#[test]
fn a_path_that_fails_makes_room_for_the_next() {
    for reason in [
        EndReason::Unreachable,
        EndReason::NotFound,
        EndReason::MediaIncompatible,
        EndReason::NotAuthorised,
        EndReason::ServerError,
        EndReason::NetworkLost,
    ] {
        let mut alice = Story::dials(&[1, 2]);
        alice.leg(1, LegEvent::Ringing);
        alice.commands();
        alice.leg(1, ended(reason));
        assert_eq!(alice.commands(), [(2, LegCommand::Start)], "{reason}");
        assert_eq!(alice.state(), CallState::Dialing);
        alice.leg(2, LegEvent::Accepted);
        assert_eq!(alice.snapshot().leg, Some(LegId(2)));
    }
}

#[test]
fn a_person_who_said_no_is_not_asked_again() {
    for reason in [EndReason::Busy, EndReason::Declined, EndReason::NoAnswer] {
        let mut alice = Story::dials(&[1, 2]);
        alice.commands();
        alice.leg(1, ended(reason));
        assert_eq!(alice.commands(), []);
        assert_eq!(alice.reason(), Some(reason));
    }
}

#[test]
fn when_every_path_fails_the_last_one_says_why() {
    let mut alice = Story::dials(&[1, 2, 3]);
    alice.leg(1, ended(EndReason::NotFound));
    alice.leg(2, ended(EndReason::ServerError));
    alice.leg(3, ended(EndReason::Unreachable));
    assert_eq!(alice.reason(), Some(EndReason::Unreachable));
}

#[test]
fn a_silent_path_makes_room_after_twelve_seconds() {
    let mut alice = Story::dials(&[1, 2]);
    alice.leg(1, LegEvent::Trying);
    alice.commands();
    alice.wait(secs(12));
    let expected = [
        (1, LegCommand::Cancel(EndReason::Unreachable)),
        (2, LegCommand::Start),
    ];
    assert_eq!(alice.commands(), expected);

    // The last path may take its time.
    alice.wait(secs(40));
    assert_eq!(alice.state(), CallState::Dialing);
}

#[test]
fn a_path_that_rings_is_left_to_ring() {
    let mut alice = Story::dials(&[1, 2]);
    alice.leg(1, LegEvent::Ringing);
    alice.wait(secs(59));
    assert_eq!(alice.state(), CallState::Ringing);
    alice.wait(secs(1));
    alice.leg(1, ended(EndReason::Cancelled));
    assert_eq!(alice.reason(), Some(EndReason::NoAnswer));
}

#[test]
fn a_person_who_picks_up_on_the_path_given_up_is_not_hung_up_on() {
    let mut alice = Story::dials(&[1, 2]);
    alice.wait(secs(20));
    alice.leg(2, LegEvent::Ringing);
    alice.commands();
    alice.leg(1, LegEvent::Accepted);
    let cancel = LegCommand::Cancel(EndReason::AnsweredElsewhere);
    assert_eq!(alice.commands(), [(2, cancel)]);
    assert_eq!(alice.snapshot().leg, Some(LegId(1)));
    alice.leg(1, LegEvent::TransportConnected);
    assert_eq!(alice.state(), CallState::Active { since: alice.now });
}

#[test]
fn the_end_of_a_path_given_up_changes_nothing() {
    let mut alice = Story::dials(&[1, 2, 3]);
    alice.wait(secs(12));
    alice.leg(2, LegEvent::Ringing);
    alice.commands();
    alice.leg(1, ended(EndReason::Unreachable));
    assert_eq!(alice.commands(), []);
    assert_eq!(alice.state(), CallState::Ringing);
}

#[test]
fn giving_up_starts_no_further_path() {
    let mut alice = Story::dials(&[1, 2]);
    alice.user(Command::HangUp);
    alice.commands();
    alice.leg(1, ended(EndReason::Unreachable));
    assert_eq!(alice.commands(), []);
    assert_eq!(alice.reason(), Some(EndReason::Cancelled));
}

#[test]
fn a_fork_of_a_path_given_up_does_not_hold_the_call() {
    let config = CallConfig {
        attempt_limit: Some(secs(4)),
        ..CallConfig::default()
    };
    let mut alice = Story::dials_with(config, &[1, 2]);
    alice.wait(secs(4));
    alice.commands();
    alice.leg(1, LegEvent::Forked { leg: LegId(9) });
    let cancel = LegCommand::Cancel(EndReason::Unreachable);
    assert_eq!(alice.commands(), [(9, cancel)]);
    alice.leg(2, ended(EndReason::Busy));
    alice.wait(secs(5));
    assert_eq!(alice.reason(), Some(EndReason::Busy));
}

#[test]
fn an_answer_without_ringing_ends_the_search_for_good() {
    let mut alice = Story::dials(&[1, 2]);
    alice.leg(1, LegEvent::Accepted);
    alice.leg(1, LegEvent::TransportConnected);
    let since = alice.now;
    alice.commands();
    alice.wait(secs(3600));
    assert_eq!(alice.state(), CallState::Active { since });
    assert_eq!(alice.commands(), []);
}

#[test]
fn a_path_that_is_gone_before_its_turn_is_skipped() {
    let mut alice = Story::dials(&[1, 2, 3]);
    alice.commands();
    alice.leg(2, ended(EndReason::Unreachable));
    assert_eq!(alice.commands(), []);
    alice.leg(1, ended(EndReason::Unreachable));
    assert_eq!(alice.commands(), [(3, LegCommand::Start)]);
}

#[test]
fn the_same_path_twice_is_tried_once() {
    let mut alice = Story::dials(&[1, 1]);
    alice.leg(1, ended(EndReason::NotFound));
    assert_eq!(alice.reason(), Some(EndReason::NotFound));
}
