//! Every call ends, once.

use tandem_call::{CallState, Command, CommandError, LegCommand, LegEvent};
use tandem_types::{EndReason, LegId};

use crate::story::{Story, ended, secs};

#[test]
fn the_far_end_hangs_up() {
    let mut alice = Story::talks();
    alice.leg(1, ended(EndReason::RemoteHangUp));
    assert_eq!(alice.reason(), Some(EndReason::RemoteHangUp));
    assert_eq!(alice.commands(), [], "it needs no telling");
}

#[test]
fn a_leg_that_never_confirms_is_not_waited_for() {
    let mut alice = Story::talks();
    alice.user(Command::HangUp);
    alice.wait(secs(4));
    assert_eq!(alice.state(), CallState::Ending);
    alice.wait(secs(1));
    assert_eq!(alice.reason(), Some(EndReason::LocalHangUp));
    assert_eq!(alice.elapsed(), secs(5));
    assert_eq!(alice.call.poll_timeout(), None);
}

#[test]
fn a_protocol_failure_in_the_middle_is_said_as_it_was() {
    for reason in [EndReason::NetworkLost, EndReason::ServerError] {
        let mut alice = Story::talks();
        alice.leg(1, ended(reason));
        assert_eq!(alice.reason(), Some(reason));
    }
}

#[test]
fn both_hang_up_at_once() {
    let mut alice = Story::talks();
    alice.user(Command::HangUp);
    alice.leg(1, ended(EndReason::RemoteHangUp));
    assert_eq!(alice.reason(), Some(EndReason::LocalHangUp));
}

#[test]
fn the_call_waits_for_a_loser_to_be_gone_when_the_winner_hangs_up() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Forked { leg: LegId(2) });
    alice.leg(1, LegEvent::Accepted);
    alice.wait(secs(2));
    alice.leg(1, ended(EndReason::RemoteHangUp));
    assert_eq!(alice.state(), CallState::Ending);
    alice.commands();
    alice.leg(2, LegEvent::Accepted);
    let hang_up = LegCommand::HangUp(EndReason::RemoteHangUp);
    assert_eq!(alice.commands(), [(2, hang_up)]);
    alice.leg(2, ended(EndReason::LocalHangUp));
    assert_eq!(alice.reason(), Some(EndReason::RemoteHangUp));
}

#[test]
fn after_the_end_there_is_silence() {
    let mut alice = Story::talks();
    alice.leg(1, ended(EndReason::RemoteHangUp));
    // The story itself fails when anything is said after the end.
    for event in [
        LegEvent::Accepted,
        LegEvent::TransportLost,
        LegEvent::Held(true),
        ended(EndReason::Busy),
    ] {
        alice.leg(1, event);
        alice.leg(7, event);
    }
    assert_eq!(alice.tries(Command::HangUp), Err(CommandError::Ended));
    alice.wait(secs(100_000));
    assert_eq!(alice.state(), CallState::Ended(EndReason::RemoteHangUp));
}
