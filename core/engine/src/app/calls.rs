//! Calls: placed, taken, and what a person does with one.

use tandem_call::Command;
pub use tandem_call::RejectReason;
use tandem_types::{AccountId, CallId};

use super::{App, AppError, Sound, Update};
use crate::phone::{Audio, PhoneError};
use crate::{CallSnapshot, CommandError, HoldWish, LocalHold};

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
        let placed = async {
            let call = engine.place_call(account, target, audio).await?;
            engine.settled().await.map(|()| call)
        };
        self.told(placed.await).await
    }

    /// Takes an incoming call.
    ///
    /// # Errors
    /// No such call, it rings no more, or there is no sound; then it still rings.
    pub async fn answer(&self, call: &CallId, sound: Sound) -> Result<(), AppError> {
        let engine = self.engine().await?;
        let audio = self.open_sound(sound).await?;
        let answered = async {
            engine.answer(call, audio).await?;
            engine.settled().await
        };
        self.told(answered.await).await
    }

    /// Anything else a person can do with a call.
    ///
    /// # Errors
    /// No such call, or not in its state; nothing changed then.
    pub async fn command(&self, call: &CallId, command: Command) -> Result<(), AppError> {
        let engine = self.engine().await?;
        let done = async {
            engine.command(call, command).await?;
            engine.settled().await
        };
        self.told(done.await).await
    }

    /// Puts the far end on hold: the sound stops at once; back when the far end agreed. Giving the wait up
    /// takes nothing back.
    ///
    /// # Errors
    /// Not in its state; the far end refused; somebody asked to resume meanwhile; or the call ended.
    pub async fn hold(&self, call: &CallId) -> Result<(), AppError> {
        self.command(call, Command::Hold).await?;
        self.shows(call, |picture| match picture.hold {
            LocalHold::Asked(HoldWish::Hold) => None,
            LocalHold::On | LocalHold::Refused(HoldWish::Resume) => Some(Ok(())),
            LocalHold::Refused(HoldWish::Hold) => Some(Err(AppError::HoldRefused)),
            LocalHold::Off | LocalHold::Asked(HoldWish::Resume) => {
                Some(Err(PhoneError::from(CommandError::NotHeld).into()))
            }
        })
        .await
    }

    /// Ends this side's hold; back when the far end agreed. Giving the wait up takes nothing back.
    ///
    /// # Errors
    /// Not in its state; the far end refused; somebody asked to hold meanwhile; or the call ended.
    pub async fn resume_call(&self, call: &CallId) -> Result<(), AppError> {
        self.command(call, Command::Resume).await?;
        self.shows(call, |picture| match picture.hold {
            LocalHold::Asked(HoldWish::Resume) => None,
            LocalHold::Off | LocalHold::Refused(HoldWish::Hold) => Some(Ok(())),
            LocalHold::Refused(HoldWish::Resume) => Some(Err(AppError::HoldRefused)),
            LocalHold::On | LocalHold::Asked(HoldWish::Hold) => {
                Some(Err(PhoneError::from(CommandError::AlreadyHeld).into()))
            }
        })
        .await
    }

    /// Plays keys to the far end: `0`–`9`, `*`, `#`, `A`–`D`; back when the last one was played. They are
    /// heard also while this side holds: only the microphone is closed then. A hold of the far end that
    /// comes in between makes them wait.
    ///
    /// # Errors
    /// Keys no telephone has, a far end that holds or takes no keys, or a call that ended before the last.
    pub async fn send_keys(&self, call: &CallId, keys: &str) -> Result<(), AppError> {
        self.command(call, Command::SendDtmf(keys.parse()?)).await?;
        let mut last = None;
        self.shows(call, |picture| {
            let last = *last.get_or_insert(picture.keys.taken);
            (picture.keys.played >= last).then_some(Ok(()))
        })
        .await
    }

    /// Waits until a call's picture says what came of a command.
    async fn shows(
        &self,
        call: &CallId,
        mut outcome: impl FnMut(&CallSnapshot) -> Option<Result<(), AppError>> + Send,
    ) -> Result<(), AppError> {
        let mut states = self.call_states(call.clone());
        while let Some(update) = states.next().await {
            let Update::Next(picture) = update else {
                continue;
            };
            if picture.state.is_ending_or_ended() {
                break;
            }
            if let Some(outcome) = outcome(&picture) {
                return outcome;
            }
        }
        Err(PhoneError::from(CommandError::Ended).into())
    }

    /// Turns a call's microphone off, or on again.
    ///
    /// # Errors
    /// No such call.
    pub async fn set_muted(&self, call: &CallId, muted: bool) -> Result<(), AppError> {
        let engine = self.engine().await?;
        let muted = async {
            engine.set_muted(call, muted).await?;
            engine.settled().await
        };
        self.told(muted.await).await
    }

    /// The two have read the call's safety phrase to each other: `matches` says whether the words were the same.
    /// Its row in the history keeps it; may be said again.
    ///
    /// # Errors
    /// No such call, or one without a phrase.
    pub async fn verify(&self, call: &CallId, matches: bool) -> Result<(), AppError> {
        let engine = self.engine().await?;
        let verified = async {
            engine.verify(call, matches).await?;
            engine.settled().await
        };
        self.told(verified.await).await
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
