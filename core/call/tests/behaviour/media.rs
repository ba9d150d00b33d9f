//! The media axis: never came, went away, came back.

use tandem_call::{CallConfig, CallState, Command, HoldState, LegCommand, LegEvent};
use tandem_types::EndReason;

use crate::story::{Story, ended, secs};

const LOST: EndReason = EndReason::NetworkLost;

#[test]
fn media_that_comes_back_goes_on_with_the_same_timer() {
    let mut alice = Story::talks();
    let since = alice.now;
    alice.wait(secs(30));
    alice.leg(1, LegEvent::TransportLost);
    assert_eq!(alice.state(), CallState::Reconnecting { since });
    alice.wait(secs(21));
    alice.leg(1, LegEvent::TransportConnected);
    assert_eq!(alice.state(), CallState::Active { since });

    // Every loss gets its own time.
    alice.wait(secs(5));
    alice.leg(1, LegEvent::TransportLost);
    alice.wait(secs(21));
    assert_eq!(alice.state(), CallState::Reconnecting { since });
    alice.leg(1, LegEvent::TransportConnected);
    alice.wait(secs(600));
    assert_eq!(alice.state(), CallState::Active { since });
}

#[test]
fn media_that_stays_away_ends_the_call() {
    let mut alice = Story::talks();
    alice.leg(1, LegEvent::TransportLost);
    // Reported again and again: the clock is not wound up by that.
    for _ in 0..21 {
        alice.wait(secs(1));
        alice.leg(1, LegEvent::TransportLost);
    }
    assert!(matches!(alice.state(), CallState::Reconnecting { .. }));
    alice.wait(secs(1));
    assert_eq!(alice.commands(), [(1, LegCommand::HangUp(LOST))]);
    // Nobody is there to confirm it.
    alice.wait(secs(5));
    assert_eq!(alice.reason(), Some(LOST));
    assert_eq!(alice.elapsed(), secs(22 + 5));
}

#[test]
fn media_that_never_comes_ends_an_accepted_call() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Accepted);
    alice.commands();
    alice.wait(secs(29));
    assert_eq!(alice.state(), CallState::Connecting);
    alice.wait(secs(1));
    assert_eq!(alice.commands(), [(1, LegCommand::HangUp(LOST))]);
    alice.leg(1, ended(EndReason::LocalHangUp));
    let summary = alice.ended.expect("over");
    assert_eq!(summary.reason, LOST);
    assert!(summary.accepted.is_some());
    assert_eq!(summary.established, None);
}

#[test]
fn a_far_end_that_holds_from_the_start_may_be_silent() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Held(true));
    alice.leg(1, LegEvent::Accepted);
    let since = alice.now;
    let by = HoldState::Remote;
    assert_eq!(alice.state(), CallState::Held { since, by });
    alice.wait(secs(3600));
    assert_eq!(alice.state(), CallState::Held { since, by });

    alice.leg(1, LegEvent::Held(false));
    assert_eq!(alice.state(), CallState::Reconnecting { since });
    alice.wait(secs(1));
    alice.leg(1, LegEvent::TransportConnected);
    assert_eq!(alice.state(), CallState::Active { since });
}

#[test]
fn a_hold_in_the_middle_of_connecting_stops_the_clock() {
    let mut bob = Story::is_called();
    bob.user(Command::Answer);
    bob.leg(1, LegEvent::AnswerConfirmed);
    bob.wait(secs(29));
    bob.leg(1, LegEvent::Held(true));
    bob.wait(secs(300));
    bob.leg(1, LegEvent::Held(false));
    bob.wait(secs(21));
    assert!(matches!(bob.state(), CallState::Reconnecting { .. }));
    bob.wait(secs(1));
    assert_eq!(bob.state(), CallState::Ending);
}

#[test]
fn media_lost_before_the_accept_only_delays_the_talk() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::TransportConnected);
    alice.leg(1, LegEvent::TransportLost);
    alice.leg(1, LegEvent::Accepted);
    assert_eq!(alice.state(), CallState::Connecting);
}

#[test]
fn a_caller_may_wait_for_media_for_ever() {
    let config = CallConfig {
        connect_limit: None,
        reconnect_limit: None,
        ..CallConfig::default()
    };
    let mut alice = Story::dials_with(config, &[1]);
    alice.leg(1, LegEvent::Accepted);
    alice.wait(secs(86_400));
    assert_eq!(alice.state(), CallState::Connecting);
    alice.leg(1, LegEvent::TransportConnected);
    alice.leg(1, LegEvent::TransportLost);
    alice.wait(secs(86_400));
    assert!(matches!(alice.state(), CallState::Reconnecting { .. }));
}
