//! Calls in virtual time, one after the other, each with weather, wishes and misfortunes of its own, and what
//! this process holds meanwhile: `tandem-soak SECONDS FILE [FIRST-SEED]`.

use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem_engine::Command;
use tandem_types::{Entropy, SeededEntropy};
use tandem_world::net::Link;
use tandem_world::town::{Person, Town};

/// What one call after the other may leave behind before it is a leak: the allocator's own disorder.
const SLACK_KB: u64 = 16 * 1024;
/// So many calls come before the first measurement, for what is only made once.
const WARM: u64 = 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok());
    let limit = Duration::from_secs(seconds.unwrap_or(60));
    let file = arguments.next();
    let mut seed: u64 = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let begin = Instant::now();
    let (mut calls, mut talked, mut broken) = (0_u64, 0_u64, Vec::new());
    let (mut first_kb, mut last_kb) = (0, 0);
    while begin.elapsed() < limit {
        match panic::catch_unwind(AssertUnwindSafe(|| call(seed))) {
            Ok(did_talk) => talked += u64::from(did_talk),
            Err(_) => broken.push(seed),
        }
        (seed, calls) = (seed + 1, calls + 1);
        last_kb = resident_kb();
        if calls <= WARM {
            first_kb = last_kb;
        }
        if calls % 100 == 0 {
            eprintln!(
                "{calls} calls, {talked} talked, {} broken, {last_kb} kB",
                broken.len()
            );
        }
    }
    let grown = last_kb.saturating_sub(first_kb);
    let report: Value = json!({
        "calls": calls, "talked": talked, "broken_seeds": broken, "seconds": begin.elapsed().as_secs(),
        "resident_kb_after_warming": first_kb, "resident_kb_at_the_end": last_kb,
        "flat": grown <= SLACK_KB,
    });
    println!("{report:#}");
    if let Some(file) = file {
        std::fs::write(file, format!("{report:#}")).expect("a place for the report");
    }
    if !broken.is_empty() || grown > SLACK_KB {
        std::process::exit(1);
    }
}

/// One town, one call. Whether the two could talk; what must hold in any case is asserted.
fn call(seed: u64) -> bool {
    let mut chance = SeededEntropy::new(seed);
    let mut town = Town::new(seed);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    let weather = Link::clean(Duration::from_millis(5 + chance.below(150)))
        .losing(chance.below(31) as f64 / 100.0)
        .jittering(Duration::from_millis(chance.below(40)))
        .duplicating(chance.below(6) as f64 / 100.0)
        .reordering(chance.below(6) as f64 / 100.0);
    town.world.set_default_link(weather);
    town.calls(alice, "bob");
    let rang =
        town.until(|town| town.phone(bob).ringing().is_some() || town.phone(alice).end().is_some());
    assert!(rang, "it neither rang nor failed");
    pause(&mut town, &mut chance, 3000);
    let answered = town.phone(bob).ringing().is_some() && chance.below(10) > 0;
    if answered {
        town.answers(bob);
    }
    let both = |town: &Town| town.phone(alice).is_active() && town.phone(bob).is_active();
    let ended = |town: &Town| town.phone(alice).end().is_some();
    let talked = answered && town.until(|town| both(town) || ended(town)) && both(&town);
    if talked {
        converse(&mut town, &mut chance, [alice, bob]);
    }
    finish(&mut town, &mut chance, [alice, bob]);
    talked
}

/// Holds, resumes, silences and key tones, in any order.
fn converse(town: &mut Town, chance: &mut SeededEntropy, people: [Person; 2]) {
    for _ in 0..chance.below(6) {
        pause(town, chance, 4000);
        let who = people[chance.below(2) as usize];
        match chance.below(4) {
            0 => wish(town, who, Command::Hold),
            1 => wish(town, who, Command::Resume),
            2 => {
                let now = town.world.now();
                let muted = chance.below(2) == 0;
                if town.phone(who).current().is_some() {
                    town.world.node_mut(who).mutes(now, muted);
                }
            }
            _ => {}
        }
        // What was heard would be kept for a test to look at.
        for person in people {
            drop(town.phone(person).heard());
        }
    }
}

/// Somebody's wish, which may be refused: the call may not be in a state for it.
fn wish(town: &mut Town, who: Person, command: Command) {
    let now = town.world.now();
    town.world.node_mut(who).tries(now, command);
}

/// Somebody hangs up, or is gone; both calls must end, whatever was lost.
fn finish(town: &mut Town, chance: &mut SeededEntropy, [alice, bob]: [Person; 2]) {
    if chance.below(8) == 0 {
        town.vanishes(bob);
        pause(town, chance, 2000);
        wish(town, alice, Command::HangUp);
        assert!(
            town.until(|town| town.phone(alice).end().is_some()),
            "it never ended"
        );
        return;
    }
    let who = if chance.below(2) == 0 { alice } else { bob };
    wish(town, who, Command::HangUp);
    let over = |town: &Town, person| {
        let phone = town.phone(person);
        phone.end().is_some() || phone.current().is_none()
    };
    assert!(
        town.until(|town| over(town, alice) && over(town, bob)),
        "a call outlived its end"
    );
}

fn pause(town: &mut Town, chance: &mut SeededEntropy, most_ms: u64) {
    town.wait(Duration::from_millis(chance.below(most_ms)));
}

/// What this process holds, from `/proc`.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
