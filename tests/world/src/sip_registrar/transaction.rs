//! What the server remembers of requests in progress: towards those who asked, and towards those it asks.

use std::time::{Duration, Instant};

use tandem_sip::message::{Method, Request, Response, StatusCode, Via};

use super::flow::{Flow, Transport};

/// Estimate of a round trip (RFC 3261 §17.1.1.1).
pub(super) const T1: Duration = Duration::from_millis(500);
/// Longest pause between retransmissions of anything but an INVITE.
pub(super) const T2: Duration = Duration::from_secs(4);
/// How long a transaction waits, and how long it is remembered: 64 × T1.
pub(super) const PATIENCE: Duration = Duration::from_secs(32);
/// How long an INVITE may ring through this proxy (RFC 3261 §16.6, timer C).
pub(super) const TIMER_C: Duration = Duration::from_secs(200);

/// Names a server transaction (RFC 3261 §17.2.3). ACK and CANCEL find their INVITE under its method.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ServerKey {
    branch: String,
    sent_by: String,
    method: Method,
}

impl ServerKey {
    pub fn of(via: &Via, method: Method) -> Self {
        Self {
            branch: via.branch().unwrap_or_default().to_owned(),
            sent_by: format!("{}:{:?}", via.host, via.port),
            method,
        }
    }

    pub fn is_invite(&self) -> bool {
        self.method == Method::INVITE
    }
}

/// Names a client transaction (RFC 3261 §17.1.3): branch and method.
pub(super) type ClientKey = (String, Method);

/// When something is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resend {
    pub at: Instant,
    every: Duration,
}

impl Resend {
    /// From now on, unless the transport is reliable.
    pub fn over(flow: Flow, now: Instant) -> Option<Self> {
        match flow.transport {
            Transport::Udp => Some(Self {
                at: now + T1,
                every: T1,
            }),
            Transport::Tcp => None,
        }
    }

    /// The next time, after one at `now`: twice as long, as long as `longest` allows.
    pub fn again(self, now: Instant, longest: Duration) -> Self {
        let every = (self.every * 2).min(longest);
        Self {
            at: now + every,
            every,
        }
    }
}

/// A request that somebody sent to this server.
#[derive(Debug)]
pub(super) struct ServerTransaction {
    /// Where it came from; answers go back there.
    pub flow: Flow,
    /// The request, its Via stamped.
    pub request: Request,
    /// The last response, for retransmissions.
    pub last: Option<Vec<u8>>,
    /// The final status sent.
    pub status: Option<StatusCode>,
    /// When a final response to INVITE is sent again, until its ACK.
    pub resend: Option<Resend>,
    /// When it is forgotten.
    pub ends: Option<Instant>,
    /// Branches of the requests it was forwarded as.
    pub forks: Vec<String>,
}

impl ServerTransaction {
    /// A request that was not answered yet.
    pub fn new(flow: Flow, request: Request) -> Self {
        Self {
            flow,
            request,
            last: None,
            status: None,
            resend: None,
            ends: None,
            forks: Vec::new(),
        }
    }
}

/// Whether a fork of an INVITE was, or is to be, cancelled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Cancel {
    /// No.
    No,
    /// As soon as the first provisional response allows it (RFC 3261 §9.1), with these Reason values.
    Wanted(Vec<String>),
    /// It was sent.
    Sent,
}

/// A request this server sent.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    /// Where it went.
    pub to: Flow,
    /// The request as sent.
    pub request: Request,
    /// The request it forwards, if it forwards one.
    pub server: Option<ServerKey>,
    /// When it is sent again, until an answer.
    pub resend: Option<Resend>,
    /// When it has waited too long for an answer.
    pub deadline: Option<Instant>,
    /// A provisional response came.
    pub proceeding: bool,
    /// The final response, as it is passed on: without this server's Via.
    pub outcome: Option<Response>,
    /// Whether it was cancelled.
    pub cancel: Cancel,
    /// When it is forgotten.
    pub ends: Option<Instant>,
}

/// Order of preference among final responses of forks (RFC 3261 §16.7 step 6): the smallest is passed on.
pub(super) fn rank(status: StatusCode) -> (u16, u16) {
    let class = if status.class() == 6 {
        0
    } else {
        status.class()
    };
    let within = match status.code() {
        // Those that make the caller able to try again …
        401 | 407 | 415 | 420 | 484 => 0,
        // … and those that say the least.
        408 | 487 => 2,
        _ => 1,
    };
    (class, within)
}
