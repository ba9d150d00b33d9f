//! What stands in the way, where an error has more than one of it.

use tandem_engine::app::{SoundError, Stage as AppStage};
use tandem_engine::phone::{IceServerError, IceUrlError};
use tandem_engine::{CommandError, DeviceError, StoreError, TlsFailure};

/// How far a core has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Stage {
    /// Opened, not started.
    New,
    /// At work.
    Running,
    /// Asleep until it is resumed.
    Suspended,
    /// Shut down for good.
    Ended,
}

impl From<AppStage> for Stage {
    fn from(stage: AppStage) -> Self {
        match stage {
            AppStage::New => Self::New,
            AppStage::Running => Self::Running,
            AppStage::Suspended => Self::Suspended,
            AppStage::Ended => Self::Ended,
        }
    }
}

impl Stage {
    /// Fits after "the core".
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::New => "was not started",
            Self::Running => "is running",
            Self::Suspended => "is suspended",
            Self::Ended => "has been shut down",
        }
    }
}

/// What is wrong with the data folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum StorageProblem {
    /// Another process, or another core, has it open.
    InUse,
    /// The key in the secret store is not the folder's.
    WrongKey,
    /// Part of it is lost.
    Damaged,
    /// A newer version of the app made it.
    NewerVersion,
    /// It cannot be made or written to.
    NotWritable,
    /// There is no room.
    DiskFull,
    /// The disk or the database failed.
    Failed,
}

impl StorageProblem {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::InUse => "the data folder is open elsewhere",
            Self::WrongKey => "the stored key does not open the data folder",
            Self::Damaged => "the data folder is damaged",
            Self::NewerVersion => "a newer version made the data folder",
            Self::NotWritable => "the data folder cannot be written to",
            Self::DiskFull => "the disk is full",
            Self::Failed => "the disk failed",
        }
    }
}

impl From<&StoreError> for StorageProblem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::AlreadyOpen => Self::InUse,
            StoreError::WrongKey => Self::WrongKey,
            StoreError::NotAStore | StoreError::Damaged => Self::Damaged,
            StoreError::NewerVersion { .. } => Self::NewerVersion,
            StoreError::NotWritable | StoreError::Missing => Self::NotWritable,
            StoreError::DiskFull => Self::DiskFull,
            _ => Self::Failed,
        }
    }
}

/// What is wrong with the sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SoundProblem {
    /// This build has no live sound.
    NotBuilt,
    /// There is no microphone.
    NoMicrophone,
    /// There is no loudspeaker.
    NoLoudspeaker,
    /// The person, or the system, does not allow it.
    NotAllowed,
    /// The device does not work.
    Failed,
    /// The file to be played cannot be.
    FileNotPlayable,
    /// The file to be recorded to cannot be written.
    FileNotWritable,
}

impl SoundProblem {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NotBuilt => "this build has no live sound",
            Self::NoMicrophone => "there is no microphone",
            Self::NoLoudspeaker => "there is no loudspeaker",
            Self::NotAllowed => "the microphone may not be used",
            Self::Failed => "the sound device does not work",
            Self::FileNotPlayable => "the sound file cannot be played",
            Self::FileNotWritable => "the sound file cannot be written",
        }
    }
}

impl From<&SoundError> for SoundProblem {
    fn from(error: &SoundError) -> Self {
        match error {
            SoundError::Device(device) => match device {
                DeviceError::NotBuilt => Self::NotBuilt,
                DeviceError::NoInput => Self::NoMicrophone,
                DeviceError::NoOutput => Self::NoLoudspeaker,
                DeviceError::NotAllowed => Self::NotAllowed,
                _ => Self::Failed,
            },
            SoundError::Play(_) => Self::FileNotPlayable,
            SoundError::Record(_) => Self::FileNotWritable,
        }
    }
}

/// Why a call cannot do that now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Obstacle {
    /// It does not ring here.
    NotIncoming,
    /// It was answered already.
    AlreadyAnswered,
    /// It was not answered yet.
    NotAnswered,
    /// This side holds it already.
    AlreadyHeld,
    /// This side does not hold it.
    NotHeld,
    /// The far end holds it.
    OnHold,
    /// The far end takes no keys, or too many of them wait already.
    NoKeys,
    /// No sound flows now.
    NoMedia,
    /// The call has no safety phrase to compare.
    NoPhrase,
    /// It is ending, or has ended.
    Over,
}

impl Obstacle {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NotIncoming => "the call does not ring here",
            Self::AlreadyAnswered => "the call was answered already",
            Self::NotAnswered => "the call was not answered yet",
            Self::AlreadyHeld => "the call is on hold already",
            Self::NotHeld => "the call is not on hold",
            Self::OnHold => "the far end holds the call",
            Self::NoKeys => "the far end takes no keys now",
            Self::NoMedia => "no sound flows in the call now",
            Self::NoPhrase => "there is nothing to compare in the call",
            Self::Over => "the call is over",
        }
    }
}

impl From<CommandError> for Obstacle {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NotIncoming => Self::NotIncoming,
            CommandError::AlreadyAccepted => Self::AlreadyAnswered,
            CommandError::NotAccepted => Self::NotAnswered,
            CommandError::AlreadyHeld => Self::AlreadyHeld,
            CommandError::NotHeld => Self::NotHeld,
            CommandError::OnHold => Self::OnHold,
            CommandError::NoMedia => Self::NoMedia,
            CommandError::Ending | CommandError::Ended => Self::Over,
        }
    }
}

/// Why a server cannot be spoken with securely.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum TlsProblem {
    /// Its certificate is past its end or before its start, or this device's clock is wrong.
    Expired,
    /// Its certificate is for another name.
    WrongName,
    /// Nobody this device trusts vouches for its certificate.
    Untrusted,
    /// Its certificate could not be checked: the app's own verifier failed.
    Unchecked,
    /// It refused the handshake, or does not speak TLS of a version that is safe.
    Handshake,
}

impl TlsProblem {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Expired => {
                "the server's certificate has expired, or this device's clock is wrong"
            }
            Self::WrongName => "the server's certificate is for another name",
            Self::Untrusted => {
                "the server's certificate is not signed by anybody this device trusts"
            }
            Self::Unchecked => "the server's certificate could not be checked",
            Self::Handshake => "no secure connection could be agreed on with the server",
        }
    }
}

impl From<TlsFailure> for TlsProblem {
    fn from(failure: TlsFailure) -> Self {
        match failure {
            TlsFailure::Expired => Self::Expired,
            TlsFailure::WrongName => Self::WrongName,
            TlsFailure::Untrusted => Self::Untrusted,
            TlsFailure::Unchecked => Self::Unchecked,
            // Also what this version has no word for.
            _ => Self::Handshake,
        }
    }
}

/// What is wrong with a STUN or TURN server as it is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum IceServerProblem {
    /// Its URL begins with none of `stun:`, `turn:` and `turns:`.
    Scheme,
    /// `stuns:`: only UDP shows a STUN server where packets come from.
    StunOverTls,
    /// No host right after the colon.
    Host,
    /// The port is none.
    Port,
    /// Something after `?` that is not `transport=`, or anything there in the URL of a STUN server.
    Parameter,
    /// The transport is neither `udp` nor `tcp`.
    Transport,
    /// `turns:` over UDP.
    TurnOverDtls,
    /// A TURN server without a username and a password, or with one that is too long.
    Credentials,
    /// One more than an account may have.
    TooMany,
    /// Something else.
    Other,
}

impl IceServerProblem {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Scheme => "the URL must begin with stun:, turn: or turns:",
            Self::StunOverTls => "a STUN server is asked over UDP: stun:, not stuns:",
            Self::Host => "the URL needs a host right after the colon",
            Self::Port => "the port in the URL must be a number from 1 to 65535",
            Self::Parameter => "all that may follow ? is transport=, and only of a TURN server",
            Self::Transport => "the transport in the URL must be udp or tcp",
            Self::TurnOverDtls => "turns: goes over TCP",
            Self::Credentials => "it needs a username and a password of 508 bytes at most",
            Self::TooMany => "an account has no more than 8 of them",
            Self::Other => "it cannot be used",
        }
    }
}

impl From<IceServerError> for IceServerProblem {
    fn from(error: IceServerError) -> Self {
        match error {
            IceServerError::Credentials => Self::Credentials,
            IceServerError::TooMany => Self::TooMany,
            IceServerError::Url(url) => match url {
                IceUrlError::Scheme => Self::Scheme,
                IceUrlError::StunOverTls => Self::StunOverTls,
                IceUrlError::Host => Self::Host,
                IceUrlError::Port => Self::Port,
                IceUrlError::Parameter => Self::Parameter,
                IceUrlError::Transport => Self::Transport,
                IceUrlError::TurnOverDtls => Self::TurnOverDtls,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_those_of_the_engine() {
        for failure in [
            TlsFailure::Expired,
            TlsFailure::WrongName,
            TlsFailure::Untrusted,
            TlsFailure::Unchecked,
            TlsFailure::Handshake,
        ] {
            assert_eq!(TlsProblem::from(failure).text(), failure.to_string());
        }
        let most = format!("no more than {} of", tandem_engine::phone::MAX_ICE_SERVERS);
        assert!(IceServerProblem::TooMany.text().contains(&most));
    }
}
