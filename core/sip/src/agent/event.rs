//! What an agent says: messages for the wire, and news for the app.

use std::fmt;
use std::time::Duration;

use tandem_types::media::IceUpdate;
use tandem_types::{EndReason, MediaDescription, Pii};

use crate::locate::Question;
use crate::message::{NameAddr, Reason, StatusCode};
use crate::registration::RegistrationFailure;
use crate::transaction::{ConnectionId, Destination, TransmitId};

/// Something for the driver to do, or for the app to hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send these bytes.
    Transmit(Transmit),
    /// Do not send this any more, if it still waits for a name or a connection.
    Withdraw(TransmitId),
    /// Ask the name servers, and report by `handle_answer`.
    Locate(Question),
    /// Close this connection: it is dead, or its peer breaks the framing.
    CloseConnection(ConnectionId),
    /// News for the app.
    Event(Event),
}

/// One message, ready for the wire. `Debug` shows its size only.
#[derive(Clone, Eq, PartialEq)]
pub struct Transmit {
    /// For `handle_send_failed`.
    pub id: TransmitId,
    /// Where it goes.
    pub to: Destination,
    /// The message.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, to, length) = (self.id, &self.to, self.bytes.len());
        write!(f, "Transmit({id:?} {to:?} {length} bytes)")
    }
}

/// A SIP session: one INVITE with all its early forks, and the dialog it becomes. Unique within an agent.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(pub u64);

/// One branch of a forked outgoing call: the To-tag of its early dialog.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ForkId(pub String);

/// What happened. Every session that was announced ([`Event::Incoming`]) or asked for (`invite`) ends with
/// exactly one [`Event::Ended`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The account's registration changed.
    Registration(RegistrationEvent),
    /// Somebody calls. Ring, answer or reject.
    Incoming(Box<Incoming>),
    /// An outgoing call got a provisional response with a To-tag, or moved on (`181`, `182`).
    Progress {
        /// Which call.
        session: SessionId,
        /// 180, 183, …; 100 is not told.
        status: StatusCode,
        /// The branch that speaks; `None` where the response had no To-tag.
        fork: Option<ForkId>,
        /// Its answer to our offer, the first time it comes: early media.
        answer: Option<MediaDescription>,
    },
    /// An outgoing call was accepted.
    Accepted {
        /// Which call.
        session: SessionId,
        /// The branch that won.
        fork: ForkId,
        /// The answer to our offer (from this 2xx, or the one this fork gave before).
        answer: Option<MediaDescription>,
        /// The far end's offer, if ours was an INVITE without: call `answer` with ours, soon.
        offer: Option<MediaDescription>,
    },
    /// The ACK of a call we answered has come.
    Confirmed {
        /// Which call.
        session: SessionId,
        /// The answer to the offer in our 200, if the INVITE came without one.
        answer: Option<MediaDescription>,
    },
    /// The far end changes the session (re-INVITE, or UPDATE). Call `answer_update`.
    Updated {
        /// Which call.
        session: SessionId,
        /// Its offer; `None`: it wants ours (answer with a full offer, RFC 6337 §5.1).
        offer: Option<MediaDescription>,
    },
    /// A change of the session is complete.
    UpdateAccepted {
        /// Which call.
        session: SessionId,
        /// The far end's answer to our offer; `None` where the offer was the far end's.
        answer: Option<MediaDescription>,
        /// The far end's offer, if our re-INVITE had none: call `answer_update` with ours, soon.
        offer: Option<MediaDescription>,
    },
    /// Our change was refused; the session goes on as before. Glare is retried and not told.
    UpdateRejected {
        /// Which call.
        session: SessionId,
        /// 488, …; 408 if nothing came.
        status: StatusCode,
    },
    /// A key the far end pressed (INFO, `application/dtmf-relay` or `application/dtmf`).
    Dtmf {
        /// Which call.
        session: SessionId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held.
        duration: Duration,
    },
    /// Candidates that the far end had not found when it described its media (INFO, RFC 8840).
    Candidates {
        /// Which call.
        session: SessionId,
        /// One for each of its streams.
        updates: Vec<IceUpdate>,
    },
    /// An in-dialog OPTIONS sent by `probe` was answered: the far end still knows the session.
    Alive {
        /// Which call.
        session: SessionId,
    },
    /// A session is over.
    Ended {
        /// Which call.
        session: SessionId,
        /// Why.
        cause: SessionEnd,
    },
}

/// A call that comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// Its id here.
    pub session: SessionId,
    /// Who calls, by From.
    pub from: Pii<NameAddr>,
    /// Who calls, by P-Asserted-Identity (RFC 3325): believe it only from a server that is trusted.
    pub asserted: Option<Pii<NameAddr>>,
    /// Who is called, by To.
    pub to: Pii<NameAddr>,
    /// Its offer; `None`: it wants ours.
    pub offer: Option<MediaDescription>,
}

/// News of the registration.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RegistrationEvent {
    /// The server holds our contact. Told again at each refresh.
    Registered {
        /// For how long, from now.
        expires: Duration,
    },
    /// It does not. Whether it is tried again is up to the reason.
    Failed {
        /// Why.
        reason: RegistrationFailure,
        /// When it is tried again; `None`: not before `register` is called.
        retry_in: Option<Duration>,
    },
    /// The contact was removed, as asked for.
    Unregistered,
}

/// Why a session is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionEnd {
    /// Who or what ended it.
    pub kind: EndKind,
    /// The final response, where one decided.
    pub status: Option<StatusCode>,
    /// The far end's Reason header (RFC 3326), if it gave one.
    pub reason: Option<Reason>,
}

/// Who or what ended a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EndKind {
    /// This side gave up before an answer.
    LocalCancel,
    /// The caller gave up before an answer.
    RemoteCancel,
    /// The far end answered with a final response other than 2xx.
    Rejected,
    /// This side answered with a final response other than 2xx.
    LocalReject,
    /// The far end hung up.
    RemoteBye,
    /// This side hung up.
    LocalBye,
    /// It rang until the limit, on either side.
    NotAnswered,
    /// Nothing came in time: no response to the INVITE, no ACK, no response inside the dialog.
    Timeout,
    /// No way to send, or the connection broke before an answer.
    TransportError,
    /// The credentials were refused or missing.
    AuthFailed,
    /// The far end broke the protocol: an answer that is none, a 2xx without what it must hold.
    ProtocolError,
}

impl SessionEnd {
    pub(crate) const fn of(kind: EndKind) -> Self {
        Self {
            kind,
            status: None,
            reason: None,
        }
    }

    pub(crate) const fn with_status(kind: EndKind, status: StatusCode) -> Self {
        Self {
            kind,
            status: Some(status),
            reason: None,
        }
    }

    /// Whether another of the callee's devices took the call (RFC 3326 §3.1: `SIP;cause=200`).
    pub fn is_completed_elsewhere(&self) -> bool {
        self.reason.as_ref().is_some_and(|reason| {
            reason.protocol.eq_ignore_ascii_case("SIP") && reason.cause() == Some(200)
        })
    }

    /// The end in the words a screen can show.
    pub fn end_reason(&self) -> EndReason {
        match self.kind {
            EndKind::LocalCancel | EndKind::LocalBye => EndReason::LocalHangUp,
            EndKind::LocalReject => match self.status.map(StatusCode::code) {
                Some(486 | 600) => EndReason::Busy,
                Some(480) => EndReason::NoAnswer,
                Some(488 | 606 | 415) => EndReason::MediaIncompatible,
                Some(_) | None => EndReason::Declined,
            },
            EndKind::RemoteCancel => {
                if self.is_completed_elsewhere() {
                    EndReason::AnsweredElsewhere
                } else {
                    EndReason::Cancelled
                }
            }
            EndKind::RemoteBye => EndReason::RemoteHangUp,
            EndKind::NotAnswered => EndReason::NoAnswer,
            EndKind::Timeout => EndReason::NetworkLost,
            EndKind::TransportError => EndReason::Unreachable,
            EndKind::AuthFailed => EndReason::NotAuthorised,
            EndKind::ProtocolError => EndReason::ServerError,
            EndKind::Rejected => self.status.map_or(EndReason::ServerError, rejected_as),
        }
    }
}

/// What a far end's refusal means to the person who called.
fn rejected_as(status: StatusCode) -> EndReason {
    match status.code() {
        486 | 600 => EndReason::Busy,
        603 | 607 | 608 | 433 => EndReason::Declined,
        401 | 402 | 403 | 407 => EndReason::NotAuthorised,
        404 | 410 | 416 | 484 | 485 | 604 => EndReason::NotFound,
        415 | 488 | 493 | 580 | 606 => EndReason::MediaIncompatible,
        408 | 480 | 487 => EndReason::NoAnswer,
        300..=399 | 430 | 503 | 504 => EndReason::Unreachable,
        _ => EndReason::ServerError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(code: u16) -> EndReason {
        let status = StatusCode::new(code).unwrap();
        SessionEnd::with_status(EndKind::Rejected, status).end_reason()
    }

    #[test]
    fn refusals_read_as_what_a_caller_understands() {
        assert_eq!(rejected(486), EndReason::Busy);
        assert_eq!(rejected(600), EndReason::Busy);
        assert_eq!(rejected(603), EndReason::Declined);
        assert_eq!(rejected(404), EndReason::NotFound);
        assert_eq!(rejected(488), EndReason::MediaIncompatible);
        assert_eq!(rejected(480), EndReason::NoAnswer);
        assert_eq!(rejected(503), EndReason::Unreachable);
        assert_eq!(rejected(500), EndReason::ServerError);
    }

    #[test]
    fn a_cancel_because_another_device_answered_is_no_missed_call() {
        let mut end = SessionEnd::of(EndKind::RemoteCancel);
        assert_eq!(end.end_reason(), EndReason::Cancelled);
        end.reason = Some(Reason::sip(200, "Call completed elsewhere"));
        assert_eq!(end.end_reason(), EndReason::AnsweredElsewhere);
    }
}
