//! The two committed voices (`tests/fixtures/voices`), built in so that no tool has to find the files.

use crate::audio::Audio;

/// The WAV file of alice's voice: 16 kHz, mono, 16 bit.
pub const ALICE_WAV: &[u8] = include_bytes!("../../fixtures/voices/alice.wav");
/// The WAV file of bob's voice: 16 kHz, mono, 16 bit.
pub const BOB_WAV: &[u8] = include_bytes!("../../fixtures/voices/bob.wav");

/// Alice, decoded.
///
/// # Panics
/// If the committed file is no WAV file.
pub fn alice() -> Audio {
    Audio::from_wav(ALICE_WAV).expect("the committed voice is a WAV file")
}

/// Bob, decoded.
///
/// # Panics
/// If the committed file is no WAV file.
pub fn bob() -> Audio {
    Audio::from_wav(BOB_WAV).expect("the committed voice is a WAV file")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_voices_are_a_few_seconds_of_audible_wideband_speech() {
        for voice in [alice(), bob()] {
            assert_eq!(voice.rate(), 16_000);
            assert!(
                voice.duration() > Duration::from_secs(6),
                "{:?}",
                voice.duration()
            );
            assert!(
                voice.duration() < Duration::from_secs(9),
                "{:?}",
                voice.duration()
            );
            assert!(voice.level_dbfs() > -30.0, "{}", voice.level_dbfs());
        }
        assert!(
            ALICE_WAV.len() + BOB_WAV.len() < 2 * 260_000,
            "keep the repository small"
        );
    }
}
