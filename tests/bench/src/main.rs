//! What is measured, beside other people's stacks and the raw limits: `cargo xtask bench transport`.

mod cost;
mod handshake;
mod security;
mod way;
mod wire;

use std::time::{Duration, Instant};

use handshake::Variant;
use serde_json::{Value, json};
use tandem_media::fuzzing::srtp::SrtpProfile;
use wire::Weather;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let calls = arguments.next().and_then(|text| text.parse().ok());
    let file = arguments.next();
    let report = json!({
        "handshake": handshakes(calls.unwrap_or(200)),
        "srtp": srtp(),
        "memory": memory(),
    });
    if let Some(file) = file {
        std::fs::write(&file, format!("{report:#}")).expect("a place for the report");
    }
}

/// From both ends knowing each other to both hearing each other.
fn handshakes(calls: u64) -> Value {
    let start = Instant::now();
    println!(
        "first audio both ways, {calls} calls, RTT 100 ms, jitter 10 ms, seeds 1 to {calls}, in ms"
    );
    println!("                                       loss  median     p95     max   fails   bytes");
    let mut rows = Vec::new();
    for loss in [0, 10, 30] {
        let weather = Weather {
            round_trip: Duration::from_millis(100),
            jitter: Duration::from_millis(10),
            loss,
        };
        for variant in Variant::ALL {
            let figures = handshake::many(variant, weather, calls, start);
            println!(
                "{:<38} {loss:>3} % {:>7} {:>7} {:>7} {:>7} {:>7}",
                variant.name(),
                figures.median,
                figures.p95,
                figures.max,
                figures.failures,
                figures.bytes
            );
            rows.push(json!({
                "variant": variant.name(), "loss_percent": loss, "calls": figures.calls,
                "failures": figures.failures, "median_ms": figures.median,
                "p95_ms": figures.p95, "max_ms": figures.max, "bytes": figures.bytes,
            }));
        }
    }
    Value::Array(rows)
}

fn srtp() -> Value {
    println!(
        "\none packet of 92 bytes sealed and opened, in ns (5th percentile, median, 95th of 21 rounds)"
    );
    let profiles = [
        (
            SrtpProfile::AeadAes128Gcm,
            "AES-128-GCM",
            "ring, AES-128-GCM alone",
        ),
        (
            SrtpProfile::AesCm128Sha1_80,
            "AES-CM-128, SHA1-80",
            "ring, HMAC-SHA1 alone",
        ),
    ];
    let mut rows = Vec::new();
    for (profile, name, beside) in profiles {
        let cost = cost::srtp(profile);
        println!(
            "{name:<22} {:>6} {:>6} {:>6}   {beside:<26} {:>6} {:>6} {:>6}   ratio {:.2}",
            cost.ours.low,
            cost.ours.median,
            cost.ours.high,
            cost.bare.low,
            cost.bare.median,
            cost.bare.high,
            cost.ratio()
        );
        rows.push(json!({
            "profile": name, "ours_ns": cost.ours.median, "bare": beside,
            "bare_ns": cost.bare.median, "ratio": cost.ratio(),
        }));
    }
    Value::Array(rows)
}

fn memory() -> Value {
    println!("\nheap of one end while a call is set up, at most, in bytes");
    let start = Instant::now();
    let mut rows = Vec::new();
    for variant in [Variant::Ours, Variant::Dimpl13, Variant::IsDimpl13Twice] {
        let bytes = cost::memory(variant, start);
        println!("{:<38} {bytes:>8}", variant.name());
        rows.push(json!({ "variant": variant.name(), "bytes": bytes }));
    }
    Value::Array(rows)
}
