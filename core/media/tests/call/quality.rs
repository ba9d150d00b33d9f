//! How much of the voice survives bad weather.

use std::time::Duration;

use tandem_media::{AudioCodec, Capabilities};

use crate::agree::only;
use crate::link::{Call, Weather};
use crate::speech::{Speech, found};

/// Share of Bob's pieces found in what Alice said, after 20 s of `weather`.
fn survives(seed: u64, codec: AudioCodec, weather: Weather) -> (f32, Call) {
    let mut call = Call::up(seed, weather, &only(codec));
    call.run(Duration::from_secs(20));
    let share = found(
        &call.bob.heard(),
        &Speech::all(110.0, 20 * 48_000),
        400,
        0.8,
    );
    (share, call)
}

#[test]
fn jitter_alone_costs_nearly_nothing() {
    let weather = Weather {
        delay_ms: 20,
        jitter_ms: 60,
        loss_percent: 0,
        broken: false,
    };
    for codec in [AudioCodec::Opus, AudioCodec::Pcmu] {
        let (share, call) = survives(201, codec, weather);
        let stats = call.bob.session.stats();
        println!("{codec}: {share}, {stats:?}");
        assert!(share > 0.9, "{codec}: {share}");
        // 1000 frames were played.
        assert!(stats.frames_concealed < 60, "{codec}: {stats:?}");
    }
}

#[test]
fn opus_restores_most_of_what_is_lost() {
    for (loss_percent, least) in [(5, 0.93), (10, 0.9), (20, 0.8), (30, 0.7)] {
        let weather = Weather {
            delay_ms: 30,
            jitter_ms: 10,
            loss_percent,
            broken: false,
        };
        let (share, mut call) = survives(301 + loss_percent, AudioCodec::Opus, weather);
        let sample = call.bob.session.sample();
        println!("{loss_percent} %: {share}, {sample:?}");
        assert!(share > least, "{loss_percent} %: {share}");
        let recovered = sample.recovered.as_millis() / 20;
        assert!(
            recovered as u64 > sample.quality.packets_lost / 2,
            "{recovered}"
        );
    }
}

#[test]
fn g711_hides_single_losses() {
    let weather = Weather {
        delay_ms: 30,
        jitter_ms: 10,
        loss_percent: 5,
        broken: false,
    };
    let (share, call) = survives(401, AudioCodec::Pcma, weather);
    let stats = call.bob.session.stats();
    println!("{share}, {stats:?}");
    assert!(share > 0.85, "{share}");
    let lost = stats.packets_lost;
    assert!(stats.frames_concealed >= lost && stats.frames_concealed <= lost * 3 / 2 + 20);
}

#[test]
fn sixty_calls_in_bad_weather_all_carry_keys_and_reports() {
    for seed in 0..60 {
        let weather = Weather {
            delay_ms: 20 + seed,
            jitter_ms: seed % 40,
            loss_percent: 15,
            broken: false,
        };
        let mut call = Call::up(seed * 7, weather, &Capabilities::default());
        call.run(Duration::from_millis(200));
        call.alice.session.send_dtmf(call.now, "19").unwrap();
        call.run(Duration::from_secs(2));
        assert_eq!(call.bob.keys(), "19");
    }
}
