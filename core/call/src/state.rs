//! What a call is doing, in the words a screen shows.

use std::time::Instant;

use tandem_types::EndReason;

/// What a call is doing.
///
/// Never stored: it is derived, after every input, from two independent axes and from who holds.
/// *Accepted* is signalling (SIP 200, Jingle `session-accept`, or the user's own answer), *connected* is
/// media (packets can flow both ways). Either may come first.
///
/// ```text
///   outgoing                                incoming
///      │                                       │
///      ▼                                       ▼
///   Dialing ─► Ringing ─► EarlyMedia        Incoming
///      │          │           │                │
///      └──────────┴───────────┴── accepted ────┘
///                                    │
///   ┌────────────────────────────────▼────────────────────────────────────┐
///   │                     connected     not connected                     │
///   │    nobody holds       Active ◄──── Connecting     (never yet talked)│
///   │                            ◄────► Reconnecting    (talked before)   │
///   │    somebody holds      Held           Held                          │
///   │                   (from all three; back to Active, Reconnecting)    │
///   └────────────────────────────────┬────────────────────────────────────┘
///                                    │
///   any of the above ── hung up, cancelled, refused, too late ──► Ending
///          │                                                        │ legs gone
///          │                                                        ▼
///          └─────────── the far end ended the only leg ──────────► Ended
/// ```
///
/// A fallback to the next attempt goes back to `Dialing`. A call on hold is silent by agreement, so `Held`
/// hides whether media could flow; the loss shows, and its clock starts, when the hold is over. A held call
/// counts as talked, so `Held` never goes back to `Connecting`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CallState {
    /// Outgoing, and nothing heard from the far end yet.
    Dialing,
    /// Outgoing, and it rings there.
    Ringing,
    /// Outgoing, not accepted, and the network already plays something (an announcement, a ring-back tone).
    EarlyMedia,
    /// It rings here.
    Incoming,
    /// Accepted, no media yet.
    Connecting,
    /// Two people can talk.
    Active {
        /// When they first could: what the timer on the screen counts from.
        since: Instant,
    },
    /// Accepted, and silent by agreement.
    Held {
        /// When they first could talk, or when the hold began if they never could.
        since: Instant,
        /// Who holds.
        by: HoldState,
    },
    /// Media was there and is gone; the call waits for it.
    Reconnecting {
        /// When they first could talk.
        since: Instant,
    },
    /// Over for the user; some leg has not confirmed it yet.
    Ending,
    /// Over.
    Ended(EndReason),
}

impl CallState {
    /// The stable word for JSON.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Dialing => "dialing",
            Self::Ringing => "ringing",
            Self::EarlyMedia => "early-media",
            Self::Incoming => "incoming",
            Self::Connecting => "connecting",
            Self::Active { .. } => "active",
            Self::Held { by, .. } => match by {
                HoldState::Local | HoldState::Both => "held",
                HoldState::Remote => "held-by-remote",
            },
            Self::Reconnecting { .. } => "reconnecting",
            Self::Ending => "ending",
            Self::Ended(_) => "ended",
        }
    }

    /// Whether both sides said yes, and neither said goodbye.
    pub const fn is_accepted(self) -> bool {
        match self {
            Self::Connecting
            | Self::Active { .. }
            | Self::Held { .. }
            | Self::Reconnecting { .. } => true,
            Self::Dialing
            | Self::Ringing
            | Self::EarlyMedia
            | Self::Incoming
            | Self::Ending
            | Self::Ended(_) => false,
        }
    }

    /// Whether an outgoing call still waits for an answer.
    pub const fn is_outgoing_setup(self) -> bool {
        match self {
            Self::Dialing | Self::Ringing | Self::EarlyMedia => true,
            Self::Incoming
            | Self::Connecting
            | Self::Active { .. }
            | Self::Held { .. }
            | Self::Reconnecting { .. }
            | Self::Ending
            | Self::Ended(_) => false,
        }
    }

    /// Whether nothing more can be done with the call.
    pub const fn is_ending_or_ended(self) -> bool {
        match self {
            Self::Ending | Self::Ended(_) => true,
            Self::Dialing
            | Self::Ringing
            | Self::EarlyMedia
            | Self::Incoming
            | Self::Connecting
            | Self::Active { .. }
            | Self::Held { .. }
            | Self::Reconnecting { .. } => false,
        }
    }

    /// How far a participant has come; the call as a whole shows the one who came furthest.
    pub(crate) const fn rank(self) -> u8 {
        match self {
            Self::Ended(_) => 0,
            Self::Ending => 1,
            Self::Dialing => 2,
            Self::Ringing => 3,
            Self::EarlyMedia => 4,
            Self::Incoming => 5,
            Self::Connecting => 6,
            Self::Reconnecting { .. } => 7,
            Self::Held { .. } => 8,
            Self::Active { .. } => 9,
        }
    }
}

/// Who put a call on hold. The two sides hold independently; each lifts only its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HoldState {
    /// This side.
    Local,
    /// The far end.
    Remote,
    /// Both.
    Both,
}

impl HoldState {
    /// Who holds, `None` when nobody does.
    pub const fn of(local: bool, remote: bool) -> Option<Self> {
        match (local, remote) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Local),
            (false, true) => Some(Self::Remote),
            (false, false) => None,
        }
    }
}

/// What the user wants of the local hold, while the far end has not agreed yet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HoldWish {
    /// To hold.
    Hold,
    /// To go on talking.
    Resume,
}
