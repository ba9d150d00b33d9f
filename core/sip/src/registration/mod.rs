//! Registration (RFC 3261 §10): keeping the server's knowledge of where this phone is.
//!
//! [`Registration`] keeps the state and decides what a response means; the agent sends the messages.

mod backoff;
mod granted;

use std::time::{Duration, Instant};

use tandem_types::Entropy;

pub use backoff::Backoff;
pub use granted::{granted, margin};

use crate::message::{Response, StatusCode};
use crate::transaction::TlsFailure;

/// Beyond this a server's Min-Expires is not followed.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where a registration stands.
///
/// ```text
///  Idle ──register──▶ Trying ──2xx──▶ Registered ──margin, network change──▶ Trying
///   ▲                  │   ▲ ▲
///   │          refused │   │ └──time── Waiting ◀── no answer, 5xx, connection lost
///   │                  ▼   │register
///   │                Failed┘
///   └── answered, or not ── Removing ◀──unregister── any of them
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegistrationState {
    /// Nothing is wanted.
    Idle,
    /// A REGISTER is under way.
    Trying,
    /// The server holds our contact.
    Registered {
        /// When to renew.
        refresh_at: Instant,
        /// When it ends if nothing renews it.
        until: Instant,
    },
    /// The last attempt failed for now.
    Waiting {
        /// When to try again.
        retry_at: Instant,
    },
    /// The last attempt failed for good; only the user can change that.
    Failed,
    /// The contact is being removed.
    Removing,
}

/// Why there is no registration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationFailure {
    /// The server asked for a name or password that the account does not have, or has wrong.
    #[error("the name or password was not accepted")]
    NotAuthorised,
    /// The server does not let this account register (403, 404, …).
    #[error("the server refused the registration with {0}")]
    Refused(StatusCode),
    /// The server could not be reached, or never answered.
    #[error("the server cannot be reached")]
    Unreachable,
    /// There is a machine, and nobody listens at it: a wrong port, or a server that is down.
    #[error("the server refuses the connection")]
    ConnectionRefused,
    /// The server is overloaded or broken for now (5xx, 429).
    #[error("the server failed with {0}")]
    ServerError(StatusCode),
    /// The server cannot be spoken with securely, and nothing is sent in the clear instead.
    #[error(transparent)]
    Insecure(TlsFailure),
    /// The account has no registrar, or one this build cannot reach.
    #[error("the account has no registrar this build can reach")]
    NoRegistrar,
}

/// What a final response other than 2xx means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Answer the challenge and send it again.
    Challenge,
    /// Ask for at least this long (423).
    AskLonger(Duration),
    /// Leave out `reg-id` (439, RFC 5626 §6).
    WithoutOutbound,
    /// Try again later.
    Retry(RegistrationFailure, Duration),
    /// Do not try again.
    GiveUp(RegistrationFailure),
}

/// One account's registration.
#[derive(Clone, Debug)]
pub struct Registration {
    state: RegistrationState,
    /// The lifetime to ask for; a 423 raises it.
    expires: Duration,
    outbound: bool,
    backoff: Backoff,
}

impl Registration {
    /// Nothing registered; REGISTER will ask for `expires`.
    pub fn new(expires: Duration) -> Self {
        Self {
            state: RegistrationState::Idle,
            expires,
            outbound: true,
            backoff: Backoff::default(),
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> RegistrationState {
        self.state
    }

    /// The lifetime to ask for.
    pub const fn expires(&self) -> Duration {
        self.expires
    }

    /// Whether to register as a flow (`reg-id`, RFC 5626).
    pub const fn is_outbound(&self) -> bool {
        self.outbound
    }

    /// Whether the app wants to be registered.
    pub const fn is_wanted(&self) -> bool {
        match self.state {
            RegistrationState::Trying
            | RegistrationState::Registered { .. }
            | RegistrationState::Waiting { .. } => true,
            RegistrationState::Idle | RegistrationState::Failed | RegistrationState::Removing => {
                false
            }
        }
    }

    /// Whether the server holds our contact, as far as this side knows.
    pub fn is_registered(&self, now: Instant) -> bool {
        match self.state {
            RegistrationState::Registered { until, .. } => now < until,
            RegistrationState::Idle
            | RegistrationState::Trying
            | RegistrationState::Waiting { .. }
            | RegistrationState::Failed
            | RegistrationState::Removing => false,
        }
    }

    /// A REGISTER goes out.
    pub const fn trying(&mut self) {
        self.state = RegistrationState::Trying;
    }

    /// A REGISTER that removes the contact goes out.
    pub const fn removing(&mut self) {
        self.state = RegistrationState::Removing;
    }

    /// The contact is gone, or nobody will ever say.
    pub const fn removed(&mut self) {
        self.state = RegistrationState::Idle;
    }

    /// A 2xx granted `granted`.
    pub fn registered(&mut self, now: Instant, granted: Duration) {
        self.backoff.reset();
        self.state = RegistrationState::Registered {
            refresh_at: now + granted.saturating_sub(margin(granted)),
            until: now + granted,
        };
    }

    /// What `response` means. `proven`: the request carried credentials.
    pub fn judge(
        &mut self,
        response: &Response,
        proven: bool,
        entropy: &mut dyn Entropy,
    ) -> Verdict {
        let status = response.status;
        let asked = response.headers.retry_after().ok().flatten();
        let asked = asked.map(|after| Duration::from_secs(u64::from(after.seconds)));
        match status.code() {
            401 | 407 => Verdict::Challenge,
            423 => self.longer(response),
            439 if self.outbound => {
                self.outbound = false;
                Verdict::WithoutOutbound
            }
            // Many servers say 403 to a wrong password.
            403 if proven => Verdict::GiveUp(RegistrationFailure::NotAuthorised),
            408 | 430 | 480 => self.later(RegistrationFailure::Unreachable, asked, entropy),
            429 | 500..=599 => self.later(RegistrationFailure::ServerError(status), asked, entropy),
            _ if asked.is_some() => {
                self.later(RegistrationFailure::Refused(status), asked, entropy)
            }
            _ => Verdict::GiveUp(RegistrationFailure::Refused(status)),
        }
    }

    /// Nothing came back, or nothing could be sent.
    pub fn unreachable(&mut self, why: RegistrationFailure, entropy: &mut dyn Entropy) -> Verdict {
        self.later(why, None, entropy)
    }

    /// Waits until `retry_at`.
    pub const fn wait(&mut self, retry_at: Instant) {
        self.state = RegistrationState::Waiting { retry_at };
    }

    /// Stops.
    pub const fn give_up(&mut self) {
        self.state = RegistrationState::Failed;
    }

    /// When to send the next REGISTER.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            RegistrationState::Registered { refresh_at, .. } => Some(refresh_at),
            RegistrationState::Waiting { retry_at } => Some(retry_at),
            RegistrationState::Idle
            | RegistrationState::Trying
            | RegistrationState::Failed
            | RegistrationState::Removing => None,
        }
    }

    fn longer(&mut self, response: &Response) -> Verdict {
        let least = response.headers.min_expires().ok().flatten();
        let least = least.map(|seconds| Duration::from_secs(u64::from(seconds)));
        match least {
            Some(least) if least > self.expires && least <= LONGEST => {
                self.expires = least;
                Verdict::AskLonger(least)
            }
            // No Min-Expires, or one that was met: asking again would loop.
            Some(_) | None => {
                Verdict::GiveUp(RegistrationFailure::Refused(StatusCode::INTERVAL_TOO_BRIEF))
            }
        }
    }

    fn later(
        &mut self,
        why: RegistrationFailure,
        asked: Option<Duration>,
        entropy: &mut dyn Entropy,
    ) -> Verdict {
        let own = self.backoff.next(entropy);
        // The server's wish is a lower bound; what it asks beyond a day is a mistake or malice.
        let asked = asked
            .unwrap_or_default()
            .min(Duration::from_secs(24 * 3600));
        Verdict::Retry(why, own.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::SeededEntropy;

    use super::*;

    fn judge(
        registration: &mut Registration,
        code: u16,
        headers: &[(&'static str, &str)],
    ) -> Verdict {
        let mut response = Response::new(StatusCode::new(code).unwrap());
        for (name, value) in headers {
            response.headers.push(name, value);
        }
        registration.judge(&response, true, &mut SeededEntropy::new(1))
    }

    #[test]
    fn a_423_raises_the_lifetime_once_and_then_gives_up() {
        let mut registration = Registration::new(Duration::from_secs(60));
        let least = [("Min-Expires", "300")];
        let raised = Verdict::AskLonger(Duration::from_secs(300));
        assert_eq!(judge(&mut registration, 423, &least), raised);
        let refused = RegistrationFailure::Refused(StatusCode::INTERVAL_TOO_BRIEF);
        assert_eq!(
            judge(&mut registration, 423, &least),
            Verdict::GiveUp(refused)
        );
    }

    #[test]
    fn retry_after_is_the_least_wait_of_a_failing_server() {
        let mut registration = Registration::new(Duration::from_secs(60));
        let verdict = judge(&mut registration, 503, &[("Retry-After", "120")]);
        let failed = RegistrationFailure::ServerError(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(verdict, Verdict::Retry(failed, Duration::from_secs(120)));
    }

    #[test]
    fn a_403_to_a_proof_means_the_password() {
        let mut registration = Registration::new(Duration::from_secs(60));
        let wrong = Verdict::GiveUp(RegistrationFailure::NotAuthorised);
        assert_eq!(judge(&mut registration, 403, &[]), wrong);
        let refused = Verdict::GiveUp(RegistrationFailure::Refused(StatusCode::NOT_FOUND));
        assert_eq!(judge(&mut registration, 404, &[]), refused);
    }

    #[test]
    fn a_first_hop_without_outbound_is_registered_with_plainly() {
        let mut registration = Registration::new(Duration::from_secs(60));
        assert_eq!(judge(&mut registration, 439, &[]), Verdict::WithoutOutbound);
        assert!(!registration.is_outbound());
    }
}
