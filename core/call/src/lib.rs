//! The one call state machine.
//!
//! It decides what happens to a call: which way to the far end is tried next, which of several answers
//! wins, when nobody answered, whether a call on hold may stay silent, and why it was over. It knows no SIP,
//! no Jingle, no codec, no socket and no clock: the protocol rooms report what happened to a *leg* (a SIP
//! dialog or a Jingle session) as [`LegEvent`], and carry out the [`LegCommand`]s that come back.
//!
//! ```text
//! Call ── Participant ── Attempt (one way to the far end) ── Leg (one dialog or session)
//!   │          │             └ the next attempt starts when one fails     └ forks: the first answer wins
//!   │          └ whose answer, hold and media these are
//!   └ one today; three-way calls and conferences are more of them
//! ```
//!
//! # Driving it
//!
//! After every input, take outputs until there are none, then sleep until [`Call::poll_timeout`].
//!
//! ```
//! use std::time::{Duration, Instant};
//! use tandem_call::{Call, CallConfig, CallEvent, CallState, LegCommand, LegEvent, Output};
//! use tandem_types::{CallId, EndReason, LegId, SeededEntropy};
//!
//! let mut now = Instant::now();
//! let id = CallId::random(&mut SeededEntropy::new(1));
//! let mut call = Call::outgoing(now, id, CallConfig::default(), [LegId(1)]);
//!
//! let mut shown = Vec::new();
//! let mut drain = |call: &mut Call| {
//!     while let Some(output) = call.poll_output() {
//!         match output {
//!             Output::Leg(leg, LegCommand::Start) => println!("{leg}: send the INVITE"),
//!             Output::Leg(leg, command) => println!("{leg}: {command:?}"),
//!             Output::Event(CallEvent::StateChanged(snapshot)) => shown.push(snapshot.state),
//!             Output::Event(CallEvent::Ended(summary)) => {
//!                 shown.push(CallState::Ended(summary.reason));
//!             }
//!             Output::Event(_) => {}
//!         }
//!     }
//! };
//!
//! drain(&mut call);
//! call.handle_leg(now, LegId(1), LegEvent::Ringing);
//! drain(&mut call);
//!
//! // Nobody picks up: the driver sleeps until the machine wants to be woken.
//! now = call.poll_timeout().expect("a ringing call has a limit");
//! call.handle_timeout(now);
//! drain(&mut call);
//! call.handle_leg(now, LegId(1), LegEvent::Ended { reason: EndReason::Cancelled });
//! drain(&mut call);
//!
//! assert_eq!(
//!     shown,
//!     [
//!         CallState::Dialing,
//!         CallState::Ringing,
//!         CallState::Ending,
//!         CallState::Ended(EndReason::NoAnswer),
//!     ]
//! );
//! ```
//!
//! # Invariants
//!
//! - **Every call ends**, and says so exactly once: [`CallEvent::Ended`] is the last output there is.
//! - **Every leg that was started is let go of** by exactly one of [`LegCommand::Cancel`],
//!   [`LegCommand::HangUp`] and [`LegCommand::Reject`], unless it ended by itself. Only a `Cancel` may be
//!   followed by a `HangUp`, when the answer crossed it on the wire.
//! - **At most one leg of a participant is kept after it was accepted.**
//! - **A refused command changes nothing.**
//! - Inputs that make no sense (a late ringing, a leg nobody knows) are ignored, never an error: networks
//!   reorder.
//!
//! # What it asks of a protocol room
//!
//! - Every leg ends with one [`LegEvent::Ended`], also after a command to end it.
//! - Every [`LegCommand::Hold`] and [`LegCommand::Resume`] is answered by `HoldDone`, `ResumeDone` or
//!   `HoldRejected`, unless the leg ends first.
//! - An answer that crosses a [`LegCommand::Cancel`] is reported as `Accepted`: the call decides whether to
//!   take it or to hang it up. A room may also hang it up by itself, and reports `Ended`.
//! - The call does not wait for ever for a leg to confirm its end ([`CallConfig::ending_limit`]). From then
//!   on the room is alone with it, and hangs up an answer that still comes.

mod call;
mod command;
mod config;
mod leg;
mod machine;
mod output;
mod participant;
mod state;

pub use call::{Call, MAX_ATTEMPTS, MAX_FORKS};
pub use command::{Command, CommandError, Digits, DigitsError, MAX_DIGITS, RejectReason};
pub use config::CallConfig;
pub use leg::{HoldRefusal, LegCommand, LegEvent};
pub use output::{CallDirection, CallEvent, CallSnapshot, CallSummary, Output};
pub use state::{CallState, HoldState, HoldWish};
