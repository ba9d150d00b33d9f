//! Being called.

use tandem_call::{CallState, Command, LegCommand, LegEvent, RejectReason};
use tandem_types::EndReason;

use crate::story::{Story, ended, secs};

#[test]
fn it_rings_the_user_answers_and_they_talk() {
    let mut bob = Story::is_called();
    assert_eq!(bob.commands(), [(1, LegCommand::Ring)]);
    assert_eq!(bob.state(), CallState::Incoming);
    bob.wait(secs(3));
    bob.user(Command::Answer);
    assert_eq!(bob.commands(), [(1, LegCommand::Answer)]);
    assert_eq!(bob.state(), CallState::Connecting);
    bob.leg(1, LegEvent::AnswerConfirmed);
    assert_eq!(bob.state(), CallState::Connecting);
    bob.leg(1, LegEvent::TransportConnected);
    assert_eq!(bob.state(), CallState::Active { since: bob.now });
    bob.wait(secs(10));
    bob.leg(1, ended(EndReason::RemoteHangUp));
    assert_eq!(bob.reason(), Some(EndReason::RemoteHangUp));
}

#[test]
fn media_may_be_warm_before_the_finger_falls() {
    let mut bob = Story::is_called();
    bob.leg(1, LegEvent::TransportConnected);
    assert_eq!(bob.state(), CallState::Incoming);
    bob.user(Command::Answer);
    assert_eq!(bob.state(), CallState::Active { since: bob.now });
}

#[test]
fn a_refusal_says_why() {
    for (reason, end) in [
        (RejectReason::Busy, EndReason::Busy),
        (RejectReason::Declined, EndReason::Declined),
        (RejectReason::NoAnswer, EndReason::NoAnswer),
    ] {
        let mut bob = Story::is_called();
        bob.commands();
        bob.user(Command::Reject(reason));
        assert_eq!(bob.commands(), [(1, LegCommand::Reject(reason))]);
        bob.leg(1, ended(EndReason::Declined));
        assert_eq!(bob.reason(), Some(end));
    }
}

#[test]
fn hanging_up_a_ringing_phone_declines() {
    let mut bob = Story::is_called();
    bob.commands();
    bob.user(Command::HangUp);
    let reject = LegCommand::Reject(RejectReason::Declined);
    assert_eq!(bob.commands(), [(1, reject)]);
    bob.leg(1, ended(EndReason::Declined));
    assert_eq!(bob.reason(), Some(EndReason::Declined));
}

#[test]
fn the_caller_gives_up() {
    // A protocol room that calls it a hang-up means the same.
    for reason in [EndReason::Cancelled, EndReason::RemoteHangUp] {
        let mut bob = Story::is_called();
        bob.leg(1, ended(reason));
        assert_eq!(bob.reason(), Some(EndReason::Cancelled));
    }
}

#[test]
fn another_device_of_the_user_answers() {
    let mut bob = Story::is_called();
    bob.leg(1, ended(EndReason::AnsweredElsewhere));
    assert_eq!(bob.reason(), Some(EndReason::AnsweredElsewhere));
}

#[test]
fn the_caller_gives_up_while_the_answer_is_on_its_way() {
    let mut bob = Story::is_called();
    bob.user(Command::Answer);
    bob.leg(1, ended(EndReason::Cancelled));
    assert_eq!(bob.reason(), Some(EndReason::Cancelled));

    // Once the caller knows of the answer, giving up is hanging up.
    let mut bob = Story::is_called();
    bob.user(Command::Answer);
    bob.leg(1, LegEvent::AnswerConfirmed);
    bob.leg(1, ended(EndReason::Cancelled));
    assert_eq!(bob.reason(), Some(EndReason::RemoteHangUp));
}

#[test]
fn nobody_answers_for_two_minutes() {
    let mut bob = Story::is_called();
    bob.commands();
    bob.wait(secs(119));
    assert_eq!(bob.state(), CallState::Incoming);
    bob.wait(secs(1));
    let reject = LegCommand::Reject(RejectReason::NoAnswer);
    assert_eq!(bob.commands(), [(1, reject)]);
    bob.leg(1, ended(EndReason::NoAnswer));
    assert_eq!(bob.reason(), Some(EndReason::NoAnswer));
}

#[test]
fn what_only_a_callee_can_say_means_nothing_from_a_caller() {
    let mut bob = Story::is_called();
    bob.commands();
    bob.leg(1, LegEvent::Accepted);
    bob.leg(
        1,
        LegEvent::Forked {
            leg: tandem_types::LegId(2),
        },
    );
    bob.leg(1, LegEvent::Ringing);
    bob.leg(1, LegEvent::AnswerConfirmed);
    assert_eq!(bob.state(), CallState::Incoming);
    assert_eq!(bob.commands(), []);

    // A confirmation of an answer that was not given confirms nothing later.
    bob.user(Command::Answer);
    bob.user(Command::Hold);
    assert_eq!(bob.commands(), [(1, LegCommand::Answer)]);
}
