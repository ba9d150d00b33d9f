//! How long it takes until the two hear each other.

use crate::link::{ALICE, BOB, Call, Plan, ms};

/// Median, 95th percentile and maximum.
fn spread(times: &mut [u64]) -> (u64, u64, u64) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    (at(50), at(95), at(100))
}

/// The later of the two ends, for each seed.
fn measure(seeds: u64, plan: Plan) -> (u64, u64, u64) {
    let mut times: Vec<u64> = (0..seeds)
        .map(|seed| {
            let mut call = Call::up(10_000 + seed, plan);
            call.talk(ms(30_000));
            let [alice, bob] = call.first_rtp();
            assert!(!call.phones[ALICE].failed() && !call.phones[BOB].failed());
            alice.max(bob)
        })
        .collect();
    let figures = spread(&mut times);
    println!(
        "loss {} %, {seeds} seeds: median/p95/max {figures:?} ms",
        plan.loss_percent
    );
    figures
}

#[test]
fn at_a_round_trip_of_100_ms_both_hear_each_other_within_300_ms() {
    let (_, _, worst) = measure(10, Plan::default());
    assert!(worst <= 300, "{worst}");
}

/// How many seeds: a thousand when `TANDEM_SEEDS` says so, few in every run.
fn seeds(few: u64) -> u64 {
    let asked = std::env::var("TANDEM_SEEDS").ok();
    asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(few)
}

#[test]
fn at_thirty_percent_loss_nobody_fails_and_nearly_all_are_fast() {
    let plan = Plan {
        loss_percent: 30,
        jitter_ms: 10,
        ..Plan::default()
    };
    let (median, p95, _) = measure(seeds(50), plan);
    assert!(median <= 900, "{median}");
    assert!(p95 <= 1200, "{p95}");
}
