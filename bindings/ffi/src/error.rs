//! Errors as the apps see them: one small enum an area, and the table that fills them.
//!
//! An app branches on the variant; the text is a fragment that fits after "cannot …:". Neither holds a name,
//! an address or a peer's words.

use std::io;

use tandem_engine::app::AppError;
use tandem_engine::phone::{AccountError as PhoneAccountError, PhoneError};
use tandem_engine::{EngineError, RegistrationFailure};

use crate::problems::{
    IceServerProblem, Obstacle, SoundProblem, Stage, StorageProblem, TlsProblem,
};

/// Why a core cannot start, sleep or wake.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum LifecycleError {
    /// The core is not at work, or not in the stage for it.
    #[error("the core {}", .stage.text())]
    NotRunning {
        /// The stage it is in.
        stage: Stage,
    },
    /// A call is up: hang up first.
    #[error("a call is up")]
    CallUp,
    /// The data folder cannot be used.
    #[error("{}", .problem.text())]
    Storage {
        /// What is wrong with it.
        problem: StorageProblem,
    },
    /// The app's secret store failed.
    #[error("the secret store failed")]
    Secrets {
        /// What the secret store said: for the app's own log, not for a screen.
        reason: String,
    },
    /// Something broke inside; the log has more.
    #[error("the core failed inside")]
    Internal,
}

/// Why an account cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum AccountError {
    /// The address is none, or names no server.
    #[error("the address must look like alice@example.org")]
    InvalidAddress,
    /// The server is no host, or host and port.
    #[error("the server must be a host name, or a host name and a port")]
    InvalidServer,
    /// The local address is none, is taken, or not one of this device.
    #[error("the local address cannot be used")]
    InvalidLocalAddress,
    /// A STUN or TURN server cannot be used as it is given.
    #[error("STUN or TURN server {}: {}", .index.saturating_add(1), .problem.text())]
    InvalidIceServer {
        /// Its place in the list, from 0.
        index: u32,
        /// What is wrong with it.
        problem: IceServerProblem,
    },
    /// There is an account with this address already.
    #[error("there is an account with this address already")]
    Exists,
    /// There is no such account, or no more.
    #[error("there is no such account")]
    Unknown,
    /// The server did not accept the name or the password.
    #[error("the name or password was not accepted")]
    NotAuthorised,
    /// The server does not let this account sign in.
    #[error("the server refused the account ({status})")]
    Refused {
        /// The server's SIP status.
        status: u16,
    },
    /// The server could not be reached, or never answered.
    #[error("the server cannot be reached")]
    Unreachable,
    /// Nobody listens at the server's address: a wrong port, or a server that is down.
    #[error("the server refuses the connection")]
    ConnectionRefused,
    /// The server cannot be spoken with securely, and nothing was said in the clear instead.
    #[error("{}", .problem.text())]
    Insecure {
        /// What is wrong with it.
        problem: TlsProblem,
    },
    /// The server is overloaded or broken for now.
    #[error("the server failed ({status})")]
    ServerFailed {
        /// The server's SIP status.
        status: u16,
    },
    /// Whoever wanted the account no longer did.
    #[error("signing in was given up")]
    Cancelled,
    /// The core is not at work.
    #[error("the core {}", .stage.text())]
    NotRunning {
        /// The stage it is in.
        stage: Stage,
    },
    /// The data folder cannot be used.
    #[error("{}", .problem.text())]
    Storage {
        /// What is wrong with it.
        problem: StorageProblem,
    },
    /// Something broke inside; the log has more.
    #[error("the core failed inside")]
    Internal,
}

/// Why a call cannot be placed, answered or changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum CallError {
    /// What was dialled is no address.
    #[error("that is no address to call")]
    InvalidTarget,
    /// Something no telephone has a key for, or too much of it.
    #[error("keys are 0 to 9, *, #, and A to D, at most {limit} at a time")]
    InvalidKeys {
        /// The most keys at a time.
        limit: u32,
    },
    /// There is no account that could place the call.
    #[error("there is no account to call from")]
    NoAccount,
    /// As many calls as there may be.
    #[error("there are too many calls at one time")]
    TooManyCalls,
    /// There is no such call, or no more.
    #[error("there is no such call")]
    Unknown,
    /// The call is not in a state for it; nothing changed.
    #[error("{}", .obstacle.text())]
    NotNow {
        /// What is in the way.
        obstacle: Obstacle,
    },
    /// The far end would not be held, or would not go on.
    #[error("the far end refused")]
    Refused,
    /// Whoever wanted the call no longer did.
    #[error("the call was given up")]
    Cancelled,
    /// There is nothing to hear or to speak with.
    #[error("{}", .problem.text())]
    NoSound {
        /// What is wrong with the sound.
        problem: SoundProblem,
    },
    /// The core is not at work.
    #[error("the core {}", .stage.text())]
    NotRunning {
        /// The stage it is in.
        stage: Stage,
    },
    /// Something broke inside; the log has more.
    #[error("the core failed inside")]
    Internal,
}

/// Why the history cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum HistoryError {
    /// Not a place in the history that a page gave.
    #[error("not a place in the history")]
    InvalidPlace,
    /// The core is not at work.
    #[error("the core {}", .stage.text())]
    NotRunning {
        /// The stage it is in.
        stage: Stage,
    },
    /// The data folder cannot be used.
    #[error("{}", .problem.text())]
    Storage {
        /// What is wrong with it.
        problem: StorageProblem,
    },
    /// Something broke inside; the log has more.
    #[error("the core failed inside")]
    Internal,
}

impl From<AppError> for LifecycleError {
    fn from(error: AppError) -> Self {
        match &error {
            AppError::NotRunning(stage) => Self::NotRunning {
                stage: (*stage).into(),
            },
            AppError::CallUp => Self::CallUp,
            AppError::Engine(EngineError::Store(error)) => Self::Storage {
                problem: error.into(),
            },
            AppError::Engine(EngineError::Folder(_)) => Self::Storage {
                problem: StorageProblem::NotWritable,
            },
            AppError::Engine(EngineError::Secrets(source)) => Self::Secrets {
                reason: source.to_string(),
            },
            _ => Self::Internal,
        }
    }
}

impl From<AppError> for AccountError {
    fn from(error: AppError) -> Self {
        match &error {
            AppError::NotRunning(stage) => Self::NotRunning {
                stage: (*stage).into(),
            },
            AppError::SignIn(failure) => (*failure).into(),
            AppError::Engine(EngineError::Phone(PhoneError::NoSuchAccount)) => Self::Unknown,
            AppError::Engine(EngineError::Phone(PhoneError::Account(error))) => (*error).into(),
            AppError::Engine(EngineError::Store(error)) => Self::Storage {
                problem: error.into(),
            },
            AppError::Engine(EngineError::NoRoute(error)) => match error.kind() {
                io::ErrorKind::InvalidInput => Self::InvalidServer,
                _ => Self::Unreachable,
            },
            AppError::Engine(EngineError::Bind(_)) => Self::InvalidLocalAddress,
            _ => Self::Internal,
        }
    }
}

impl From<RegistrationFailure> for AccountError {
    fn from(failure: RegistrationFailure) -> Self {
        match failure {
            RegistrationFailure::NotAuthorised => Self::NotAuthorised,
            RegistrationFailure::Refused(status) => Self::Refused {
                status: status.code(),
            },
            RegistrationFailure::Unreachable => Self::Unreachable,
            RegistrationFailure::ConnectionRefused => Self::ConnectionRefused,
            RegistrationFailure::Insecure(failure) => Self::Insecure {
                problem: failure.into(),
            },
            RegistrationFailure::ServerError(status) => Self::ServerFailed {
                status: status.code(),
            },
            RegistrationFailure::NoRegistrar => Self::InvalidServer,
            // What this version has no word for.
            _ => Self::Unreachable,
        }
    }
}

impl From<PhoneAccountError> for AccountError {
    fn from(error: PhoneAccountError) -> Self {
        match error {
            PhoneAccountError::BadRegistrar => Self::InvalidServer,
            PhoneAccountError::Exists => Self::Exists,
            PhoneAccountError::BadIceServer { index, why } => Self::InvalidIceServer {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                problem: why.into(),
            },
            // `BadAddress`, and what a later version finds wrong with one.
            _ => Self::InvalidAddress,
        }
    }
}

impl From<AppError> for CallError {
    fn from(error: AppError) -> Self {
        match &error {
            AppError::NotRunning(stage) => Self::NotRunning {
                stage: (*stage).into(),
            },
            AppError::NoAccount => Self::NoAccount,
            AppError::HoldRefused => Self::Refused,
            AppError::Sound(error) => Self::NoSound {
                problem: error.into(),
            },
            AppError::Keys(_) => Self::InvalidKeys {
                limit: u32::try_from(tandem_engine::MAX_DIGITS).unwrap_or(u32::MAX),
            },
            AppError::Engine(EngineError::Phone(error)) => match error {
                PhoneError::NoSuchAccount => Self::NoAccount,
                PhoneError::NoSuchCall => Self::Unknown,
                PhoneError::TooManyCalls => Self::TooManyCalls,
                PhoneError::BadTarget => Self::InvalidTarget,
                PhoneError::NoKeys => Self::NotNow {
                    obstacle: Obstacle::NoKeys,
                },
                PhoneError::NoPhrase => Self::NotNow {
                    obstacle: Obstacle::NoPhrase,
                },
                PhoneError::Command(error) => Self::NotNow {
                    obstacle: (*error).into(),
                },
                _ => Self::Internal,
            },
            _ => Self::Internal,
        }
    }
}

impl From<AppError> for HistoryError {
    fn from(error: AppError) -> Self {
        match &error {
            AppError::NotRunning(stage) => Self::NotRunning {
                stage: (*stage).into(),
            },
            AppError::Engine(EngineError::Store(error)) => Self::Storage {
                problem: error.into(),
            },
            _ => Self::Internal,
        }
    }
}
