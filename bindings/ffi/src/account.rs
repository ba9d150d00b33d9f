//! Accounts.

use std::sync::Arc;
use std::time::Duration;

use tandem_engine::app::App;
use tandem_engine::{AccountSnapshot, AccountState as EngineState, RegistrationFailure};
use tandem_types::AccountId;
use tokio::sync::watch;

use crate::error::AccountError;
use crate::problems::TlsProblem;
use crate::runtime;
use crate::subscription::subscription;

/// Why an account is not signed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SignInProblem {
    /// The server did not accept the name or the password.
    NotAuthorised,
    /// The server does not let this account sign in.
    Refused {
        /// The server's SIP status.
        status: u16,
    },
    /// The server cannot be reached, or does not answer.
    Unreachable,
    /// Nobody listens at the server's address: a wrong port, or a server that is down.
    ConnectionRefused,
    /// The server cannot be spoken with securely, and nothing was said in the clear instead.
    Insecure {
        /// What is wrong with it.
        problem: TlsProblem,
    },
    /// The server is overloaded or broken for now.
    ServerFailed {
        /// The server's SIP status.
        status: u16,
    },
    /// The server's name is none this build can reach.
    InvalidServer,
}

impl From<RegistrationFailure> for SignInProblem {
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

/// An account's connection to its server.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Enum)]
pub enum AccountState {
    /// Not asked to sign in, or signed out; nobody can call it. Every account while the core sleeps.
    Offline,
    /// A direct account: it has no server, and can be called at its address.
    Listening,
    /// Signing in.
    Connecting,
    /// Signed in, and calls come in.
    Online {
        /// How long the server keeps it; it is refreshed before.
        expires: Duration,
    },
    /// Not signed in.
    Failed {
        /// Why.
        problem: SignInProblem,
        /// When it is tried again; not before somebody asks, if there is none.
        retry_in: Option<Duration>,
    },
}

impl From<EngineState> for AccountState {
    fn from(state: EngineState) -> Self {
        match state {
            EngineState::Offline => Self::Offline,
            EngineState::Listening => Self::Listening,
            EngineState::Connecting => Self::Connecting,
            EngineState::Online { expires } => Self::Online { expires },
            EngineState::Failed { reason, retry_in } => Self::Failed {
                problem: reason.into(),
                retry_in,
            },
        }
    }
}

/// An account as a screen shows it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct AccountInfo {
    /// The same for the life of the data folder.
    pub id: u64,
    /// Its own address; that of a direct account is where it can be called.
    pub address: String,
    /// Its connection.
    pub state: AccountState,
}

impl From<AccountSnapshot> for AccountInfo {
    fn from(account: AccountSnapshot) -> Self {
        Self {
            id: account.id.0,
            address: account.address.into_inner(),
            state: account.state.into(),
        }
    }
}

/// Says that an account or a call is no longer wanted, while it is being added or placed: Swift's tasks do not
/// reach Rust by themselves. (Kotlin's jobs do.)
#[derive(Default, uniffi::Object)]
pub struct CancelToken(watch::Sender<bool>);

#[uniffi::export]
impl CancelToken {
    /// Not cancelled.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Cancels, once and for all.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl CancelToken {
    async fn cancelled(&self) {
        // Its own sender is alive, so this ends with the wish.
        let _ = self.0.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

/// Waits for the wish, for ever if nobody can have it.
pub(crate) async fn cancelled(token: Option<Arc<CancelToken>>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// An account.
#[derive(uniffi::Object)]
pub struct Account {
    app: Arc<App>,
    id: AccountId,
}

impl Account {
    pub(crate) fn new(app: Arc<App>, id: AccountId) -> Arc<Self> {
        Arc::new(Self { app, id })
    }

    pub(crate) const fn account_id(&self) -> AccountId {
        self.id
    }
}

#[uniffi::export]
impl Account {
    /// The same for the life of the data folder.
    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// As it is now; `None` once it is removed.
    pub fn info(&self) -> Option<AccountInfo> {
        self.app.account(self.id).map(AccountInfo::from)
    }

    /// How it goes on; ends when it is removed.
    pub fn updates(&self) -> Arc<AccountUpdates> {
        AccountUpdates::new(&self.app, self.app.account_states(self.id))
    }

    /// Hangs up its calls, signs it out and forgets it. Completes even if nobody waits.
    ///
    /// # Errors
    /// It was removed already, or the core does not run.
    pub async fn remove(&self) -> Result<(), AccountError> {
        let (app, id) = (self.app.clone(), self.id);
        runtime::run(async move { app.remove_account(id).await }).await
    }
}

subscription! {
    /// One account's states.
    AccountUpdates over AccountStates gives AccountUpdate::State { account: AccountInfo }
    by |_: &Arc<App>, account: AccountSnapshot| AccountInfo::from(account)
}

subscription! {
    /// All accounts, anew whenever one changes.
    AccountListUpdates over AccountList gives AccountListUpdate::Accounts { accounts: Vec<AccountInfo> }
    by |_: &Arc<App>, accounts: Vec<AccountSnapshot>| {
        accounts.into_iter().map(AccountInfo::from).collect::<Vec<_>>()
    }
}
