//! Accounts: added, signed in, removed.

use tandem_types::{AccountId, Pii};
use tokio::sync::oneshot;

use super::{App, AppError, Update};
use crate::phone::{AccountError, PhoneError, SipAccount};
use crate::{AccountState, Engine, EngineError, Event};

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
        settings.check().map_err(PhoneError::from)?;
        let engine = self.engine().await?;
        let added = engine.add_account(settings.clone()).await;
        let (id, _) = self.told(added).await?;
        let signed_in = tokio::select! {
            signed_in = self.sign_in(&engine, id, &settings) => signed_in.map(|()| true),
            _ = wanted => Ok(false),
        };
        if let Ok(true) = signed_in {
            self.kept().insert(id, settings);
            // An engine that stops just now still let it in; a resume will again.
            let _ = engine.settled().await;
            return Ok(Some(id));
        }
        if engine.remove_account(id).await.is_err() {
            // The engine went to sleep or ended meanwhile: nobody else tells that the account is none.
            self.hub.tell(Event::AccountRemoved { account: id });
        }
        match signed_in {
            Ok(_) => Ok(None),
            Err(error) => self.told(Err(error)).await,
        }
    }

    async fn sign_in(
        &self,
        engine: &Engine,
        id: AccountId,
        settings: &SipAccount,
    ) -> Result<(), AppError> {
        if !settings.signs_in() {
            return Ok(());
        }
        engine.register(id).await?;
        engine.settled().await?;
        // From here on it is `Connecting` or further: `Offline` is what an engine that stops leaves behind.
        let mut states = self.account_states(id);
        while let Some(update) = states.next().await {
            let Update::Next(account) = update else {
                continue;
            };
            match account.state {
                AccountState::Online { .. } | AccountState::Listening => return Ok(()),
                AccountState::Failed { reason, .. } => return Err(reason.into()),
                AccountState::Offline => break,
                AccountState::Connecting => {}
            }
        }
        Err(EngineError::Stopped.into())
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
        let removed = async {
            engine.remove_account(id).await?;
            engine.settled().await
        };
        let removed = removed.await;
        if let Err(EngineError::Stopped) = removed {
            // It sleeps or ended meanwhile: the account is forgotten all the same.
            self.hub.tell(Event::AccountRemoved { account: id });
            return Ok(());
        }
        self.told(removed).await
    }

    /// The account a call goes out over when the person named none: the first that is signed in, else one
    /// that needs no server.
    pub(super) fn account_to_call_from(&self) -> Result<AccountId, AppError> {
        let online = |id: &AccountId| {
            self.account(*id)
                .is_some_and(|account| match account.state {
                    AccountState::Online { .. } => true,
                    AccountState::Offline
                    | AccountState::Listening
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
