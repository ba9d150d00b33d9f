//! The engine as an app holds it: opened before it runs, put to sleep and woken, and asked in words of one
//! screen each. The foreign bindings are a thin layer over this.

mod accounts;
mod calls;
mod log;
mod sound;
mod streams;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tandem_sip::agent::RegistrationFailure;
use tandem_store::{CallRecord, Cursor, Page};
use tandem_types::AccountId;
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;

pub use calls::RejectReason;
pub use log::{LogLevel, LogLine, LogSink, forward_log};
pub use sound::{Sound, SoundError};
pub use streams::{
    AccountList, AccountStates, CallNews, CallStates, IncomingCalls, LogChange, LogChanges, News,
    Update,
};

use crate::driver::Hub;
use crate::phone::{PhoneError, SipAccount};
use crate::{AccountSnapshot, CallSnapshot, Engine, EngineConfig, EngineError};

/// One installation of the app: at most one engine at a time, and what outlives it.
///
/// ```text
///   New ──start──► Running ◄──resume── Suspended
///    │                │ └────suspend────►  │
///    └────────────────┴──shutdown──────────┴──► Ended
/// ```
///
/// The streams and the accounts' settings live as long as the app; sockets, timers, the store and its lock
/// only while it runs. **Every change of stage is complete when its call returns**, also when whoever asked
/// has gone: the methods are made to be spawned.
pub struct App {
    config: EngineConfig,
    runtime: Handle,
    hub: Hub,
    stage: AsyncMutex<Inner>,
    accounts: Mutex<BTreeMap<AccountId, SipAccount>>,
}

/// How far an app has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Opened, not started.
    New,
    /// At work.
    Running,
    /// Asleep: no socket, no timer, no open file.
    Suspended,
    /// Shut down for good.
    Ended,
}

enum Inner {
    New,
    Running(Arc<Engine>),
    Suspended,
    Ended,
}

impl Inner {
    const fn stage(&self) -> Stage {
        match self {
            Self::New => Stage::New,
            Self::Running(_) => Stage::Running,
            Self::Suspended => Stage::Suspended,
            Self::Ended => Stage::Ended,
        }
    }
}

/// Why an app could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// It does not run.
    #[error("the core is not running")]
    NotRunning(Stage),
    /// A call is up: the app cannot sleep.
    #[error("a call is up")]
    CallUp,
    /// The server did not let the account sign in.
    #[error(transparent)]
    SignIn(#[from] RegistrationFailure),
    /// No account could place the call.
    #[error("there is no account to call from")]
    NoAccount,
    /// There is nothing to hear or to speak with.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// The far end would not be held, or would not go on.
    #[error("the far end refused")]
    HoldRefused,
    /// No telephone has such keys.
    #[error(transparent)]
    Keys(#[from] tandem_call::DigitsError),
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<PhoneError> for AppError {
    fn from(error: PhoneError) -> Self {
        Self::Engine(error.into())
    }
}

impl App {
    /// Remembers what it is told; nothing is opened and nothing runs.
    pub fn new(config: EngineConfig, runtime: Handle) -> Self {
        Self {
            hub: Hub::new(config.backlog),
            config,
            runtime,
            stage: AsyncMutex::new(Inner::New),
            accounts: Mutex::new(BTreeMap::new()),
        }
    }

    /// Opens the data folder and goes to work. Nothing happens if it runs already.
    ///
    /// # Errors
    /// The folder or its key cannot be used; the app sleeps (that is for [`App::resume`]), or was shut down.
    pub async fn start(&self) -> Result<(), AppError> {
        let mut stage = self.stage.lock().await;
        match &*stage {
            Inner::New => *stage = Inner::Running(self.open().await?),
            Inner::Running(_) => {}
            Inner::Suspended | Inner::Ended => return Err(AppError::NotRunning(stage.stage())),
        }
        Ok(())
    }

    /// Signs out and lets go of every socket, timer and file, so that the system may freeze the process at
    /// any time after. Nobody can call until [`App::resume`]; whoever does while it is on its way is told
    /// that nobody is there, and nothing rings here.
    ///
    /// # Errors
    /// A call is up, or the app does not run.
    pub async fn suspend(&self) -> Result<(), AppError> {
        let mut stage = self.stage.lock().await;
        match &*stage {
            Inner::Running(engine) => {
                match engine.shutdown_if_idle().await {
                    Ok(true) => {}
                    Ok(false) => {
                        // The call that is in the way shows by then.
                        let _ = engine.settled().await;
                        return Err(AppError::CallUp);
                    }
                    // It stopped by itself; what is left of it goes.
                    Err(_) => engine.shutdown().await,
                }
                *stage = Inner::Suspended;
            }
            Inner::Suspended => {}
            Inner::New | Inner::Ended => return Err(AppError::NotRunning(stage.stage())),
        }
        Ok(())
    }

    /// Goes back to work with the accounts it had; what comes of their signing in is told by their streams.
    ///
    /// # Errors
    /// The folder cannot be opened again, or the app was not suspended.
    pub async fn resume(&self) -> Result<(), AppError> {
        let mut stage = self.stage.lock().await;
        match &*stage {
            Inner::Suspended => {
                let engine = self.open().await?;
                self.add_again(&engine).await;
                *stage = Inner::Running(engine);
            }
            Inner::Running(_) => {}
            Inner::New | Inner::Ended => return Err(AppError::NotRunning(stage.stage())),
        }
        Ok(())
    }

    /// Hangs up, signs out, closes the store, and ends every stream. The data folder can be opened again.
    ///
    /// There are no accounts and no calls any more; a stream that is begun later ends at once, except that
    /// of a call, which still gives how it ended.
    pub async fn shutdown(&self) {
        let mut stage = self.stage.lock().await;
        if let Inner::Running(engine) = &*stage {
            engine.shutdown().await;
        }
        self.hub.close();
        *stage = Inner::Ended;
    }

    /// How far it has come. Waits for a change that is on its way.
    pub async fn stage(&self) -> Stage {
        self.stage.lock().await.stage()
    }

    /// Every account of this app.
    pub fn accounts(&self) -> Vec<AccountSnapshot> {
        self.hub.snapshot().accounts
    }

    /// An account as it is now.
    pub fn account(&self, id: AccountId) -> Option<AccountSnapshot> {
        let accounts = self.hub.snapshot().accounts;
        accounts.into_iter().find(|account| account.id == id)
    }

    /// Every call that has not ended, oldest first.
    pub fn calls(&self) -> Vec<CallSnapshot> {
        let mut calls = self.hub.snapshot().calls;
        calls.sort_by_key(|call| call.started);
        calls
    }

    /// A page of the call history, newest first.
    ///
    /// # Errors
    /// The app does not run, or the store cannot be read.
    pub async fn history(
        &self,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<CallRecord>, AppError> {
        let page = self.engine().await?.history(before, limit).await;
        self.told(page).await
    }

    pub(crate) async fn engine(&self) -> Result<Arc<Engine>, AppError> {
        let stage = self.stage.lock().await;
        match &*stage {
            Inner::Running(engine) => Ok(engine.clone()),
            Inner::New | Inner::Suspended | Inner::Ended => {
                Err(AppError::NotRunning(stage.stage()))
            }
        }
    }

    /// That the engine stopped under a command, in the app's words: how far it has come. Waits for the
    /// change that is on its way.
    pub(crate) async fn told<T>(
        &self,
        outcome: Result<T, impl Into<AppError>>,
    ) -> Result<T, AppError> {
        match outcome.map_err(Into::into) {
            Err(AppError::Engine(EngineError::Stopped)) => match self.stage().await {
                // It stopped by itself: a fault.
                Stage::Running => Err(EngineError::Stopped.into()),
                stage @ (Stage::New | Stage::Suspended | Stage::Ended) => {
                    Err(AppError::NotRunning(stage))
                }
            },
            other => other,
        }
    }

    /// The store's key comes from the platform, which may block: never on a worker of the runtime.
    async fn open(&self) -> Result<Arc<Engine>, AppError> {
        let (config, hub) = (self.config.clone(), self.hub.clone());
        let runtime = self.runtime.clone();
        let opening = move || Engine::start_telling(config, &runtime, hub);
        let opened = self.runtime.spawn_blocking(opening).await;
        Ok(Arc::new(opened.map_err(|_| EngineError::Stopped)??))
    }

    async fn add_again(&self, engine: &Engine) {
        let accounts = self.kept().clone();
        for (id, settings) in accounts {
            let signs_in = settings.signs_in();
            let added = match engine.add_account(settings).await {
                Ok(_) if signs_in => engine.register(id).await,
                other => other.map(|_| ()),
            };
            if let Err(error) = added {
                // The next resume tries again; until then its state says that it is offline.
                tracing::warn!(account = %id, %error, "not back after the sleep");
            }
        }
        // Only that it shows: an engine that stopped already says so itself.
        let _ = engine.settled().await;
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<AccountId, SipAccount>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
