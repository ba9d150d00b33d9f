//! All codecs by the same measure, and what sets each apart.

use std::f32::consts::TAU;

use super::*;
use crate::frame::FRAME_SAMPLES;

fn voice(frames: usize) -> Vec<f32> {
    (0..frames * FRAME_SAMPLES)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            let harmonic = |h: usize| (TAU * 170.0 * h as f32 * t).sin() / h as f32;
            0.2 * (1..12).map(harmonic).sum::<f32>() * (0.6 + 0.4 * (TAU * 3.0 * t).sin())
        })
        .collect()
}

fn round_trip(codec: AudioCodec, sound: &[f32]) -> (Vec<f32>, usize) {
    let mut coder = encoder(codec, OpusHints::default()).unwrap();
    let mut back = decoder(codec).unwrap();
    let mut heard = Vec::new();
    let mut bytes = 0;
    for frame in sound.chunks_exact(FRAME_SAMPLES) {
        let payload = coder.encode(frame).unwrap();
        bytes += payload.len();
        assert_eq!(back.duration(&payload), FRAME_SAMPLES, "{codec}");
        let before = heard.len();
        back.decode(&payload, &mut heard).unwrap();
        assert_eq!(heard.len() - before, FRAME_SAMPLES, "{codec}");
    }
    (heard, bytes)
}

/// Best signal-to-noise ratio over all delays up to 30 ms, in dB.
fn snr(original: &[f32], heard: &[f32]) -> f32 {
    let compared = 24_000..72_000;
    let power: f32 = original[compared.clone()].iter().map(|s| s * s).sum();
    (0..1440)
        .map(|delay| {
            let noise: f32 = compared
                .clone()
                .step_by(5)
                .map(|n| (original[n] - heard[n + delay]).powi(2))
                .sum();
            10.0 * (power / (5.0 * noise)).log10()
        })
        .fold(f32::MIN, f32::max)
}

#[test]
fn every_codec_gives_back_what_it_got_within_its_means() {
    let sound = voice(100);
    for (codec, least, bytes_a_frame) in [
        // Opus keeps what is heard, not the wave: at 32 kbit/s it does not reach more.
        (AudioCodec::Opus, 6.0, 30..140),
        (AudioCodec::G722, 18.0, 160..161),
        (AudioCodec::Pcmu, 30.0, 160..161),
        (AudioCodec::Pcma, 30.0, 160..161),
    ] {
        let (heard, bytes) = round_trip(codec, &sound);
        let ratio = snr(&sound, &heard);
        assert!(ratio > least, "{codec}: {ratio} dB");
        assert!(bytes_a_frame.contains(&(bytes / 100)), "{codec}: {bytes}");
    }
}

#[test]
fn g722_carries_what_g711_cannot() {
    let tone = |hertz: f32| -> Vec<f32> {
        (0..48_000)
            .map(|n| 0.3 * (TAU * hertz * n as f32 / 48_000.0).sin())
            .collect()
    };
    let power = |sound: &[f32]| sound[9600..].iter().map(|s| s * s).sum::<f32>() / 38_400.0;
    for (codec, audible) in [(AudioCodec::G722, true), (AudioCodec::Pcma, false)] {
        let (heard, _) = round_trip(codec, &tone(6000.0));
        let ratio = power(&heard) / power(&tone(6000.0));
        assert_eq!(ratio > 0.5, audible, "{codec}: {ratio}");
        let (heard, _) = round_trip(codec, &tone(1000.0));
        assert!((power(&heard) / power(&tone(1000.0)) - 1.0).abs() < 0.05);
    }
}

/// The last samples that an independent implementation (libg722) decodes from the same 1600 bytes.
#[test]
fn g722_decodes_bit_for_bit_like_others_do() {
    let payload: Vec<u8> = (0..1600_u32)
        .map(|n| ((n * 37 + 11) ^ (n >> 3)) as u8)
        .collect();
    let mut pcm = vec![0; 3200];
    let mut back = audio_codec::g722::G722Decoder::new();
    assert_eq!(back.decode_frame_into(&payload, &mut pcm), Ok(3200));
    let expected = [
        -32768, 32767, -1359, 339, -32768, 27903, 32767, -32768, -4146, -31635, 32767, 8476, -5179,
        -14197, -32768, 32767,
    ];
    assert_eq!(pcm[3184..], expected);
}

#[test]
fn opus_restores_a_lost_packet_from_the_next_one() {
    let sound = voice(60);
    let mut coder = encoder(AudioCodec::Opus, OpusHints::default()).unwrap();
    coder.expect_loss(25);
    let payloads: Vec<Vec<u8>> = sound
        .chunks_exact(FRAME_SAMPLES)
        .map(|frame| coder.encode(frame).unwrap())
        .collect();
    let play = |restore: Option<bool>| -> Vec<f32> {
        let mut back = decoder(AudioCodec::Opus).unwrap();
        let mut heard = Vec::new();
        for (n, payload) in payloads.iter().enumerate() {
            match restore {
                Some(fec) if n % 5 == 3 => {
                    let next = payloads.get(n + 1).map_or(&[][..], Vec::as_slice);
                    let done = fec && back.recover(next, FRAME_SAMPLES, &mut heard);
                    if !done {
                        assert!(back.conceal(FRAME_SAMPLES, &mut heard));
                    }
                }
                _ => back.decode(payload, &mut heard).unwrap(),
            }
        }
        heard
    };
    let whole = play(None);
    let error = |heard: &[f32]| -> f32 {
        whole
            .iter()
            .zip(heard)
            .skip(9600)
            .map(|(a, b)| (a - b).powi(2))
            .sum()
    };
    let (guessed, restored) = (error(&play(Some(false))), error(&play(Some(true))));
    assert!(restored < guessed * 0.7, "{restored} {guessed}");
}

#[test]
fn damaged_payloads_are_errors_and_add_nothing() {
    for codec in AudioCodec::ALL {
        let mut back = decoder(codec).unwrap();
        let mut heard = Vec::new();
        assert_eq!(
            back.decode(&[], &mut heard),
            Err(CodecError::Decode),
            "{codec}"
        );
        // Longer than any packet may be; for Opus, a frame count that cannot be.
        let nonsense = vec![0xff; 1500];
        assert_eq!(
            back.decode(&nonsense, &mut heard),
            Err(CodecError::Decode),
            "{codec}"
        );
        assert!(heard.is_empty());
    }
}

#[test]
fn hints_are_read_and_nonsense_is_passed_over() {
    assert_eq!(OpusHints::parse(""), OpusHints::default());
    assert_eq!(
        OpusHints::parse("stereo;=;maxaveragebitrate=x;useinbandfec=1"),
        OpusHints::default()
    );
    let slow = OpusHints {
        max_bitrate: Some(8_000),
        constant_bitrate: true,
        ..OpusHints::default()
    };
    let mut coder = encoder(AudioCodec::Opus, slow).unwrap();
    let sound = voice(50);
    let sizes: Vec<usize> = sound
        .chunks_exact(FRAME_SAMPLES)
        .map(|f| coder.encode(f).unwrap().len())
        .collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]));
    assert!(sizes[0] <= 8_000 / 8 / 50 + 2, "{}", sizes[0]);
}
