//! Microphone and loudspeaker, whatever the platform calls them.
//!
//! | target | back end | echo, noise, gain |
//! |---|---|---|
//! | Android | oboe (AAudio), preset and usage *voice communication* | the platform's |
//! | iOS | VoiceProcessingIO | the platform's |
//! | desktop | cpal, with the feature `cpal` | none: use a headset |
//!
//! The audio threads of the platforms meet ours in lock-free rings (`ring`) and nowhere else: their
//! callbacks take no lock, allocate nothing and log nothing.

#[cfg(all(feature = "cpal", not(any(target_os = "android", target_os = "ios"))))]
mod desktop;
#[cfg(target_os = "android")]
mod oboe_voice;
#[cfg(target_os = "ios")]
mod voice_processing;

#[cfg(any(feature = "cpal", target_os = "android", test))]
mod keeper;
#[cfg(any(feature = "cpal", target_os = "android", target_os = "ios", test))]
mod ring;

use crate::io::{AudioSink, AudioSource};

/// A microphone and a loudspeaker that belong together.
pub trait AudioDevice: Send {
    /// A name for a person to recognise the device by.
    fn name(&self) -> String;

    /// Opens both and lets them run until what is returned is dropped. A device that goes away (a headset
    /// is pulled) is replaced by what the platform then prefers; until then silence flows.
    ///
    /// # Errors
    /// There is no microphone or loudspeaker, or the platform refuses it.
    fn open(&mut self) -> Result<OpenDevice, DeviceError>;
}

/// The two ends of a running device.
pub struct OpenDevice {
    /// The microphone.
    pub source: Box<dyn AudioSource>,
    /// The loudspeaker.
    pub sink: Box<dyn AudioSink>,
}

/// Why there is no live sound.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// This build has no back end for live sound.
    #[error("this build has no live sound: play and record files instead")]
    NotBuilt,
    /// No microphone.
    #[error("there is no microphone")]
    NoInput,
    /// No loudspeaker.
    #[error("there is no loudspeaker")]
    NoOutput,
    /// The person, or the platform, does not allow it.
    #[error("the microphone may not be used: permission was denied")]
    NotAllowed,
    /// The device is there but does not work; the text is the platform's.
    #[error("the sound device does not work: {0}")]
    Failed(String),
}

/// The device a call should use.
///
/// # Errors
/// The build has no back end, or the machine no sound.
pub fn default_device() -> Result<Box<dyn AudioDevice>, DeviceError> {
    #[cfg(target_os = "android")]
    return Ok(Box::new(oboe_voice::OboeVoice));
    #[cfg(target_os = "ios")]
    return Ok(Box::new(voice_processing::VoiceProcessing));
    #[cfg(all(feature = "cpal", not(any(target_os = "android", target_os = "ios"))))]
    return Ok(Box::new(desktop::Desktop::find()?));
    #[cfg(not(any(feature = "cpal", target_os = "android", target_os = "ios")))]
    Err(DeviceError::NotBuilt)
}
