//! The fuzz targets, a minute each.

use super::{Context, Suite};
use crate::fuzz::{self, Corpus, Fuzzer};
use crate::needs;
use crate::summary::Row;

pub const SUITES: &[Suite] = &[Suite {
    name: "fuzz",
    about: "what the network may send, a minute for each reader of it",
    heavy: true,
    run,
}];

const SECONDS_EACH: u64 = 60;
const SEED: u32 = 1;
/// A target that tried next to nothing has not been fuzzed. Far below what an idle machine does in a second.
const LEAST_INPUTS: u64 = 1000;

fn run(context: &Context) -> Row {
    if let Err(why) = needs::ensure(needs::BUILD) {
        return Row::skipped(why);
    }
    let fuzzer = match Fuzzer::build(&|run| context.run(run)) {
        Ok(fuzzer) => fuzzer,
        Err(why) => return Row::check(false, why),
    };
    let all = fuzz::all(
        &fuzzer,
        SECONDS_EACH,
        fuzz::AT_ONCE,
        Corpus::Fresh { seed: SEED },
    );
    let mut row = Row::default();
    let mut broken = Vec::new();
    for ran in &all {
        match &ran.crash {
            None if ran.executions >= LEAST_INPUTS => row.passed += 1,
            None => {
                row.failed += 1;
                broken.push(format!(
                    "{} tried only {} inputs",
                    ran.target, ran.executions
                ));
            }
            Some(crash) => {
                row.failed += 1;
                println!("---- {}\n{crash}", ran.target);
                broken.push(ran.target.clone());
            }
        }
    }
    let executions: u64 = all.iter().map(|ran| ran.executions).sum();
    row.reason = match broken.is_empty() {
        true => format!("{executions} inputs tried"),
        false => broken.join("; "),
    };
    row
}
