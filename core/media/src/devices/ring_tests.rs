//! A microphone and a loudspeaker whose clocks are off, and that come and go.

use std::f32::consts::TAU;

use super::*;
use crate::frame::{LevelMeter, SILENT_FRAME};

/// Plays `seconds` of a sine into a microphone whose clock is `ppm` fast, in lumps; returns what is read.
fn capture(rate: u32, channels: u16, ppm: f64, seconds: u32) -> Vec<f32> {
    let (plug, mut source) = microphone();
    let mut end = plug.microphone(rate, channels);
    let mut produced = 0_u64;
    let mut read = Vec::new();
    for tick in 1..=(seconds * 50) {
        // A callback brings 512 samples whenever there are as many.
        let due = f64::from(tick) * 0.02 * f64::from(rate) * (1.0 + ppm / 1e6);
        while (produced + 512) as f64 <= due {
            let lump: Vec<i16> = (produced..produced + 512)
                .flat_map(|n| {
                    let value = (f64::from(TAU) * 440.0 * n as f64 / f64::from(rate)).sin();
                    std::iter::repeat_n((value * 16_000.0) as i16, usize::from(channels))
                })
                .collect();
            end.push(&lump, |s| f32::from(s) / 32_768.0);
            produced += 512;
        }
        let mut frame = SILENT_FRAME;
        source.read(&mut frame);
        read.extend_from_slice(&frame);
    }
    read
}

/// Steps larger than a 440 Hz sine of this size can make.
fn clicks(sound: &[f32]) -> usize {
    sound
        .windows(2)
        .filter(|w| (w[1] - w[0]).abs() > 0.06)
        .count()
}

/// 1500 ppm move 45 ms in the 30 s played here: more than the cushion. Real devices are ten times better.
#[test]
fn a_microphone_with_a_clock_of_its_own_is_heard_for_a_minute_without_a_click() {
    for (rate, channels, ppm) in [(48_000, 1, 1500.0), (44_100, 2, -1500.0), (16_000, 1, 0.0)] {
        let heard = capture(rate, channels, ppm, 30);
        // After the start, when the first samples gather.
        let steady = &heard[48_000..];
        assert_eq!(clicks(steady), 0, "{rate} {ppm}");
        let mut meter = LevelMeter::default();
        meter.add(steady);
        let level = meter.take_dbov();
        let expected = 20.0 * (16_000.0_f32 / 32_768.0 / 2.0_f32.sqrt()).log10();
        assert!((level - expected).abs() < 0.1, "{level} {expected}");
    }
}

#[test]
fn a_loudspeaker_with_a_clock_of_its_own_never_runs_dry_or_over() {
    for (rate, ppm) in [(48_000_u32, 1500.0), (44_100, -1500.0)] {
        let (plug, mut sink) = loudspeaker();
        let mut end = plug.loudspeaker(rate, 2);
        let mut played = Vec::new();
        let mut taken = 0_u64;
        let mut phase = 0.0_f32;
        for tick in 1..=(30 * 50) {
            let mut frame = SILENT_FRAME;
            for sample in &mut frame {
                phase = (phase + TAU * 440.0 / 48_000.0) % TAU;
                *sample = phase.sin() * 0.5;
            }
            sink.write(&frame);
            let due = f64::from(tick) * 0.02 * f64::from(rate) * (1.0 + ppm / 1e6);
            while (taken + 256) as f64 <= due {
                let mut lump = [0.0_f32; 512];
                end.pull(&mut lump, |s| s);
                assert!(lump.chunks(2).all(|pair| pair[0] == pair[1]));
                played.extend(lump.iter().step_by(2));
                taken += 256;
            }
        }
        assert_eq!(clicks(&played[rate as usize..]), 0, "{rate} {ppm}");
    }
}

#[test]
fn without_a_device_there_is_silence_and_a_replaced_one_is_heard_again() {
    let (plug, mut source) = microphone();
    let mut frame = [1.0; FRAME_SAMPLES];
    source.read(&mut frame);
    assert_eq!(frame, SILENT_FRAME);
    for _ in 0..2 {
        let mut end = plug.microphone(48_000, 1);
        end.push(&[0.5_f32; 4800], |s| s);
        for _ in 0..3 {
            source.read(&mut frame);
        }
        assert!((frame[900] - 0.5).abs() < 0.01);
        // It goes away; what it left is played out, then there is silence.
        drop(end);
        for _ in 0..8 {
            source.read(&mut frame);
        }
        assert_eq!(frame, SILENT_FRAME);
    }
}

#[test]
fn a_loudspeaker_that_stops_does_not_block_and_a_stalled_reader_does_not_lag_behind() {
    let (plug, mut sink) = loudspeaker();
    let _end = plug.loudspeaker(48_000, 1);
    for _ in 0..1000 {
        sink.write(&[0.1; FRAME_SAMPLES]);
    }
    let (plug, mut source) = microphone();
    let mut end = plug.microphone(48_000, 1);
    end.push(&[0.0_f32; 12_000], |s| s);
    end.push(&[0.5_f32; 4000], |s| s);
    let mut frame = SILENT_FRAME;
    source.read(&mut frame);
    source.read(&mut frame);
    // 333 ms waited; all but the newest 40 are gone.
    assert!((frame[0] - 0.5).abs() < 0.01);
}

#[test]
fn a_device_runs_as_long_as_its_end_is_kept() {
    let running = std::sync::Arc::new(());
    let (_plug, source) = microphone();
    let source = source.kept_by(Box::new(std::sync::Arc::clone(&running)));
    let (_plug, sink) = loudspeaker();
    let sink = sink.kept_by(Box::new(std::sync::Arc::clone(&running)));
    assert_eq!(std::sync::Arc::strong_count(&running), 3);
    drop(source);
    drop(sink);
    assert_eq!(std::sync::Arc::strong_count(&running), 1);
}
