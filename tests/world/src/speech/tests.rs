//! The measure against what calls do to speech, and against what is no such speech at all.

use tandem_types::{Entropy, SeededEntropy};

use super::*;
use crate::voices;

/// What a call that worked scores at least, whatever its codec.
const ALIKE: f64 = 0.85;
/// What anything else scores at most.
const DIFFERENT: f64 = 0.6;

fn mapped(audio: &Audio, sample: impl FnMut(&f32) -> f32) -> Audio {
    Audio::new(audio.rate(), audio.samples().iter().map(sample).collect())
}

fn with_gain(audio: &Audio, decibel: f32) -> Audio {
    mapped(audio, |s| s * 10f32.powf(decibel / 20.0))
}

/// White noise `decibel` below the speech's own level.
fn with_noise(audio: &Audio, decibel: f64, seed: u64) -> Audio {
    let mut entropy = SeededEntropy::new(seed);
    let level = 10f64.powf((audio.level_dbfs() - decibel) / 20.0);
    // A uniform value of ±1 has a level of 1/√3.
    let mut noise = || (entropy.below(2_001) as f64 / 1_000.0 - 1.0) * 3f64.sqrt() * level;
    mapped(audio, |s| s + noise() as f32)
}

/// µ-law at 8 kHz and back (the continuous curve of G.711 in 8 bits).
fn through_pcmu(audio: &Audio) -> Audio {
    let narrow = audio.resampled(8_000);
    let coded = mapped(&narrow, |s| {
        let curve = (1.0 + 255.0 * s.abs()).ln() / 256f32.ln();
        let quantised = (curve * 127.0).round() / 127.0;
        s.signum() * (256f32.powf(quantised) - 1.0) / 255.0
    });
    coded.resampled(audio.rate())
}

fn delayed(audio: &Audio, milliseconds: usize) -> Audio {
    let mut samples = vec![0.0; audio.rate() as usize * milliseconds / 1_000];
    samples.extend_from_slice(audio.samples());
    Audio::new(audio.rate(), samples)
}

/// Every `nth` 20 ms packet is lost and replaced by silence.
fn with_losses(audio: &Audio, nth: usize) -> Audio {
    let packet = audio.rate() as usize / 50;
    let mut n = 0;
    mapped(audio, |s| {
        n += 1;
        if (n / packet).is_multiple_of(nth) {
            0.0
        } else {
            *s
        }
    })
}

#[test]
fn speech_that_went_through_a_call_is_recognised() {
    for voice in [voices::alice(), voices::bob()] {
        let heard = [
            ("as it was", voice.clone()),
            ("12 dB louder", with_gain(&voice, 12.0)),
            ("20 dB softer", with_gain(&voice, -20.0)),
            ("noise at -25 dB", with_noise(&voice, 25.0, 1)),
            ("G.711", through_pcmu(&voice)),
            ("low pass at 3.4 kHz", voice.resampled(6_800)),
            ("at 48 kHz", voice.resampled(48_000)),
            ("5 % lost", with_losses(&voice, 20)),
            ("130 ms late", delayed(&voice, 130)),
            ("400 ms late", delayed(&voice, 400)),
            (
                "first 60 ms missing",
                voice.slice(Duration::from_millis(60), Duration::MAX),
            ),
            (
                "all at once",
                delayed(
                    &with_noise(&through_pcmu(&with_gain(&voice, -10.0)), 30.0, 2),
                    333,
                ),
            ),
        ];
        for (what, heard) in heard {
            let Similarity { score, shift_ms } = similarity(&voice, &heard);
            println!("{what}: {score:.3} after {shift_ms} ms");
            assert!(score >= ALIKE, "{what}: {score}");
        }
    }
}

#[test]
fn the_alignment_is_found_to_the_step() {
    let voice = voices::bob();
    for milliseconds in [0, 35, 200, 500] {
        let found = similarity(&voice, &delayed(&voice, milliseconds)).shift_ms;
        assert!(
            (found - milliseconds as i64).abs() <= STEP_MS,
            "{found} for {milliseconds}"
        );
    }
}

#[test]
fn what_is_no_such_speech_is_told_apart() {
    let (alice, bob) = (voices::alice(), voices::bob());
    let half = alice.duration() / 2;
    let mut swapped = alice.slice(half, alice.duration()).samples().to_vec();
    swapped.extend_from_slice(alice.slice(Duration::ZERO, half).samples());
    let silence = Audio::silence(16_000, alice.duration());
    let mut entropy = SeededEntropy::new(3);
    let noise = mapped(&silence, |_| entropy.below(2_001) as f32 / 1_000.0 - 1.0);
    let cases = [
        ("the other speaker", bob.clone()),
        ("the other speaker over G.711", through_pcmu(&bob)),
        ("the same speaker, other words", Audio::new(16_000, swapped)),
        ("silence", silence.clone()),
        ("an empty file", Audio::silence(16_000, Duration::ZERO)),
        (
            "a click in silence",
            mapped(&silence, {
                let mut n = 0;
                move |_| {
                    n += 1;
                    f32::from(u8::from(n == 9_000))
                }
            }),
        ),
        ("noise", noise),
        ("all of it 700 ms late", delayed(&alice, 700)),
        (
            "nothing after the third second",
            alice.slice(Duration::ZERO, Duration::from_secs(3)),
        ),
    ];
    for (what, heard) in cases {
        let score = similarity(&alice, &heard).score;
        println!("{what}: {score:.3}");
        assert!(score <= DIFFERENT, "{what}: {score}");
    }
}

#[test]
fn the_controls_stay_low_while_the_real_thing_is_high() {
    let (alice, bob) = (voices::alice(), voices::bob());
    for (reference, other) in [(&alice, &bob), (&bob, &alice)] {
        let heard = delayed(&through_pcmu(reference), 120);
        let real = similarity(reference, &heard).score;
        let controls = Controls::measure(reference, &heard, other);
        println!("{real:.3} {controls:?}");
        assert!(controls.worst() <= DIFFERENT, "{controls:?}");
        assert!(controls.one_second_cut < real - 0.25, "{controls:?} {real}");
    }
}

#[test]
fn a_cut_is_noticed_even_where_a_long_pause_follows_the_words() {
    let voice = voices::alice();
    let mut samples = voice.samples().to_vec();
    samples.extend(vec![0.0; 16_000 * 8]);
    let voice = Audio::new(16_000, samples);
    let controls = Controls::measure(&voice, &voice, &voices::bob());
    println!("{controls:?}");
    assert!(controls.worst() <= DIFFERENT, "{controls:?}");
}
