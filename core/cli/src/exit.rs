//! What a script that runs us is told.

use tandem_engine::{RegistrationFailure, TlsFailure};
use tandem_types::EndReason;

/// Exit codes, as `--help` lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// All went well.
    Fine,
    /// Something inside failed.
    Internal,
    /// The command line was wrong.
    Usage,
    /// The account could not sign in.
    NotRegistered,
    /// No call came about.
    NoCall,
    /// The call was lost after it had been answered.
    CallLost,
    /// No microphone or loudspeaker.
    NoSound,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::NotRegistered => 3,
            Self::NoCall => 4,
            Self::CallLost => 5,
            Self::NoSound => 6,
        }
    }

    /// What a call that ended like this means.
    pub fn of_call(reason: EndReason, was_accepted: bool) -> Self {
        match (reason, was_accepted) {
            (EndReason::InternalError, _) => Self::Internal,
            (reason, true) if reason.is_normal() => Self::Fine,
            (_, true) => Self::CallLost,
            (EndReason::NotAuthorised, false) => Self::NotRegistered,
            (_, false) => Self::NoCall,
        }
    }
}

/// The word for a failed registration: the same as a call's, where it means the same.
pub const fn registration_token(failure: RegistrationFailure) -> &'static str {
    match failure {
        RegistrationFailure::NotAuthorised => "not-authorised",
        RegistrationFailure::Refused(_) => "refused",
        RegistrationFailure::Unreachable | RegistrationFailure::ConnectionRefused => "unreachable",
        RegistrationFailure::ServerError(_) => "server-error",
        RegistrationFailure::NoRegistrar => "no-registrar",
        RegistrationFailure::Insecure(TlsFailure::Expired) => "certificate-expired",
        RegistrationFailure::Insecure(TlsFailure::WrongName) => "certificate-wrong-name",
        RegistrationFailure::Insecure(TlsFailure::Untrusted) => "certificate-untrusted",
        RegistrationFailure::Insecure(TlsFailure::Unchecked) => "certificate-unchecked",
        RegistrationFailure::Insecure(_) => "tls-refused",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_up_is_lost_and_one_that_never_was_did_not_come_about() {
        assert_eq!(Exit::of_call(EndReason::RemoteHangUp, true), Exit::Fine);
        assert_eq!(Exit::of_call(EndReason::NetworkLost, true), Exit::CallLost);
        assert_eq!(Exit::of_call(EndReason::Busy, false), Exit::NoCall);
        assert_eq!(
            Exit::of_call(EndReason::NotAuthorised, false),
            Exit::NotRegistered
        );
    }
}
