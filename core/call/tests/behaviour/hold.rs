//! Hold: two sides, independent of each other, one re-offer at a time.

use std::time::Duration;

use tandem_call::{
    CallState, Command, CommandError, HoldRefusal, HoldState, HoldWish, LegCommand, LegEvent,
};
use tandem_types::{EndReason, LegId};

use crate::story::{Story, ended, secs};

const GLARE: LegEvent = LegEvent::HoldRejected(HoldRefusal::Glare {
    retry_after: Duration::from_secs(3),
});
const REFUSED: LegEvent = LegEvent::HoldRejected(HoldRefusal::Refused);

fn held(story: &Story) -> Option<HoldState> {
    match story.state() {
        CallState::Held { by, .. } => Some(by),
        _ => None,
    }
}

#[test]
fn each_side_lifts_only_its_own_hold() {
    let mut alice = Story::talks();
    let since = alice.now;
    alice.wait(secs(5));
    alice.user(Command::Hold);
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)]);
    assert_eq!(alice.state(), CallState::Active { since });
    assert_eq!(alice.snapshot().hold_wish, Some(HoldWish::Hold));
    alice.leg(1, LegEvent::HoldDone);
    assert_eq!(alice.snapshot().hold_wish, None);
    let by = HoldState::Local;
    assert_eq!(alice.state(), CallState::Held { since, by });

    alice.leg(1, LegEvent::Held(true));
    assert_eq!(held(&alice), Some(HoldState::Both));
    alice.user(Command::Resume);
    alice.leg(1, LegEvent::ResumeDone);
    assert_eq!(held(&alice), Some(HoldState::Remote));
    alice.leg(1, LegEvent::Held(false));
    assert_eq!(alice.state(), CallState::Active { since });
}

#[test]
fn holding_twice_or_resuming_what_is_not_held_is_refused() {
    let mut alice = Story::talks();
    let before = alice.snapshot();
    assert_eq!(alice.tries(Command::Resume), Err(CommandError::NotHeld));
    assert_eq!(alice.snapshot(), before);
    alice.user(Command::Hold);
    assert_eq!(alice.tries(Command::Hold), Err(CommandError::AlreadyHeld));
    alice.leg(1, LegEvent::HoldDone);
    assert_eq!(alice.tries(Command::Hold), Err(CommandError::AlreadyHeld));
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)]);
}

#[test]
fn the_far_ends_hold_cannot_be_lifted_from_here() {
    let mut alice = Story::talks();
    alice.leg(1, LegEvent::Held(true));
    assert_eq!(alice.tries(Command::Resume), Err(CommandError::NotHeld));
    assert_eq!(held(&alice), Some(HoldState::Remote));
}

#[test]
fn a_change_of_mind_waits_for_the_answer_on_its_way() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    alice.user(Command::Resume);
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)], "one at a time");
    alice.leg(1, LegEvent::HoldDone);
    assert_eq!(alice.commands(), [(1, LegCommand::Resume)]);
    alice.leg(1, LegEvent::ResumeDone);
    assert_eq!(held(&alice), None);

    // Twice changed: the answer on its way is what is wanted after all.
    alice.user(Command::Hold);
    alice.user(Command::Resume);
    alice.user(Command::Hold);
    alice.leg(1, LegEvent::HoldDone);
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)]);
    assert_eq!(held(&alice), Some(HoldState::Local));
}

#[test]
fn glare_is_tried_again_after_the_wait_the_protocol_asks_for() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    alice.commands();
    alice.leg(1, GLARE);
    alice.wait(Duration::from_millis(2_999));
    assert_eq!(alice.commands(), []);
    assert_eq!(alice.snapshot().hold_wish, Some(HoldWish::Hold));
    alice.wait(Duration::from_millis(1));
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)]);
    alice.leg(1, LegEvent::HoldDone);
    assert_eq!(held(&alice), Some(HoldState::Local));
}

#[test]
fn a_wish_taken_back_during_the_wait_is_not_tried_again() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    alice.leg(1, GLARE);
    alice.user(Command::Resume);
    alice.commands();
    alice.wait(secs(10));
    assert_eq!(alice.commands(), []);
    assert_eq!(alice.snapshot().hold_wish, None);
}

#[test]
fn glare_without_end_is_given_up() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    let mut asked = 0;
    while alice.refused.is_empty() {
        asked += alice.commands().len();
        assert!(asked < 20, "asked for ever");
        alice.leg(1, GLARE);
        alice.wait(secs(4));
    }
    assert_eq!(asked, 7);
    assert_eq!(alice.snapshot().hold_wish, None);
    assert_eq!(held(&alice), None);
}

#[test]
fn a_refusal_is_told_and_the_call_goes_on_as_it_was() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    alice.leg(1, REFUSED);
    assert_eq!(alice.refused, [HoldWish::Hold]);
    assert_eq!(alice.state(), CallState::Active { since: alice.now });
    // The user may try again.
    alice.user(Command::Hold);
    alice.leg(1, LegEvent::HoldDone);
    alice.user(Command::Resume);
    alice.leg(1, REFUSED);
    assert_eq!(alice.refused, [HoldWish::Hold, HoldWish::Resume]);
    assert_eq!(held(&alice), Some(HoldState::Local));
}

#[test]
fn a_refusal_of_what_is_not_wanted_any_more_is_not_told() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    alice.user(Command::Resume);
    alice.leg(1, REFUSED);
    assert_eq!(alice.refused, []);
    assert_eq!(alice.snapshot().hold_wish, None);
}

#[test]
fn no_re_offer_before_the_caller_knows_of_the_answer() {
    let mut bob = Story::is_called();
    bob.user(Command::Answer);
    bob.leg(1, LegEvent::TransportConnected);
    bob.commands();
    bob.user(Command::Hold);
    assert_eq!(bob.commands(), []);
    bob.leg(1, LegEvent::AnswerConfirmed);
    assert_eq!(bob.commands(), [(1, LegCommand::Hold)]);
}

#[test]
fn holding_while_the_media_is_away_stops_the_clock() {
    let mut alice = Story::talks();
    alice.leg(1, LegEvent::TransportLost);
    alice.wait(secs(10));
    alice.user(Command::Hold);
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)]);
    alice.leg(1, LegEvent::HoldDone);
    alice.wait(secs(3600));
    assert_eq!(held(&alice), Some(HoldState::Local));

    // Resumed, and the media is still away: it gets its full time to come back.
    alice.user(Command::Resume);
    alice.leg(1, LegEvent::ResumeDone);
    assert!(matches!(alice.state(), CallState::Reconnecting { .. }));
    alice.wait(secs(21));
    alice.leg(1, LegEvent::TransportConnected);
    assert!(matches!(alice.state(), CallState::Active { .. }));
}

#[test]
fn a_result_nobody_asked_for_means_nothing() {
    let mut alice = Story::talks();
    let before = alice.snapshot();
    for event in [LegEvent::HoldDone, LegEvent::ResumeDone, GLARE, REFUSED] {
        alice.leg(1, event);
        assert_eq!(alice.snapshot(), before);
    }
    alice.user(Command::Hold);
    alice.leg(1, LegEvent::ResumeDone);
    assert_eq!(alice.snapshot().hold_wish, Some(HoldWish::Hold));
    assert_eq!(alice.commands(), [(1, LegCommand::Hold)]);
}

#[test]
fn a_result_from_a_leg_that_lost_means_nothing() {
    let mut alice = Story::dials(&[1]);
    alice.leg(1, LegEvent::Forked { leg: LegId(2) });
    alice.leg(1, LegEvent::Accepted);
    alice.leg(1, LegEvent::TransportConnected);
    alice.user(Command::Hold);
    let before = alice.snapshot();
    for event in [LegEvent::HoldDone, REFUSED, LegEvent::Held(true)] {
        alice.leg(2, event);
        assert_eq!(alice.snapshot(), before);
    }
}

#[test]
fn glare_is_counted_for_one_wish_at_a_time() {
    let mut alice = Story::talks();
    let (mut wish, mut agreed) = (Command::Hold, LegEvent::HoldDone);
    for _ in 0..4 {
        alice.user(wish.clone());
        for _ in 0..4 {
            alice.leg(1, GLARE);
            alice.wait(secs(3));
        }
        alice.leg(1, agreed);
        assert_eq!(alice.snapshot().hold_wish, None);
        (wish, agreed) = match wish {
            Command::Hold => (Command::Resume, LegEvent::ResumeDone),
            _ => (Command::Hold, LegEvent::HoldDone),
        };
    }
    assert_eq!(alice.refused, []);
}

#[test]
fn hanging_up_forgets_the_wish() {
    let mut alice = Story::talks();
    alice.user(Command::Hold);
    alice.leg(1, GLARE);
    alice.user(Command::HangUp);
    alice.commands();
    alice.leg(1, LegEvent::HoldDone);
    alice.wait(secs(4));
    assert_eq!(alice.commands(), []);
    alice.leg(1, ended(EndReason::LocalHangUp));
    assert_eq!(alice.reason(), Some(EndReason::LocalHangUp));
}
