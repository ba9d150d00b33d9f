//! Whom an ear hears: each person of the town has a pitch of their own.

use std::f32::consts::TAU;

/// How much of what was heard is a tone of `hertz`: 1 all of it, 0 nothing (Goertzel's power over the whole
/// power).
pub fn share_of(heard: &[f32], hertz: f32) -> f32 {
    let energy: f32 = heard.iter().map(|sample| sample * sample).sum();
    if energy <= f32::EPSILON {
        return 0.0;
    }
    // Short stretches, so that a slip of the jitter buffer costs one of them and not the rest.
    let stretch = 4_800;
    let power: f32 = heard
        .chunks(stretch)
        .map(|part| tone_energy(part, hertz))
        .sum();
    power / energy
}

/// How loud what was heard is: the root of its mean power.
pub fn loudness(heard: &[f32]) -> f32 {
    (heard.iter().map(|sample| sample * sample).sum::<f32>() / heard.len().max(1) as f32).sqrt()
}

fn tone_energy(part: &[f32], hertz: f32) -> f32 {
    let (mut cos, mut sin) = (0.0, 0.0);
    for (index, sample) in part.iter().enumerate() {
        let angle = TAU * hertz * index as f32 / 48_000.0;
        cos += sample * angle.cos();
        sin += sample * angle.sin();
    }
    2.0 * (cos * cos + sin * sin) / part.len() as f32
}

#[test]
fn an_ear_tells_two_pitches_apart() {
    let tone: Vec<f32> = (0..48_000)
        .map(|i| (TAU * 1_000.0 * i as f32 / 48_000.0).sin())
        .collect();
    assert!(share_of(&tone, 1_000.0) > 0.99);
    assert!(share_of(&tone, 1_300.0) < 0.01);
    assert_eq!(share_of(&[0.0; 100], 1_000.0), 0.0);
}
