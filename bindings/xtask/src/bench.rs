//! `cargo xtask bench transport`: how long a call takes to be heard and what its protection costs, beside other stacks.

use crate::needs;
use crate::places::{built, reports};
use crate::process::{Finished, Run, tail};
use std::path::PathBuf;

/// `cargo xtask bench transport [CALLS]`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    let (what, calls) = (arguments.first(), arguments.get(1));
    if what.map(String::as_str) != Some("transport") {
        return Err("what can be measured: `cargo xtask bench transport [CALLS]`".to_owned());
    }
    println!("building; the first time takes some minutes");
    let log = reports().join("logs/bench-build.log");
    let program = build(&["tandem-bench"], &|run| {
        Finished::of(run.log(&log).heartbeat())
    })?;
    let report = reports().join("bench/transport.json");
    let folder = report.with_file_name("");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let run = Run::new(program.join("tandem-bench"))
        .arg(calls.map_or("200", String::as_str))
        .arg(&report)
        .log(&reports().join("logs/bench.log"))
        .limit(3600);
    let finished = Finished::of(run.echo());
    println!("\nalso in {}", report.display());
    match finished.ok {
        true => Ok(()),
        false => Err(finished.why),
    }
}

/// Builds programs of `tests/bench`, optimised; the folder they are in.
pub fn build(programs: &[&str], run: &dyn Fn(Run) -> Finished) -> Result<PathBuf, String> {
    needs::ensure(needs::BUILD)?;
    let mut build = Run::cargo().args(["build", "--release", "--package", "tandem-bench"]);
    for program in programs {
        build = build.args(["--bin", program]);
    }
    let finished = run(build.limit(1800));
    match finished.ok {
        true => Ok(built().join("release")),
        false => Err(format!(
            "it does not build: {}\n{}",
            finished.why,
            tail(&finished.printed, 20)
        )),
    }
}
