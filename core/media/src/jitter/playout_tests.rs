//! The buffer on synthetic traces: how long sound waits, and what has to be invented.

use std::f32::consts::TAU;

use bytes::Bytes;
use tandem_types::{Entropy, SeededEntropy};

use super::*;
use crate::codecs::{OpusHints, encoder};
use crate::frame::SILENT_FRAME;
use crate::testing::origin;

/// A packet of a trace.
struct Sent {
    /// Milliseconds from the start to the arrival; `None`: lost.
    arrival: Option<f64>,
    number: u64,
    timestamp: u32,
    payload: Bytes,
}

/// What became of a trace.
struct Outcome {
    stats: PlayoutStats,
    /// Delay at the end, in milliseconds.
    delay: u128,
    target: u128,
    /// Largest delay in the last half.
    worst: u128,
    heard: Vec<f32>,
}

/// A second that can be repeated without an edge: its melody comes back to where it began.
fn voice() -> Vec<f32> {
    let mut phase = 0.0_f32;
    (0..48_000)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            phase = (phase + 150.0 * (1.0 + 0.1 * (TAU * t).sin()) / 48_000.0).fract();
            (1..6).map(|h| (TAU * h as f32 * phase).sin() * 0.1).sum()
        })
        .collect()
}

/// `seconds` of a voice-like sound in packets of 20 ms, sent by a clock `drift_ppm` fast.
fn trace(codec: AudioCodec, seconds: u32, drift_ppm: f64) -> Vec<Sent> {
    let mut encoder = encoder(codec, OpusHints::default()).unwrap();
    let ticks = codec.clock_rate() / 50;
    let voice = voice();
    let mut known: Vec<Bytes> = Vec::new();
    (0..seconds * 50)
        .map(|n| {
            // G.711 keeps no state: from the second second on its packets repeat with the voice.
            let again = match codec {
                AudioCodec::Pcmu | AudioCodec::Pcma if n >= 100 => known.get(50 + n as usize % 50),
                _ => None,
            };
            let payload = again.cloned().unwrap_or_else(|| {
                let start = (n as usize % 50) * FRAME_SAMPLES;
                let sound = &voice[start..start + FRAME_SAMPLES];
                Bytes::from(encoder.encode(sound).unwrap())
            });
            known.push(payload.clone());
            Sent {
                arrival: Some(f64::from(n) * 20.0 * (1.0 - drift_ppm / 1e6)),
                number: u64::from(n),
                timestamp: 4_294_900_000_u32.wrapping_add(n * ticks),
                payload,
            }
        })
        .collect()
}

fn play(codec: AudioCodec, mut trace: Vec<Sent>, seconds: u32) -> Outcome {
    let epoch = origin();
    let at = |ms: f64| epoch + Duration::from_secs_f64((ms + 100.0) / 1000.0);
    trace.retain(|sent| sent.arrival.is_some());
    trace.sort_by(|a, b| a.arrival.unwrap().total_cmp(&b.arrival.unwrap()));
    let mut arriving = trace.into_iter().peekable();
    let mut playout = Playout::new(epoch);
    let mut heard = Vec::new();
    let mut worst = 0;
    for tick in 0..seconds * 50 {
        // The media clock of the receiver is not in step with the sender's.
        let now = f64::from(tick) * 20.0 + 7.0;
        while arriving
            .peek()
            .is_some_and(|sent| sent.arrival.unwrap() <= now)
        {
            let sent = arriving.next().unwrap();
            let coded = Coded {
                codec,
                number: sent.number,
                payload: sent.payload,
            };
            playout.insert(at(sent.arrival.unwrap()), sent.timestamp, coded);
        }
        let mut frame = SILENT_FRAME;
        playout.pull(at(now), &mut frame);
        heard.extend_from_slice(&frame);
        if tick > seconds * 25 {
            worst = worst.max(playout.delays().0.as_millis());
        }
    }
    let (delay, target) = playout.delays();
    Outcome {
        stats: playout.stats(),
        delay: delay.as_millis(),
        target: target.as_millis(),
        worst,
        heard,
    }
}

fn delayed(mut trace: Vec<Sent>, mut by: impl FnMut(usize) -> Option<f64>) -> Vec<Sent> {
    for (n, sent) in trace.iter_mut().enumerate() {
        let extra = by(n);
        sent.arrival = sent
            .arrival
            .zip(extra)
            .map(|(arrival, extra)| arrival + extra);
    }
    trace
}

fn concealed_frames(outcome: &Outcome) -> u64 {
    outcome.stats.concealed_samples / FRAME_SAMPLES as u64
}

#[test]
fn a_steady_stream_waits_little_and_is_played_untouched() {
    for codec in AudioCodec::ALL {
        let outcome = play(codec, trace(codec, 20, 0.0), 20);
        assert_eq!(outcome.stats, PlayoutStats::default(), "{codec}");
        assert!(outcome.worst < 40, "{codec}: {}", outcome.worst);
    }
}

#[test]
fn jitter_of_thirty_either_way_is_absorbed_with_less_than_a_tenth_of_a_second() {
    for seed in 0..5 {
        println!("seed {seed}");
        let mut dice = SeededEntropy::new(seed);
        let sent = delayed(trace(AudioCodec::Pcmu, 60, 0.0), |_| {
            Some(dice.below(60_001) as f64 / 1000.0)
        });
        let outcome = play(AudioCodec::Pcmu, sent, 60);
        // Of 3000 frames; the first second, in which the spread is learnt, included.
        assert!(concealed_frames(&outcome) < 90, "{:?}", outcome.stats);
        assert!((50..=60).contains(&outcome.target), "{}", outcome.target);
        assert!(outcome.worst <= 100, "{}", outcome.worst);
    }
}

#[test]
fn once_the_weather_is_fine_again_so_is_the_delay() {
    let mut dice = SeededEntropy::new(9);
    let sent = delayed(trace(AudioCodec::Opus, 80, 0.0), |n| {
        Some(if n < 1000 {
            dice.below(120_001) as f64 / 1000.0
        } else {
            0.0
        })
    });
    let outcome = play(AudioCodec::Opus, sent, 80);
    assert!(outcome.delay < 50, "{}", outcome.delay);
    assert!(outcome.stats.stretched_samples > 0);
    assert!(outcome.target <= 20, "{}", outcome.target);
}

#[test]
fn a_burst_that_arrives_late_all_at_once_costs_what_it_was_late() {
    // Once a second of silence on the wire, 200 ms, then everything at once.
    let sent = delayed(trace(AudioCodec::Pcma, 30, 0.0), |n| {
        let phase = n % 250;
        Some(if (100..110).contains(&phase) {
            (110 - phase) as f64 * 20.0
        } else {
            0.0
        })
    });
    let outcome = play(AudioCodec::Pcma, sent, 30);
    // Six bursts of 200 ms each.
    assert!(concealed_frames(&outcome) <= 6 * 11, "{:?}", outcome.stats);
    assert!(outcome.delay < 300, "{}", outcome.delay);
}

#[test]
fn a_path_that_becomes_longer_costs_what_it_became_longer() {
    for (longer, most) in [(60.0, 4), (150.0, 9)] {
        let sent = delayed(trace(AudioCodec::Pcmu, 60, 0.0), |n| {
            Some(if n < 500 { 0.0 } else { longer })
        });
        let outcome = play(AudioCodec::Pcmu, sent, 60);
        assert!(
            concealed_frames(&outcome) <= most,
            "{longer}: {:?}",
            outcome.stats
        );
        assert_eq!(outcome.stats.late_packets, 0);
        assert!(outcome.delay < 60, "{}", outcome.delay);
    }
}

#[test]
fn loss_is_concealed_once_and_opus_restores_single_ones() {
    for percent in [5, 10, 20, 30] {
        for codec in [AudioCodec::Opus, AudioCodec::G722] {
            println!("seed {percent}");
            let mut dice = SeededEntropy::new(percent);
            let mut lost = 0;
            let sent = delayed(trace(codec, 60, 0.0), |_| {
                let gone = dice.below(100) < percent;
                lost += u64::from(gone);
                (!gone).then_some(0.0)
            });
            let outcome = play(codec, sent, 60);
            let invented = concealed_frames(&outcome);
            let restored = outcome.stats.recovered_samples / FRAME_SAMPLES as u64;
            println!("{codec} {percent} %: {lost} lost, {invented} invented, {restored} restored");
            if codec == AudioCodec::Opus {
                // Only the last of a run can be restored; runs make up a share of `percent`.
                let runs = lost * (100 - percent) / 100;
                assert!(restored * 10 >= runs * 8, "{restored} of {runs}");
                assert!(invented + restored <= lost + lost / 10 + 5);
            } else {
                assert_eq!(restored, 0);
                assert!(invented <= lost + lost / 10 + 5, "{invented} for {lost}");
            }
            assert!(outcome.worst <= 80, "{}", outcome.worst);
        }
    }
}

#[test]
fn clocks_that_drift_apart_for_minutes_never_run_dry_or_pile_up() {
    for drift_ppm in [200.0, -200.0] {
        let outcome = play(
            AudioCodec::Pcmu,
            trace(AudioCodec::Pcmu, 240, drift_ppm),
            239,
        );
        // 200 ppm of four minutes are 48 ms: that much has to come or go.
        assert_eq!(
            concealed_frames(&outcome),
            0,
            "{drift_ppm}: {:?}",
            outcome.stats
        );
        assert!(outcome.worst < 80, "{drift_ppm}: {}", outcome.worst);
        assert!(outcome.delay < 70, "{drift_ppm}: {}", outcome.delay);
    }
}

#[test]
fn reordered_and_wrapped_packets_are_played_in_order() {
    // Every third packet is overtaken by the next one; the timestamps of the trace wrap after 8 s.
    let sent = delayed(trace(AudioCodec::Pcma, 20, 0.0), |n| {
        Some(if n % 3 == 0 { 25.0 } else { 0.0 })
    });
    let straight = play(AudioCodec::Pcma, trace(AudioCodec::Pcma, 20, 0.0), 20);
    let outcome = play(AudioCodec::Pcma, sent, 20);
    assert!(concealed_frames(&outcome) <= 2, "{:?}", outcome.stats);
    let loudness = |sound: &[f32]| sound.iter().map(|s| s * s).sum::<f32>();
    let (a, b) = (loudness(&straight.heard), loudness(&outcome.heard));
    assert!((a / b - 1.0).abs() < 0.02, "{a} {b}");
}

#[test]
fn a_jump_of_the_timestamps_and_a_pause_are_survived() {
    let mut sent = trace(AudioCodec::Pcmu, 20, 0.0);
    for packet in sent.iter_mut().skip(500) {
        packet.timestamp = packet.timestamp.wrapping_add(3_000_000_000);
    }
    // And one packet whose timestamp is plain wrong.
    sent[250].timestamp = 12_345;
    // And nothing at all for two seconds.
    let sent = delayed(sent, |n| (!(700..800).contains(&n)).then_some(0.0));
    let outcome = play(AudioCodec::Pcmu, sent, 20);
    // The wrong packet, the one that first shows the jump, and the 200 ms until the pause is one.
    assert!(concealed_frames(&outcome) <= 16, "{:?}", outcome.stats);
    let pause = &outcome.heard[48_000 * 15..48_000 * 15 + 24_000];
    assert!(pause.iter().all(|s| *s == 0.0));
    let after = &outcome.heard[48_000 * 17..48_000 * 18];
    assert!(after.iter().map(|s| s * s).sum::<f32>() > 100.0);
    assert!(outcome.delay < 60, "{}", outcome.delay);
}

#[test]
fn an_encoder_that_falls_silent_is_no_loss() {
    let mut sent = trace(AudioCodec::Opus, 10, 0.0);
    let (before, rest) = sent.split_at_mut(200);
    // RFC 7587 §3.1.3: a last packet of one byte, then one every 400 ms.
    before[199].payload = Bytes::from_static(&[0x78]);
    let mut number = 200;
    for (n, packet) in rest.iter_mut().enumerate() {
        let quiet = n < 150;
        if quiet && n % 20 != 19 {
            packet.arrival = None;
            continue;
        }
        if quiet {
            packet.payload = Bytes::from_static(&[0x78]);
        }
        packet.number = number;
        number += 1;
    }
    let outcome = play(AudioCodec::Opus, sent, 10);
    assert!(concealed_frames(&outcome) <= 1, "{:?}", outcome.stats);
    assert!(outcome.delay < 60);
}

#[test]
fn a_flood_is_bounded() {
    let mut playout = Playout::new(origin());
    for number in 0..100_000_u32 {
        let payload = Bytes::from_static(&[0xff; 160]);
        let coded = Coded {
            codec: AudioCodec::Pcmu,
            number: u64::from(number),
            payload,
        };
        playout.insert(origin(), number * 160, coded);
    }
    let mut frame = SILENT_FRAME;
    playout.pull(origin() + Duration::from_millis(50), &mut frame);
    assert!(playout.delays().1 <= Duration::from_millis(400));
}
