//! Accounts: added, signed in, removed.

use tandem_types::{AccountId, Pii};
use tokio::sync::oneshot;

use super::{App, AppError};
use crate::phone::{AccountError, PhoneError, SipAccount};
use crate::{AccountState, Engine, EngineError, Event, EventStream};

impl App {
    /// Adds an account and signs it in: back when the server has let it in, or with what the person can do
    /// about it; then there is no such account.
    ///
    /// `wanted` is dropped, or says so, when nobody waits for the account any more: it is removed again.
    ///
    /// # Errors
    /// The address or the server cannot be used, or the server refuses.
    pub async fn add_account(
        &self,
        settings: SipAccount,
        wanted: oneshot::Receiver<()>,
    ) -> Result<Option<AccountId>, AppError> {
        let engine = self.engine().await?;
        let mut events = self.hub.subscribe();
        let (id, _) = engine.add_account(settings.clone()).await?;
        let signed_in = tokio::select! {
            signed_in = sign_in(&engine, id, &settings, &mut events) => signed_in.map(|()| true),
            _ = wanted => Ok(false),
        };
        match signed_in {
            Ok(true) => {
                self.kept().insert(id, settings);
                engine.settled().await?;
                Ok(Some(id))
            }
            Ok(false) => {
                engine.remove_account(id).await?;
                Ok(None)
            }
            Err(error) => {
                engine.remove_account(id).await?;
                Err(error)
            }
        }
    }

    /// Hangs up an account's calls, signs it out and forgets it.
    ///
    /// # Errors
    /// There is no such account, or the app does not run.
    pub async fn remove_account(&self, id: AccountId) -> Result<(), AppError> {
        let engine = self.engine().await?;
        if self.kept().remove(&id).is_none() {
            return Err(PhoneError::NoSuchAccount.into());
        }
        engine.remove_account(id).await?;
        Ok(engine.settled().await?)
    }

    /// The account a call goes out over when the person named none: the first that is signed in, else one
    /// that needs no server.
    pub(super) fn account_to_call_from(&self) -> Result<AccountId, AppError> {
        let online = |id: &AccountId| {
            self.account(*id)
                .is_some_and(|account| match account.state {
                    AccountState::Online { .. } => true,
                    AccountState::Offline
                    | AccountState::Connecting
                    | AccountState::Failed { .. } => false,
                })
        };
        let kept = self.kept();
        let direct = || kept.iter().find(|(_, settings)| !settings.signs_in());
        kept.keys()
            .copied()
            .find(online)
            .or_else(|| direct().map(|(id, _)| *id))
            .ok_or(AppError::NoAccount)
    }
}

async fn sign_in(
    engine: &Engine,
    id: AccountId,
    settings: &SipAccount,
    events: &mut EventStream,
) -> Result<(), AppError> {
    if !settings.signs_in() {
        return Ok(());
    }
    engine.register(id).await?;
    loop {
        let state = match events.next().await.ok_or(EngineError::Stopped)? {
            Event::Account(account) if account.id == id => account.state,
            Event::Snapshot(all) => match all.accounts.iter().find(|account| account.id == id) {
                Some(account) => account.state,
                None => continue,
            },
            Event::AccountRemoved { account } if account == id => {
                return Err(PhoneError::NoSuchAccount.into());
            }
            _ => continue,
        };
        match state {
            AccountState::Online { .. } => return Ok(()),
            AccountState::Failed { reason, .. } => return Err(reason.into()),
            AccountState::Offline | AccountState::Connecting => {}
        }
    }
}

impl SipAccount {
    /// The same account at another server than its address names; `sip:` before it may be there.
    ///
    /// # Errors
    /// Nothing is left of the name.
    pub fn with_server(mut self, server: &str) -> Result<Self, AccountError> {
        let server = server.trim();
        let server = server.strip_prefix("sip:").unwrap_or(server);
        if server.is_empty() {
            return Err(AccountError::BadRegistrar);
        }
        self.registrar = Some(Pii::new(server.to_owned()));
        Ok(self)
    }
}
