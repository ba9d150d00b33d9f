//! Whether what was heard is what was said.

use std::path::Path;
use std::time::Duration;
use tandem_world::audio::Audio;
use tandem_world::speech::similarity;

/// What a call over any of our codecs reaches; other speech stays far below.
const SAME: f64 = 0.8;
/// How much is compared at once.
const PIECE: Duration = Duration::from_millis(1250);
/// How far a piece may have moved against the one before it.
const AROUND: Duration = Duration::from_millis(250);
/// What different speech must not reach.
const DIFFERENT: f64 = 0.6;

/// The heard recording must hold the said one, however long the phone was silent before.
///
/// # Panics
/// If it does not, or a file is no recording.
pub fn assert_heard(said: &Path, heard: &Path) {
    let score = score(said, heard);
    let names = (said.display(), heard.display());
    assert!(
        score >= SAME,
        "{} is not in {}: similarity {score:.3}",
        names.0,
        names.1
    );
}

/// The opposite, as the proof that the comparison can tell.
///
/// # Panics
/// If the said recording is in the heard one.
pub fn assert_not_heard(said: &Path, heard: &Path) {
    let score = score(said, heard);
    let names = (said.display(), heard.display());
    assert!(
        score <= DIFFERENT,
        "{} is in {}: similarity {score:.3}",
        names.0,
        names.1
    );
}

fn score(said: &Path, heard: &Path) -> f64 {
    let read = |file: &Path| {
        Audio::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    let (said, heard) = (read(said), read(heard));
    // The comparison aligns by half a second at most: bring the beginnings together first.
    let (Some(spoken), Some(arrived)) = (speech_begins(&said), speech_begins(&heard)) else {
        return 0.0;
    };
    // Then piece by piece: the clocks of two programs differ, and a jitter buffer stretches pauses. A
    // listener does not mind; one alignment for all of it would.
    let mut moved = arrived.as_secs_f64() - spoken.as_secs_f64();
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut from = Duration::ZERO;
    while from < said.duration() {
        let to = (from + PIECE).min(said.duration());
        let at = |time: Duration| Duration::from_secs_f64((time.as_secs_f64() + moved).max(0.0));
        // With some of what is around it, so that it may lie earlier or later.
        let lead = AROUND.min(at(from));
        let around = heard.slice(at(from) - lead, at(to) + AROUND);
        let found = similarity(&said.slice(from, to), &around);
        let length = (to - from).as_secs_f64();
        sum += found.score * length;
        weight += length;
        if found.score >= SAME {
            moved += found.shift_ms as f64 / 1000.0 - lead.as_secs_f64();
        }
        from = to;
    }
    sum / weight
}

/// When the first sound begins that is not just noise; `None` in silence.
pub fn speech_begins(audio: &Audio) -> Option<Duration> {
    let frame = Duration::from_millis(20);
    let frames = (audio.duration().as_millis() / frame.as_millis()) as u32;
    let level = |n: u32| audio.slice(frame * n, frame * (n + 1)).level_dbfs();
    let loudest = (0..frames).map(level).fold(f64::NEG_INFINITY, f64::max);
    if loudest < -60.0 {
        return None;
    }
    // Three frames in a row, so that a click is not taken for speech.
    let threshold = loudest - 25.0;
    let begins = (0..frames).find(|n| (*n..n + 3).all(|n| level(n) > threshold))?;
    Some(frame * begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Desk;

    #[test]
    fn a_voice_is_heard_behind_a_long_silence_and_another_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let late = folder.path().join("late.wav");
        let alice = Audio::read(&Desk::voice("alice"))
            .expect("the voice is there")
            .resampled(8_000);
        let mut samples = Audio::silence(8_000, Duration::from_secs(3))
            .samples()
            .to_vec();
        samples.extend_from_slice(alice.samples());
        Audio::new(8_000, samples).write(&late).expect("written");
        assert_heard(&Desk::voice("alice"), &late);
        assert_not_heard(&Desk::voice("bob"), &late);
    }

    /// A clock that is 2 % slow, and a pause that grew by 150 ms on the way.
    #[test]
    fn a_voice_is_heard_though_a_clock_is_slow_and_pauses_grew() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["alice", "bob"] {
            let voice = Audio::read(&Desk::voice(name)).expect("the voice is there");
            let slow = voice.resampled(16_320);
            let middle = Duration::from_millis(3_900);
            let begin = slow.slice(Duration::ZERO, middle);
            let end = slow.slice(middle, slow.duration());
            let grown = [begin.samples(), &[0.0; 2_400], end.samples()];
            let file = folder.path().join("slow.wav");
            let heard = Audio::new(16_000, grown.concat());
            heard.write(&file).expect("written");
            assert_heard(&Desk::voice(name), &file);
            let other = if name == "alice" { "bob" } else { "alice" };
            assert_not_heard(&Desk::voice(other), &file);
        }
    }

    #[test]
    fn a_second_that_is_missing_is_noticed() {
        for name in ["alice", "bob"] {
            let voice = Audio::read(&Desk::voice(name)).expect("the voice is there");
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("cut.wav");
            let cut = voice.without(Duration::from_secs(2), Duration::from_secs(3));
            cut.write(&file).expect("written");
            let score = score(&Desk::voice(name), &file);
            assert!(score < SAME, "{name}: {score:.3}");
        }
    }

    #[test]
    fn silence_never_begins() {
        assert_eq!(
            speech_begins(&Audio::silence(8_000, Duration::from_secs(1))),
            None
        );
    }
}
