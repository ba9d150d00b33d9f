//! One SIP dialog or Jingle session: what it reports, what it is told, and how far it is.

use std::time::{Duration, Instant};

use tandem_types::{EndReason, LegId};

use crate::RejectReason;

/// What happened to a leg, as its protocol room reports it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LegEvent {
    /// Some server took the call on (SIP 100).
    Trying,
    /// It rings there (SIP 180, JMI `ringing`).
    Ringing,
    /// The network plays something before the accept (SIP 183 with an answer).
    EarlyMedia,
    /// An outgoing leg grew a second early dialog (RFC 3261 §13.2.2.4): `leg` reports for itself from now
    /// on. When the first leg of an attempt fails, its forks fail with it.
    Forked {
        /// The new dialog's leg.
        leg: LegId,
    },
    /// The far end accepted (SIP 200, Jingle `session-accept`).
    Accepted,
    /// The far end knows that this side accepted (ACK, the result of `session-accept`). A leg that was
    /// dialled from here needs none.
    AnswerConfirmed,
    /// Media can flow: ICE and DTLS are done or, with plain RTP, the first packet came. Also media that came
    /// back. A room that has no way of knowing says so as soon as both sides know each other's address.
    TransportConnected,
    /// Media could flow and cannot any more.
    TransportLost,
    /// The far end put this side on hold, or took it off again.
    Held(bool),
    /// The far end agreed to [`LegCommand::Hold`].
    HoldDone,
    /// The far end agreed to [`LegCommand::Resume`].
    ResumeDone,
    /// The far end refused the last [`LegCommand::Hold`] or [`LegCommand::Resume`].
    HoldRejected(HoldRefusal),
    /// The leg is over. Nothing of it follows.
    Ended {
        /// Why, in the protocol room's words. What this side decided before it counts more.
        reason: EndReason,
    },
}

/// How a re-offer failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HoldRefusal {
    /// Both sides re-offered at once (SIP 491, Jingle tie-break): try again after the given while, which
    /// the protocol room draws by its own rules (RFC 3261 §14.1).
    Glare {
        /// How long to wait.
        retry_after: Duration,
    },
    /// No.
    Refused,
}

/// What a leg is told to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LegCommand {
    /// Dial.
    Start,
    /// Tell the caller that it rings here.
    Ring,
    /// Accept the incoming call.
    Answer,
    /// Refuse the incoming call.
    Reject(RejectReason),
    /// Give up a leg the far end has not accepted. For a fork whose sibling was accepted there is nothing
    /// to send; should its answer arrive, a `HangUp` follows. The reason is for the far end:
    /// `AnsweredElsewhere` keeps its phone from showing a missed call (RFC 3326).
    Cancel(EndReason),
    /// End an accepted leg. The reason is for the far end.
    HangUp(EndReason),
    /// Re-offer so that the far end is on hold.
    Hold,
    /// Re-offer so that both can talk.
    Resume,
    /// Play key tones, after those still being played.
    SendDtmf(crate::Digits),
}

/// How far a leg is.
///
/// ```text
///   Waiting ── its turn ──► Setup ── accepted ──► Accepted
///      │                      │ cancel, reject       │ hang up
///      │                      └────────► Leaving ◄───┘
///      │                                  │    │ no word within the ending limit
///      │ not needed                 ended │    ▼
///      └────────────────────► Ended ◄─────┴─ Abandoned
/// ```
///
/// A leg that was cancelled and accepted all the same is either taken (nobody else had answered) or hung up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// A fallback that was not needed so far.
    Waiting,
    /// Dialling, or ringing here.
    Setup,
    /// Both sides said yes.
    Accepted,
    /// Told to end; `by` is when the call stops waiting for it.
    Leaving { by: Instant, way: Exit },
    /// Told to end and not heard of since, or a fork whose attempt failed.
    Abandoned { way: Exit },
    /// Over.
    Ended,
}

/// Which command ended a leg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// `Cancel`: the answer may have been on its way.
    Cancelled,
    /// `HangUp` or `Reject`: there is nothing left to accept.
    Final,
}

impl Phase {
    /// Whether the call need not wait for this leg any more.
    pub(crate) const fn is_over(self) -> bool {
        match self {
            Self::Abandoned { .. } | Self::Ended => true,
            Self::Waiting | Self::Setup | Self::Accepted | Self::Leaving { .. } => false,
        }
    }

    /// Whether the far end's accept would be news.
    pub(crate) const fn can_be_accepted(self) -> bool {
        match self {
            Self::Setup
            | Self::Leaving {
                way: Exit::Cancelled,
                ..
            }
            | Self::Abandoned {
                way: Exit::Cancelled,
            } => true,
            Self::Waiting
            | Self::Accepted
            | Self::Leaving {
                way: Exit::Final, ..
            }
            | Self::Abandoned { way: Exit::Final }
            | Self::Ended => false,
        }
    }

    /// Whether the leg still tries to become the call.
    pub(crate) const fn is_setup(self) -> bool {
        match self {
            Self::Setup => true,
            Self::Waiting
            | Self::Accepted
            | Self::Leaving { .. }
            | Self::Abandoned { .. }
            | Self::Ended => false,
        }
    }

    /// Whether the leg was started and has not said that it is over.
    pub(crate) const fn is_known_to_the_far_end(self) -> bool {
        match self {
            Self::Setup | Self::Accepted | Self::Leaving { .. } | Self::Abandoned { .. } => true,
            Self::Waiting | Self::Ended => false,
        }
    }

    /// Whether the leg was never started.
    pub(crate) const fn is_waiting(self) -> bool {
        match self {
            Self::Waiting => true,
            Self::Setup
            | Self::Accepted
            | Self::Leaving { .. }
            | Self::Abandoned { .. }
            | Self::Ended => false,
        }
    }
}

/// What the machine knows of a leg.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) phase: Phase,
    /// Anything at all came back.
    pub(crate) heard: bool,
    pub(crate) ringing: bool,
    pub(crate) early_media: bool,
    /// The far end knows of the accept, so that a re-offer is allowed.
    pub(crate) confirmed: bool,
    /// The media axis.
    pub(crate) connected: bool,
    pub(crate) remote_hold: bool,
}

impl Leg {
    pub(crate) const fn new(id: LegId, phase: Phase) -> Self {
        Self {
            id,
            phase,
            heard: false,
            ringing: false,
            early_media: false,
            confirmed: false,
            connected: false,
            remote_hold: false,
        }
    }
}
