//! The core: what an app has one of.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use tandem_engine::EngineConfig;
use tandem_engine::app::App;
use tandem_engine::net::PlatformVerifier;
use tandem_engine::phone::SipAccount;
use tandem_types::CallId;
use tokio::sync::oneshot;

use crate::account::{Account, AccountInfo, AccountListUpdates, CancelToken, cancelled};
use crate::call::{AudioPath, Call, CallInfo, IncomingCalls};
use crate::error::{AccountError, CallError, HistoryError, LifecycleError};
use crate::history::{HistoryPage, HistoryUpdates};
use crate::platform::{CertificateVerifier, Certificates, SecretStore, Secrets};
use crate::problems::Stage;
use crate::runtime;
use crate::settings::{DirectSettings, SipSettings};

/// What a core is told once.
#[derive(Clone, Debug, uniffi::Record)]
pub struct CoreConfig {
    /// Folder of everything that is kept; it is made if it is not there.
    pub directory: String,
    /// How the app names itself to servers.
    #[uniffi(default = None)]
    pub user_agent: Option<String>,
    /// Calls at one time; more are refused as busy.
    #[uniffi(default = None)]
    pub max_calls: Option<u32>,
    /// Events a reader may be behind before it is told that it lagged.
    #[uniffi(default = None)]
    pub event_backlog: Option<u32>,
}

impl CoreConfig {
    fn engine(self, secrets: Arc<dyn SecretStore>) -> EngineConfig {
        let data = PathBuf::from(self.directory);
        let mut config = EngineConfig::desktop(data, Arc::new(Secrets(secrets)));
        let count = |given: Option<u32>| given.and_then(|count| usize::try_from(count).ok());
        config.max_calls = count(self.max_calls).unwrap_or(config.max_calls);
        config.backlog = count(self.event_backlog).unwrap_or(config.backlog);
        config.user_agent = self.user_agent.unwrap_or(config.user_agent);
        config
    }
}

/// The core of a calling app. One for a data folder.
#[derive(uniffi::Object)]
pub struct TandemCore {
    app: Arc<App>,
}

#[uniffi::export]
impl TandemCore {
    /// Remembers what it is told: cheap; nothing is opened and nothing runs yet.
    ///
    /// `certificates` says whom to trust; without one it is whom the system's files name on a desktop, and nobody on
    /// a phone, where only the system's own verifier knows.
    ///
    /// # Errors
    /// The process has no threads left for the core.
    #[uniffi::constructor(default(certificates = None))]
    pub fn new(
        config: CoreConfig,
        secrets: Arc<dyn SecretStore>,
        certificates: Option<Arc<dyn CertificateVerifier>>,
    ) -> Result<Arc<Self>, LifecycleError> {
        let mut config = config.engine(secrets);
        if let Some(own) = certificates {
            config.certificates = Arc::new(PlatformVerifier::new(Certificates(own)));
        }
        let app = App::new(config, runtime::handle()?);
        Ok(Arc::new(Self { app: Arc::new(app) }))
    }

    /// Opens the data folder and goes to work. Nothing happens if it is at work already.
    ///
    /// # Errors
    /// The folder or the secret store cannot be used; the core sleeps (then [`TandemCore::resume`] is meant),
    /// or was shut down.
    pub async fn start(&self) -> Result<(), LifecycleError> {
        let app = self.app.clone();
        runtime::run(async move { app.start().await }).await
    }

    /// Signs out and lets go of every socket, timer and file: when this returns, the system may freeze the
    /// process. Nobody can call until [`TandemCore::resume`].
    ///
    /// # Errors
    /// A call is up, or the core does not run.
    pub async fn suspend(&self) -> Result<(), LifecycleError> {
        let app = self.app.clone();
        runtime::run(async move { app.suspend().await }).await
    }

    /// Goes back to work with the accounts it had; how their signing in goes is in their updates.
    ///
    /// # Errors
    /// The folder cannot be opened again, or the core was not suspended.
    pub async fn resume(&self) -> Result<(), LifecycleError> {
        let app = self.app.clone();
        runtime::run(async move { app.resume().await }).await
    }

    /// Hangs up, signs out, closes the store and ends every subscription, for good. Never fails. There are no
    /// accounts and no calls any more; a subscription that is begun later ends at once, except that to a call,
    /// which still gives how it ended.
    pub async fn shutdown(&self) {
        let app = self.app.clone();
        let ending = async move {
            app.shutdown().await;
            Ok(())
        };
        let _: Result<(), LifecycleError> = runtime::run(ending).await;
    }

    /// How far it has come. Waits for a change that is on its way.
    pub async fn stage(&self) -> Stage {
        self.app.stage().await.into()
    }

    /// Adds a SIP account and signs it in: back when the server has let it in. If the caller goes away, or
    /// says so with `cancel`, there will be no such account.
    ///
    /// # Errors
    /// What the person can do about it; then there is no such account.
    pub async fn add_sip(
        &self,
        settings: SipSettings,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Account>, AccountError> {
        self.add(settings.into_account()?, cancel).await
    }

    /// Adds an account without a server: it can be called at its address, and calls addresses directly.
    ///
    /// # Errors
    /// The address, or a STUN or TURN server, cannot be used.
    pub async fn add_direct(&self, settings: DirectSettings) -> Result<Arc<Account>, AccountError> {
        self.add(settings.into_account()?, None).await
    }

    /// Every account.
    pub fn accounts(&self) -> Vec<AccountInfo> {
        self.app
            .accounts()
            .into_iter()
            .map(AccountInfo::from)
            .collect()
    }

    /// The account with this id.
    pub fn account(&self, id: u64) -> Option<Arc<Account>> {
        let account = self.app.account(tandem_types::AccountId(id))?;
        Some(Account::new(self.app.clone(), account.id))
    }

    /// All accounts, anew whenever one changes.
    pub fn account_updates(&self) -> Arc<AccountListUpdates> {
        AccountListUpdates::new(&self.app, self.app.account_list())
    }

    /// Calls `target`: an address, or just a user at the account's server. Without an account, over whichever
    /// can. If the caller goes away before it has the call, or says so with `cancel`, the call is hung up.
    ///
    /// # Errors
    /// No account, no sound, or no address.
    pub async fn place_call(
        &self,
        target: String,
        audio: AudioPath,
        account: Option<Arc<Account>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Call>, CallError> {
        let (app, undoing) = (self.app.clone(), self.app.clone());
        let account = account.map(|account| account.account_id());
        let placing = async move { app.place_call(account, &target, audio.into()).await };
        let placed = runtime::run_for(placing, |id: CallId| async move {
            let _ = undoing.command(&id, tandem_engine::Command::HangUp).await;
        });
        let placed: Option<CallId> = tokio::select! {
            biased;
            () = cancelled(cancel) => None,
            placed = placed => Some(placed.map_err(|error: CallError| error)?),
        };
        let id = placed.ok_or(CallError::Cancelled)?;
        Ok(Call::new(self.app.clone(), id))
    }

    /// Every call that rings here, once, beginning with those that ring now.
    pub fn incoming_calls(&self) -> Arc<IncomingCalls> {
        IncomingCalls::new(&self.app, self.app.incoming_calls())
    }

    /// Every call that has not ended, oldest first.
    pub fn calls(&self) -> Vec<CallInfo> {
        self.app.calls().into_iter().map(CallInfo::from).collect()
    }

    /// The call with this id: while it is up, and some time after.
    pub fn call(&self, id: String) -> Option<Arc<Call>> {
        let call = self.app.call(&CallId::parse(&id)?)?;
        Some(Call::new(self.app.clone(), call.id))
    }

    /// A page of the call history, newest first: the first one, or the one that begins at `before`.
    ///
    /// # Errors
    /// The core does not run, or the store cannot be read.
    pub async fn history_page(
        &self,
        before: Option<String>,
        limit: u32,
    ) -> Result<HistoryPage, HistoryError> {
        let before = before.map(|place| place.parse()).transpose();
        let before = before.map_err(|_| HistoryError::InvalidPlace)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let app = self.app.clone();
        let page = runtime::run(async move { app.history(before, limit).await }).await;
        page.map(HistoryPage::from)
    }

    /// What changes in the history.
    pub fn history_updates(&self) -> Arc<HistoryUpdates> {
        HistoryUpdates::new(&self.app, self.app.log_changes())
    }
}

impl TandemCore {
    async fn add(
        &self,
        settings: SipAccount,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Account>, AccountError> {
        // Dropped with this future, or when cancelled: the engine hears of it.
        let (wanted, unwanted) = oneshot::channel();
        let (app, undoing) = (self.app.clone(), self.app.clone());
        let adding = async move { app.add_account(settings, unwanted).await };
        let mut added = pin!(runtime::run_for(adding, |id| async move {
            if let Some(id) = id {
                let _ = undoing.remove_account(id).await;
            }
        }));
        let id: Option<_> = tokio::select! {
            biased;
            () = cancelled(cancel) => None,
            added = &mut added => added.map_err(|error: AccountError| error)?,
        };
        if let Some(id) = id {
            return Ok(Account::new(self.app.clone(), id));
        }
        // The same account may be added again as soon as this is told: it has to be gone by then.
        drop(wanted);
        if let Ok(Some(id)) = added.await {
            let _ = self.app.remove_account(id).await;
        }
        Err(AccountError::Cancelled)
    }
}
