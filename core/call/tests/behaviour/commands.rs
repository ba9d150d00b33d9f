//! The table of what the user may do when.

use tandem_call::{Command, CommandError, LegEvent, RejectReason};
use tandem_types::EndReason;

use crate::story::{Story, ended};

type Walk = fn() -> Story;

fn after(mut story: Story, events: &[LegEvent]) -> Story {
    for event in events {
        story.leg(1, *event);
    }
    story
}

/// A way into every state, by its token; `held` has one row for each who may hold.
fn states() -> Vec<(&'static str, Walk)> {
    use LegEvent::{Accepted, EarlyMedia, Held, HoldDone, Ringing, TransportLost};
    let hold: Walk = || {
        let mut story = Story::talks();
        story.user(Command::Hold);
        after(story, &[HoldDone])
    };
    vec![
        ("dialing", || Story::dials(&[1])),
        ("ringing", || after(Story::dials(&[1]), &[Ringing])),
        ("early-media", || after(Story::dials(&[1]), &[EarlyMedia])),
        ("incoming", Story::is_called),
        ("connecting", || after(Story::dials(&[1]), &[Accepted])),
        ("active", Story::talks),
        ("held", hold),
        ("held-by-remote", || after(Story::talks(), &[Held(true)])),
        ("reconnecting", || after(Story::talks(), &[TransportLost])),
        ("ending", || {
            let mut story = Story::talks();
            story.user(Command::HangUp);
            story
        }),
        ("ended", || {
            after(Story::talks(), &[ended(EndReason::RemoteHangUp)])
        }),
    ]
}

#[test]
fn every_command_in_every_state() {
    use CommandError::{
        AlreadyAccepted, AlreadyHeld, Ended, Ending, NoMedia, NotAccepted, NotHeld, NotIncoming,
        OnHold,
    };
    let commands = [
        Command::Answer,
        Command::Reject(RejectReason::Busy),
        Command::HangUp,
        Command::Hold,
        Command::Resume,
        Command::SendDtmf("5".parse().unwrap()),
    ];
    let ok = Ok(());
    #[rustfmt::skip]
    let table = [
        //                   Answer                Reject                HangUp       Hold              Resume            SendDtmf
        ("dialing",        [Err(NotIncoming),     Err(NotIncoming),     ok,          Err(NotAccepted), Err(NotAccepted), Err(NotAccepted)]),
        ("ringing",        [Err(NotIncoming),     Err(NotIncoming),     ok,          Err(NotAccepted), Err(NotAccepted), Err(NotAccepted)]),
        ("early-media",    [Err(NotIncoming),     Err(NotIncoming),     ok,          Err(NotAccepted), Err(NotAccepted), ok]),
        ("incoming",       [ok,                   ok,                   ok,          Err(NotAccepted), Err(NotAccepted), Err(NotAccepted)]),
        ("connecting",     [Err(AlreadyAccepted), Err(AlreadyAccepted), ok,          ok,               Err(NotHeld),     Err(NoMedia)]),
        ("active",         [Err(AlreadyAccepted), Err(AlreadyAccepted), ok,          ok,               Err(NotHeld),     ok]),
        ("held",           [Err(AlreadyAccepted), Err(AlreadyAccepted), ok,          Err(AlreadyHeld), ok,               ok]),
        ("held-by-remote", [Err(AlreadyAccepted), Err(AlreadyAccepted), ok,          ok,               Err(NotHeld),     Err(OnHold)]),
        ("reconnecting",   [Err(AlreadyAccepted), Err(AlreadyAccepted), ok,          ok,               Err(NotHeld),     Err(NoMedia)]),
        ("ending",         [Err(Ending),          Err(Ending),          Err(Ending), Err(Ending),      Err(Ending),      Err(Ending)]),
        ("ended",          [Err(Ended),           Err(Ended),           Err(Ended),  Err(Ended),       Err(Ended),       Err(Ended)]),
    ];
    for ((token, walk), (row, expected)) in states().into_iter().zip(table) {
        assert_eq!(token, row, "the table follows the list of states");
        for (command, expected) in commands.iter().zip(expected) {
            let mut story = walk();
            assert_eq!(story.state().token(), token);
            story.commands();
            let (before, wake) = (story.snapshot(), story.call.poll_timeout());
            let result = story.tries(command.clone());
            assert_eq!(result, expected, "{command:?} while {token}");
            let unchanged = story.snapshot() == before
                && story.call.poll_timeout() == wake
                && story.commands().is_empty();
            assert_eq!(
                unchanged,
                result.is_err(),
                "{command:?} while {token} either does something or is refused"
            );
        }
    }
}

#[test]
fn nothing_a_user_sees_in_an_error_is_a_sentence() {
    for error in [CommandError::NotHeld, CommandError::Ended] {
        let text = error.to_string();
        assert!(text.starts_with("the call"), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }
}
