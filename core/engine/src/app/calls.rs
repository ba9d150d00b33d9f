//! Calls: placed, taken, and what a person does with one.

use tandem_call::Command;
pub use tandem_call::RejectReason;
use tandem_types::{AccountId, CallId};

use super::{App, AppError, Sound};
use crate::CallSnapshot;
use crate::phone::Audio;

/// Each of these shows, in every picture of the call, when it returns.
impl App {
    /// Calls `target`: an address, or just a user at the account's server. `account`: the one to call from,
    /// or whichever can.
    ///
    /// # Errors
    /// No account, no sound, or no address.
    pub async fn place_call(
        &self,
        account: Option<AccountId>,
        target: &str,
        sound: Sound,
    ) -> Result<CallId, AppError> {
        let engine = self.engine().await?;
        let account = match account {
            Some(account) => account,
            None => self.account_to_call_from()?,
        };
        // Before anything rings: a file or a microphone that is not there.
        let audio = self.open_sound(sound).await?;
        let call = engine.place_call(account, target, audio).await?;
        engine.settled().await?;
        Ok(call)
    }

    /// Takes an incoming call.
    ///
    /// # Errors
    /// No such call, it rings no more, or there is no sound; then it still rings.
    pub async fn answer(&self, call: &CallId, sound: Sound) -> Result<(), AppError> {
        let engine = self.engine().await?;
        let audio = self.open_sound(sound).await?;
        engine.answer(call, audio).await?;
        Ok(engine.settled().await?)
    }

    /// Anything else a person can do with a call.
    ///
    /// # Errors
    /// No such call, or not in its state; nothing changed then.
    pub async fn command(&self, call: &CallId, command: Command) -> Result<(), AppError> {
        let engine = self.engine().await?;
        engine.command(call, command).await?;
        Ok(engine.settled().await?)
    }

    /// Plays keys to the far end: `0`–`9`, `*`, `#`, `A`–`D`.
    ///
    /// # Errors
    /// Keys no telephone has, or a call that cannot carry them now.
    pub async fn send_keys(&self, call: &CallId, keys: &str) -> Result<(), AppError> {
        self.command(call, Command::SendDtmf(keys.parse()?)).await
    }

    /// Turns a call's microphone off, or on again.
    ///
    /// # Errors
    /// No such call.
    pub async fn set_muted(&self, call: &CallId, muted: bool) -> Result<(), AppError> {
        let engine = self.engine().await?;
        engine.set_muted(call, muted).await?;
        Ok(engine.settled().await?)
    }

    /// A call's last picture: as long as it is up, and a while after.
    pub fn call(&self, id: &CallId) -> Option<CallSnapshot> {
        self.hub.call(id)
    }

    /// Devices and files make whoever opens them wait.
    async fn open_sound(&self, sound: Sound) -> Result<Audio, AppError> {
        let opened = self.runtime.spawn_blocking(move || sound.open()).await;
        opened
            .map_err(|_| AppError::Engine(crate::EngineError::Stopped))?
            .map_err(AppError::Sound)
    }
}
