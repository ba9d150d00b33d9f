//! Why a command was not carried out.

use crate::locate::LocateError;
use crate::sdp::SdpError;
use crate::transaction::{HopError, TransactionError};

/// Why the agent did not do what the app asked for. Nothing was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// No session with that id, or it is over.
    #[error("there is no such session")]
    UnknownSession,
    /// The session cannot do that now: answering twice, changing an unanswered call.
    #[error("the session cannot do that now")]
    WrongState,
    /// An offer or answer is under way; try again when it is settled.
    #[error("another change of the session is under way")]
    ChangePending,
    /// [`AgentConfig::max_sessions`](super::AgentConfig::max_sessions) are open.
    #[error("too many sessions are open")]
    TooManySessions,
    /// The address leads nowhere this build can send to.
    #[error(transparent)]
    Unroutable(#[from] HopError),
    /// The address has no server behind it.
    #[error(transparent)]
    Unlocated(#[from] LocateError),
    /// Too many requests are open.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The description cannot be written as SDP.
    #[error(transparent)]
    Description(#[from] SdpError),
    /// A rejection needs a status of 300–699.
    #[error("a call cannot be rejected with that status")]
    NotARejection,
    /// Not one of `0`–`9`, `*`, `#`, `A`–`D`.
    #[error("not a key of a telephone")]
    NotAKey,
}
