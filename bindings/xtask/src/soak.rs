//! `cargo xtask soak`: for hours, every fuzz target in turn and, beside it, one call after the other.

use crate::bench;
use crate::fuzz::{Corpus, Fuzzer, Ran};
use crate::places::reports;
use crate::process::{Finished, Run};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// A target's turn is at most so long, so that all of them have had one early on.
const LONGEST_TURN: u64 = 600;
const USUAL_HOURS: f64 = 8.0;

/// `cargo xtask soak [HOURS]`; parts of an hour are hours too.
pub fn command(arguments: &[String]) -> Result<(), String> {
    let typed = arguments.first().map(|text| text.parse::<f64>());
    let hours = match typed {
        None => USUAL_HOURS,
        Some(Ok(hours)) if hours > 0.0 => hours,
        Some(_) => return Err("how many hours? `cargo xtask soak 8`".to_owned()),
    };
    println!("building the fuzz targets and the calls; the first time takes some minutes");
    let log = reports().join("logs/soak-build.log");
    let build = |run: Run| Finished::of(run.log(&log).heartbeat());
    let calls = bench::build(&["tandem-soak"], &build)?.join("tandem-soak");
    let fuzzer = Fuzzer::build(&build)?;
    let folder = reports().join("soak");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;

    let limit = Duration::from_secs_f64(hours * 3600.0);
    println!("soaking for {} s", limit.as_secs());
    let of_calls = folder.join("calls.json");
    let _ = fs::remove_file(&of_calls);
    let run = Run::new(calls)
        .arg(limit.as_secs().to_string())
        .arg(&of_calls)
        .log(&reports().join("logs/soak-calls.log"))
        .limit(limit.as_secs() + 600);
    let called = std::thread::spawn(move || Finished::of(run));
    let fuzzed = in_turns(&fuzzer, limit);
    let called = called
        .join()
        .map_err(|_| "the calls came to no end".to_owned())?;
    let calls = fs::read(&of_calls).unwrap_or_default();
    let calls: Value = serde_json::from_slice(&calls).unwrap_or(Value::Null);
    conclude(hours, &fuzzed, &calls, &called)
}

/// Every target has its turn until the time is over. What one run found, the next starts from.
fn in_turns(fuzzer: &Fuzzer, limit: Duration) -> Vec<Ran> {
    let begin = Instant::now();
    let count = fuzzer.targets.len().max(1) as u64;
    // A turn takes a little longer than it says, and the last target is to have one too.
    let turn = (limit.as_secs() * 19 / 20 / count).clamp(1, LONGEST_TURN);
    let mut all: Vec<Ran> = Vec::new();
    for target in fuzzer.targets.iter().cycle() {
        if begin.elapsed() + Duration::from_secs(turn) > limit + Duration::from_secs(1) {
            return all;
        }
        let ran = fuzzer.fuzz(target, turn, Corpus::Kept);
        println!("{:>6} s {}", begin.elapsed().as_secs(), ran.line());
        if let Some(crash) = &ran.crash {
            println!("{crash}");
        }
        match all.iter_mut().find(|known| known.target == ran.target) {
            Some(known) => known.add(ran),
            None => all.push(ran),
        }
    }
    all
}

/// The report, a line to paste, and whether all went well.
fn conclude(hours: f64, fuzzed: &[Ran], calls: &Value, called: &Finished) -> Result<(), String> {
    let report = json!({
        "hours": hours,
        "fuzz": fuzzed.iter().map(Ran::json).collect::<Value>(),
        "calls": calls,
    });
    let file = reports().join("soak/report.json");
    fs::write(&file, format!("{report:#}"))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let executions: u64 = fuzzed.iter().map(|ran| ran.executions).sum();
    let broken: Vec<&str> = fuzzed
        .iter()
        .filter(|ran| ran.crash.is_some())
        .map(|ran| ran.target.as_str())
        .collect();
    println!(
        "soak {hours} h: {} targets, {executions} inputs, {} broken; {} calls, {} talked, {} broken, {} kB at first, \
         {} kB at the end",
        fuzzed.len(),
        broken.len(),
        calls["calls"],
        calls["talked"],
        calls["broken_seeds"].as_array().map_or(0, Vec::len),
        calls["resident_kb_after_warming"],
        calls["resident_kb_at_the_end"],
    );
    println!("report: {}", file.display());
    match (broken.is_empty(), called.ok) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("broken: {}", broken.join(", "))),
        (true, false) => Err(format!("the calls: {}", called.why)),
    }
}
