//! One call that rings in several places: the first answer wins.

use tandem_call::{CallState, Command, LegCommand, LegEvent, MAX_FORKS};
use tandem_types::{EndReason, LegId};

use crate::story::{Story, ended, secs};

/// Leg 1 was dialled; 2 and 3 are further early dialogs of it.
fn forked() -> Story {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Ringing);
    for leg in [2, 3] {
        alice.leg(1, LegEvent::Forked { leg: LegId(leg) });
        alice.leg(leg, LegEvent::Ringing);
    }
    alice.commands();
    alice
}

const ELSEWHERE: EndReason = EndReason::AnsweredElsewhere;

#[test]
fn the_first_answer_wins_and_the_second_is_hung_up() {
    let mut alice = forked();
    alice.leg(2, LegEvent::Accepted);
    let cancelled = [1, 3].map(|leg| (leg, LegCommand::Cancel(ELSEWHERE)));
    assert_eq!(alice.commands(), cancelled);
    assert_eq!(alice.snapshot().leg, Some(LegId(2)));

    alice.leg(3, LegEvent::Accepted);
    assert_eq!(alice.commands(), [(3, LegCommand::HangUp(ELSEWHERE))]);
    alice.leg(1, ended(EndReason::Cancelled));
    alice.leg(3, ended(EndReason::LocalHangUp));
    alice.leg(2, LegEvent::TransportConnected);
    assert_eq!(alice.state(), CallState::Active { since: alice.now });
}

#[test]
fn a_loser_that_was_written_off_is_still_hung_up_when_it_answers() {
    let mut alice = forked();
    alice.leg(1, LegEvent::Accepted);
    alice.leg(1, LegEvent::TransportConnected);
    alice.wait(secs(20));
    alice.commands();
    alice.leg(2, LegEvent::Accepted);
    assert_eq!(alice.commands(), [(2, LegCommand::HangUp(ELSEWHERE))]);
    alice.leg(2, LegEvent::Accepted);
    assert_eq!(alice.commands(), [], "a repeated 200 changes nothing");
}

#[test]
fn media_of_a_loser_is_not_media_of_the_call() {
    let mut alice = forked();
    alice.leg(3, LegEvent::EarlyMedia);
    alice.leg(3, LegEvent::TransportConnected);
    assert!(alice.snapshot().connected);
    alice.leg(2, LegEvent::Accepted);
    assert_eq!(alice.state(), CallState::Connecting);
    assert!(!alice.snapshot().connected);
    alice.leg(3, LegEvent::TransportConnected);
    assert_eq!(alice.state(), CallState::Connecting);
}

#[test]
fn one_fork_that_gives_up_leaves_the_others_ringing() {
    let mut alice = forked();
    alice.leg(2, ended(EndReason::Busy));
    assert_eq!(alice.state(), CallState::Ringing);
    alice.leg(3, LegEvent::Accepted);
    assert_eq!(alice.snapshot().leg, Some(LegId(3)));
}

#[test]
fn the_failure_of_the_call_itself_ends_its_forks() {
    let mut alice = forked();
    alice.leg(1, ended(EndReason::Busy));
    assert_eq!(alice.reason(), Some(EndReason::Busy));
    assert_eq!(alice.commands(), []);
}

#[test]
fn giving_up_cancels_every_fork() {
    let mut alice = forked();
    alice.user(Command::HangUp);
    let cancelled = [1, 2, 3].map(|leg| (leg, LegCommand::Cancel(EndReason::Cancelled)));
    assert_eq!(alice.commands(), cancelled);
    for leg in [1, 2] {
        alice.leg(leg, ended(EndReason::Cancelled));
        assert_eq!(alice.reason(), None, "one is still not confirmed");
    }
    alice.leg(3, ended(EndReason::Cancelled));
    assert_eq!(alice.reason(), Some(EndReason::Cancelled));
}

#[test]
fn a_fork_that_shows_after_the_answer_is_not_kept() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Accepted);
    alice.commands();
    alice.leg(1, LegEvent::Forked { leg: LegId(2) });
    assert_eq!(alice.commands(), [(2, LegCommand::Cancel(ELSEWHERE))]);
    alice.leg(2, LegEvent::Accepted);
    assert_eq!(alice.commands(), [(2, LegCommand::HangUp(ELSEWHERE))]);
}

#[test]
fn forks_without_end_are_cut_off() {
    let mut alice = Story::dials(&[1]);
    alice.commands();
    for leg in 2..100 {
        alice.leg(1, LegEvent::Forked { leg: LegId(leg) });
    }
    let refused = alice.commands().len();
    assert_eq!(refused, 98 - MAX_FORKS);
    // Somebody picks up at one that was not followed.
    alice.leg(99, LegEvent::Accepted);
    assert_eq!(alice.commands(), [(99, LegCommand::HangUp(ELSEWHERE))]);
    assert_eq!(alice.state(), CallState::Dialing);
}
