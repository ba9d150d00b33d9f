//! Calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tandem_engine::app::{App, News, Sound};
use tandem_engine::{
    CallDirection as EngineDirection, CallSnapshot, CallState as EngineState, Command,
    HoldState as EngineHold, HoldWish, RejectReason as EngineReject,
};
use tandem_types::CallId;

use crate::error::CallError;
use crate::runtime;
use crate::subscription::subscription;
use crate::words::{
    CallDirection, CallQuality, Encryption, EndReason, SafetyPhrase, Trust, system_time,
};

/// What a call is heard and spoken with.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum AudioPath {
    /// Microphone and loudspeaker, as the system would have them.
    Device,
    /// WAV files: for tests, and machines without sound.
    File {
        /// What is said, once; silence if there is none.
        play: Option<String>,
        /// Where what is heard is written.
        record: Option<String>,
    },
    /// A steady tone.
    Tone {
        /// Its pitch, Hz.
        hertz: f32,
        /// Where what is heard is written.
        record: Option<String>,
    },
    /// Says nothing and listens to nothing.
    Silent,
}

impl From<AudioPath> for Sound {
    fn from(path: AudioPath) -> Self {
        match path {
            AudioPath::Device => Self::Device,
            AudioPath::File { play, record } => Self::File {
                play: play.map(PathBuf::from),
                record: record.map(PathBuf::from),
            },
            AudioPath::Tone { hertz, record } => Self::Tone {
                hertz,
                record: record.map(PathBuf::from),
            },
            AudioPath::Silent => Self::Silent,
        }
    }
}

/// How an incoming call is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum RejectReason {
    /// The person is in another call.
    Busy,
    /// The person does not want this one.
    Declined,
    /// Nobody is there: the call counts as missed.
    NoAnswer,
}

impl From<RejectReason> for EngineReject {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::Busy => Self::Busy,
            RejectReason::Declined => Self::Declined,
            RejectReason::NoAnswer => Self::NoAnswer,
        }
    }
}

/// Who holds a call. Each side lifts only its own hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum HoldState {
    /// This side.
    Local,
    /// The far end.
    Remote,
    /// Both.
    Both,
}

impl From<EngineHold> for HoldState {
    fn from(hold: EngineHold) -> Self {
        match hold {
            EngineHold::Local => Self::Local,
            EngineHold::Remote => Self::Remote,
            EngineHold::Both => Self::Both,
        }
    }
}

/// What a call is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum CallState {
    /// Outgoing, and nothing heard from the far end yet.
    Dialing,
    /// Outgoing, and it rings there.
    Ringing,
    /// Outgoing, not answered, and the network already plays something.
    EarlyMedia,
    /// It rings here.
    Incoming,
    /// Answered, no sound yet.
    Connecting,
    /// Two people can talk.
    Active {
        /// Since when: what the timer on the screen counts from.
        since: SystemTime,
    },
    /// Answered, and silent by agreement.
    Held {
        /// Since when they could talk, or since the hold if they never could.
        since: SystemTime,
        /// Who holds.
        by: HoldState,
    },
    /// The sound is gone; the call waits for it.
    Reconnecting {
        /// Since when they could talk.
        since: SystemTime,
    },
    /// Over for the person; the far end has not confirmed it yet.
    Ending,
    /// Over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

impl CallState {
    fn of(call: &CallSnapshot) -> Self {
        let since = system_time(call.talking_since.unwrap_or(call.started));
        match call.state {
            EngineState::Dialing => Self::Dialing,
            EngineState::Ringing => Self::Ringing,
            EngineState::EarlyMedia => Self::EarlyMedia,
            EngineState::Incoming => Self::Incoming,
            EngineState::Connecting => Self::Connecting,
            EngineState::Active { .. } => Self::Active { since },
            EngineState::Held { by, .. } => Self::Held {
                since,
                by: by.into(),
            },
            EngineState::Reconnecting { .. } => Self::Reconnecting { since },
            EngineState::Ending => Self::Ending,
            EngineState::Ended(reason) => Self::Ended {
                reason: reason.into(),
            },
        }
    }
}

/// A call as a screen shows it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct CallInfo {
    /// The same on every screen and in the history.
    pub id: String,
    /// The account it runs over.
    pub account: u64,
    /// The far end's address.
    pub peer: String,
    /// The name the far end gave itself.
    pub peer_name: Option<String>,
    /// Who called whom.
    pub direction: CallDirection,
    /// What it is doing.
    pub state: CallState,
    /// When it began.
    pub started: SystemTime,
    /// When it was answered.
    pub accepted: Option<SystemTime>,
    /// How its sound is protected.
    pub encryption: Encryption,
    /// What the two can read to each other; `None` until the keys are agreed on, which is a moment after the
    /// answer, and where it could prove nothing.
    pub safety_phrase: Option<SafetyPhrase>,
    /// What came of comparing it.
    pub trust: Trust,
    /// The codec in use, once there is sound.
    pub codec: Option<String>,
    /// Whether the microphone is off.
    pub muted: bool,
    /// How it sounded so far.
    pub quality: CallQuality,
}

impl From<CallSnapshot> for CallInfo {
    fn from(call: CallSnapshot) -> Self {
        Self {
            state: CallState::of(&call),
            id: call.id.to_string(),
            account: call.account.0,
            peer: call.peer.into_inner(),
            peer_name: call.peer_name.map(tandem_types::Pii::into_inner),
            direction: match call.direction {
                EngineDirection::Incoming => CallDirection::Incoming,
                EngineDirection::Outgoing => CallDirection::Outgoing,
            },
            started: system_time(call.started),
            accepted: call.accepted.map(system_time),
            encryption: call.encryption.into(),
            safety_phrase: call.safety_phrase.map(SafetyPhrase::from),
            trust: call.trust.into(),
            codec: call.codec.map(str::to_owned),
            muted: call.muted,
            quality: call.quality.into(),
        }
    }
}

/// Something that happened in a call and is over already.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum CallEvent {
    /// The first sound arrived.
    FirstAudio {
        /// So long after the answer; zero when it came before.
        after_accept: Duration,
    },
    /// The far end pressed a key.
    KeyReceived {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        key: String,
    },
    /// A key of this side was played to its end.
    KeySent {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        key: String,
    },
    /// The far end would not be held.
    HoldRefused,
    /// The far end would not go on.
    ResumeRefused,
    /// The file was sent to its end.
    Played,
    /// How it sounds; once a second.
    Stats {
        /// Counts since the call began.
        quality: CallQuality,
        /// Mean level heard in the last second, dBov (0 loudest, −127 silence).
        level_in: f32,
        /// Mean level sent in the last second, dBov.
        level_out: f32,
    },
}

impl From<News> for CallEvent {
    fn from(news: News) -> Self {
        match news {
            News::FirstAudio(after_accept) => Self::FirstAudio { after_accept },
            News::Key(key) => Self::KeyReceived { key: key.into() },
            News::KeySent(key) => Self::KeySent { key: key.into() },
            News::HoldRefused(HoldWish::Hold) => Self::HoldRefused,
            News::HoldRefused(HoldWish::Resume) => Self::ResumeRefused,
            News::Played => Self::Played,
            News::Stats(stats) => Self::Stats {
                quality: stats.quality.into(),
                level_in: stats.level_in,
                level_out: stats.level_out,
            },
        }
    }
}

/// A call. Dropping it does not end it: [`Call::hang_up`] does.
#[derive(uniffi::Object)]
pub struct Call {
    app: Arc<App>,
    id: CallId,
}

impl Call {
    pub(crate) fn new(app: Arc<App>, id: CallId) -> Arc<Self> {
        Arc::new(Self { app, id })
    }

    async fn command(&self, command: Command) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.command(&id, command).await }).await
    }
}

/// Every command completes even if nobody waits for it.
#[uniffi::export]
impl Call {
    /// The same on every screen and in the history.
    pub fn id(&self) -> String {
        self.id.to_string()
    }

    /// As it is now; `None` some time after it has ended.
    pub fn info(&self) -> Option<CallInfo> {
        self.app.call(&self.id).map(CallInfo::from)
    }

    /// How it goes on; its end comes last.
    pub fn updates(&self) -> Arc<CallUpdates> {
        CallUpdates::new(&self.app, self.app.call_states(self.id.clone()))
    }

    /// What happens in it; ends with it.
    pub fn events(&self) -> Arc<CallEvents> {
        CallEvents::new(&self.app, self.app.call_news(self.id.clone()))
    }

    /// Takes an incoming call.
    ///
    /// # Errors
    /// It rings no more, or there is no sound; then it still rings.
    pub async fn answer(&self, audio: AudioPath) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.answer(&id, audio.into()).await }).await
    }

    /// Refuses an incoming call.
    ///
    /// # Errors
    /// It does not ring here.
    pub async fn reject(&self, reason: RejectReason) -> Result<(), CallError> {
        self.command(Command::Reject(reason.into())).await
    }

    /// Ends it, whatever it is doing; one that rings here is declined.
    ///
    /// # Errors
    /// It is over already.
    pub async fn hang_up(&self) -> Result<(), CallError> {
        self.command(Command::HangUp).await
    }

    /// Puts the far end on hold: the sound stops at once; back when the far end agreed.
    ///
    /// # Errors
    /// It was not answered yet, or is on hold; the far end refused; or the call ended meanwhile.
    pub async fn hold(&self) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.hold(&id).await }).await
    }

    /// Ends this side's hold; back when the far end agreed.
    ///
    /// # Errors
    /// This side does not hold it; the far end refused; or the call ended meanwhile.
    pub async fn resume(&self) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.resume_call(&id).await }).await
    }

    /// Turns the microphone off, or on again.
    ///
    /// # Errors
    /// The call is over.
    pub async fn mute(&self, muted: bool) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.set_muted(&id, muted).await }).await
    }

    /// The two have read the safety phrase to each other: `matches` says whether the words were the same. The
    /// history keeps it; it may be said again, as long as the call is up.
    ///
    /// # Errors
    /// The call has no phrase, or is over.
    pub async fn verify(&self, matches: bool) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.verify(&id, matches).await }).await
    }

    /// Plays keys to the far end: `0`–`9`, `*`, `#`, `A`–`D`; back when the last one was played. They are
    /// heard also while this side holds; not while the far end does, and if it begins to, they wait.
    ///
    /// # Errors
    /// Keys no telephone has, a far end that holds or takes no keys, or a call that ended before the last.
    pub async fn send_dtmf(&self, keys: String) -> Result<(), CallError> {
        let (app, id) = (self.app.clone(), self.id.clone());
        runtime::run(async move { app.send_keys(&id, &keys).await }).await
    }
}

subscription! {
    /// One call's states.
    CallUpdates over CallStates gives CallUpdate::State { call: CallInfo }
    by |_: &Arc<App>, call: CallSnapshot| CallInfo::from(call)
}

subscription! {
    /// What happens in one call; nothing of what was before.
    CallEvents over CallNews gives CallEventUpdate::Event { event: CallEvent }
    by |_: &Arc<App>, news: News| CallEvent::from(news)
}

subscription! {
    /// Every call that rings here, once, beginning with those that ring now.
    IncomingCalls over IncomingCalls gives IncomingCall::Call { call: Arc<Call> }
    by |app: &Arc<App>, call: CallSnapshot| Call::new(app.clone(), call.id)
}
