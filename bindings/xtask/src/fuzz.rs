//! `cargo xtask fuzz`: libFuzzer on the compiler that builds everything else.
//!
//! `cargo fuzz` wants a nightly compiler, but only for its sanitizers. Coverage itself is a pass of LLVM that
//! a stable compiler runs when asked to, and safe Rust needs no address sanitizer to notice a fault: it
//! panics. So `tests/fuzz` is built with that pass and linked with libFuzzer's runtime, which is all.

use crate::needs;
use crate::places::{built, reports, root};
use crate::process::{Finished, Run, tail};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What makes the compiler count which branches are taken, and compare what is compared.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// So many targets run beside each other: the machines of CI have two processors.
pub const AT_ONCE: usize = 2;

/// A single input may take so long, and the whole program hold so much.
const SLOWEST_SECONDS: u32 = 10;
const MEGABYTES: u32 = 1024;

/// `cargo xtask fuzz [TARGET [SECONDS [SEED] | FILE]]`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    needs::ensure(needs::BUILD)?;
    let log = reports().join("logs/fuzz-build.log");
    println!("building the targets; the first time takes some minutes");
    let fuzzer = Fuzzer::build(&|run| Finished::of(run.log(&log).heartbeat()))?;
    let Some(name) = arguments.first() else {
        for target in &fuzzer.targets {
            println!("{:<14} {}", target.name, target.about);
        }
        println!("all            each of them, two at a time");
        return Ok(());
    };
    let how = arguments.get(1).map_or("60", String::as_str);
    let Ok(seconds) = how.parse::<u64>() else {
        let target = fuzzer.target(name)?;
        let finished = Finished::of(fuzzer.replay(target, Path::new(how)).echo());
        return match finished.ok {
            true => Ok(()),
            false => Err(format!("{name} fails on {how}: {}", finished.why)),
        };
    };
    let seed = arguments.get(2).map(|seed| seed.parse());
    let corpus = match seed {
        None => Corpus::Kept,
        Some(Ok(seed)) => Corpus::Fresh { seed },
        Some(Err(_)) => return Err("the seed of the chance is a number".to_owned()),
    };
    println!("{name}: {seconds} s each");
    let ran = match name.as_str() {
        "all" => all(&fuzzer, seconds, AT_ONCE, corpus),
        _ => {
            let ran = fuzzer.fuzz(fuzzer.target(name)?, seconds, corpus);
            println!("{}", ran.line());
            vec![ran]
        }
    };
    let mut broken = Vec::new();
    for ran in &ran {
        if let Some(crash) = &ran.crash {
            println!("{}\n{crash}", ran.target);
            broken.push(ran.target.as_str());
        }
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(format!("broken: {}", broken.join(", "))),
    }
}

/// What is known of a target.
pub struct Target {
    pub name: String,
    about: String,
    longest: String,
    dictionary: Option<PathBuf>,
    seeds: Vec<PathBuf>,
}

/// What a run starts from, beside the committed seeds.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Corpus {
    /// Nothing, and the chance that this seed gives: a test run judges the change and not its luck. A faster machine
    /// gets further.
    Fresh {
        /// Not 0, which libFuzzer takes for a wish to be surprised.
        seed: u32,
    },
    /// What earlier runs on this machine found.
    Kept,
}

/// The built program.
pub struct Fuzzer {
    program: PathBuf,
    pub targets: Vec<Target>,
}

/// How fuzzing one target went.
pub struct Ran {
    pub target: String,
    pub executions: u64,
    pub seconds: u64,
    /// Branches reached, as libFuzzer counts them.
    pub edges: u64,
    /// Inputs that reach something no other does.
    pub inputs: u64,
    /// What broke, with the input; nothing if all went well.
    pub crash: Option<String>,
}

impl Ran {
    pub fn per_second(&self) -> u64 {
        self.executions / self.seconds.max(1)
    }

    /// Takes a further run of the same target into account.
    pub fn add(&mut self, further: Self) {
        self.executions += further.executions;
        self.seconds += further.seconds;
        self.edges = self.edges.max(further.edges);
        self.inputs = self.inputs.max(further.inputs);
        self.crash = self.crash.take().or(further.crash);
    }

    /// For a person.
    pub fn line(&self) -> String {
        format!(
            "     {:<14} {:>10} runs, {:>7}/s, {:>6} edges, {:>5} inputs{}",
            self.target,
            self.executions,
            self.per_second(),
            self.edges,
            self.inputs,
            if self.crash.is_some() { "  BROKEN" } else { "" }
        )
    }

    pub fn json(&self) -> Value {
        json!({
            "target": self.target, "executions": self.executions, "seconds": self.seconds,
            "executions_per_second": self.per_second(), "edges": self.edges, "inputs": self.inputs,
            "crash": self.crash,
        })
    }
}

impl Fuzzer {
    /// Builds the program with coverage, and asks it for its targets.
    pub fn build(run: &dyn Fn(Run) -> Finished) -> Result<Self, String> {
        let machine = machine()?;
        let build = Run::cargo()
            .args(["build", "--package", "tandem-fuzz", "--bin", "tandem-fuzz"])
            .args(["--features", "libfuzzer", "--profile", "fuzz"])
            // With a target named, the flags do not reach build scripts, which could not be linked with them.
            .args(["--target", &machine])
            .env("RUSTFLAGS", COVERAGE)
            .limit(1800);
        let finished = run(build);
        if !finished.ok {
            let last = tail(&finished.printed, 20);
            return Err(format!(
                "the targets do not build: {}\n{last}",
                finished.why
            ));
        }
        let program = built().join(machine).join("fuzz/tandem-fuzz");
        let listed = run(Run::new(&program).limit(30));
        let targets: Vec<Target> = listed.printed.lines().filter_map(read_target).collect();
        match targets.is_empty() {
            true => Err(format!("no target was listed: {}", listed.printed)),
            false => Ok(Self { program, targets }),
        }
    }

    fn target(&self, name: &str) -> Result<&Target, String> {
        let found = self.targets.iter().find(|target| target.name == name);
        found.ok_or_else(|| {
            format!("there is no target `{name}`; `cargo xtask fuzz` alone names them")
        })
    }

    /// Tries a target for so long. Where something breaks, the input is kept in `target/fuzz/crashes`.
    pub fn fuzz(&self, target: &Target, seconds: u64, corpus: Corpus) -> Ran {
        let work = reports().join("fuzz/corpus").join(&target.name);
        let fresh = reports().join("fuzz/fresh").join(&target.name);
        let crashes = reports().join("fuzz/crashes");
        let folder = match corpus {
            Corpus::Kept => work,
            Corpus::Fresh { .. } => {
                let _ = fs::remove_dir_all(&fresh);
                fresh
            }
        };
        for needed in [&folder, &crashes] {
            let _ = fs::create_dir_all(needed);
        }
        // A run of the tests and one for hours may go on beside each other.
        let kind = match corpus {
            Corpus::Kept => String::new(),
            Corpus::Fresh { seed } => format!("-{seed}"),
        };
        let log = reports().join(format!("logs/fuzz-{}{kind}.log", target.name));
        let _ = fs::remove_file(&log);
        let prefix = crashes.join(format!("{}-", target.name));
        let mut run = self
            .program_for(target)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", target.longest))
            .arg(format!("-artifact_prefix={}", prefix.display()))
            .args([
                "-print_final_stats=1",
                "-verbosity=1",
                "-use_value_profile=0",
            ]);
        if let Some(dictionary) = &target.dictionary {
            run = run.arg(format!("-dict={}", dictionary.display()));
        }
        if let Corpus::Fresh { seed } = corpus {
            run = run.arg(format!("-seed={seed}"));
        }
        let folders = std::iter::once(&folder).chain(&target.seeds);
        let run = run
            .args(folders.filter(|folder| folder.is_dir()))
            .log(&log)
            .limit(seconds + 120);
        let finished = Finished::of(run);
        let mut ran = read_statistics(&target.name, &finished.printed);
        if !finished.ok {
            ran.crash = Some(told(target, &finished, &log));
        }
        ran
    }

    /// Tries one input.
    fn replay(&self, target: &Target, input: &Path) -> Run {
        self.program_for(target).arg(input)
    }

    fn program_for(&self, target: &Target) -> Run {
        Run::new(&self.program)
            .env("TANDEM_FUZZ_TARGET", &target.name)
            .env("RUST_BACKTRACE", "1")
            .arg(format!("-timeout={SLOWEST_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEGABYTES}"))
    }
}

/// Fuzzes all targets for so long each, some at a time, in the order of their list. The figures also go to
/// `target/fuzz/report.json`.
pub fn all(fuzzer: &Fuzzer, seconds: u64, at_once: usize, corpus: Corpus) -> Vec<Ran> {
    let waiting = Mutex::new(fuzzer.targets.iter());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(target) = locked(&waiting).next() {
                    let ran = fuzzer.fuzz(target, seconds, corpus);
                    println!("{}", ran.line());
                    locked(&done).push(ran);
                }
            });
        }
    });
    let done: Vec<Ran> = done.into_inner().unwrap_or_default();
    let figures: Value = done.iter().map(Ran::json).collect();
    let _ = fs::write(reports().join("fuzz/report.json"), format!("{figures:#}"));
    done
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The machine's own name in Rust's list of targets.
fn machine() -> Result<String, String> {
    let asked = Command::new("rustc").arg("-vV").output();
    let printed = asked.map_err(|error| format!("rustc: {error}"))?.stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc does not say what machine this is".to_owned())
}

/// One line of the program's list: name, longest input, dictionary, further seeds, what it is.
fn read_target(line: &str) -> Option<Target> {
    let [name, longest, dictionary, seeds, about] =
        line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let ours = root().join("tests/fuzz");
    let own = ["corpus", "regressions"].map(|kind| ours.join(kind).join(name));
    let further = seeds.split(',').filter(|seeds| !seeds.is_empty());
    Some(Target {
        name: name.to_owned(),
        about: about.to_owned(),
        longest: longest.to_owned(),
        dictionary: (dictionary != "-")
            .then(|| ours.join(format!("dictionaries/{dictionary}.dict"))),
        seeds: own
            .into_iter()
            .chain(further.map(|seeds| root().join(seeds)))
            .collect(),
    })
}

/// From libFuzzer's own words, such as `#65536 pulse cov: 3012 ft: 9000 corp: 812/100Kb …`.
fn read_statistics(target: &str, printed: &str) -> Ran {
    let counted = |line: &str, word: &str| -> Option<u64> {
        let (_, after) = line.split_once(word)?;
        let digits: String = after
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok()
    };
    let last = |word: &str| printed.lines().rev().find_map(|line| counted(line, word));
    let executions = last("stat::number_of_executed_units:").unwrap_or(0);
    let seconds = printed.lines().rev().find_map(|line| {
        let (_, after) = line.split_once(" runs in ")?;
        after.split_whitespace().next()?.parse().ok()
    });
    let speed = last("stat::average_exec_per_sec:").unwrap_or(0);
    Ran {
        target: target.to_owned(),
        executions,
        seconds: seconds.unwrap_or(executions / speed.max(1)),
        edges: last(" cov: ").unwrap_or(0),
        inputs: last(" corp: ").unwrap_or(0),
        crash: None,
    }
}

/// What broke, for a person who wants to see it again.
fn told(target: &Target, finished: &Finished, log: &Path) -> String {
    let lines: Vec<&str> = finished.printed.lines().collect();
    let panicked = lines.iter().position(|line| line.contains("panicked at"));
    let said = match panicked {
        Some(at) => lines[at..]
            .iter()
            .take(4)
            .copied()
            .collect::<Vec<_>>()
            .join("\n"),
        None => tail(&finished.printed, 8),
    };
    let kept = lines.iter().rev().find_map(|line| {
        let (_, path) = line.split_once("Test unit written to ")?;
        Some(path.trim().to_owned())
    });
    let Some(kept) = kept else {
        return format!("{said}\nno input was kept; whole log: {}", log.display());
    };
    let input = fs::read(&kept).unwrap_or_default();
    let shown: String = input.iter().take(2000).map(|&byte| shown(byte)).collect();
    format!(
        "{said}\nthe input ({} bytes): {shown}\nagain: cargo xtask fuzz {} {kept}",
        input.len(),
        target.name
    )
}

fn shown(byte: u8) -> String {
    match byte {
        b' '..=b'~' => char::from(byte).to_string(),
        _ => byte.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let printed = "#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 80Mb\n\
            #131072\tpulse  cov: 3012 ft: 9021 corp: 812/100Kb lim: 200 exec/s: 6000 rss: 89Mb\n\
            Done 362641 runs in 16 second(s)\n\
            stat::number_of_executed_units: 362641\nstat::average_exec_per_sec:     22665\n";
        let ran = read_statistics("sdp", printed);
        assert_eq!((ran.executions, ran.seconds), (362_641, 16));
        assert_eq!((ran.edges, ran.inputs), (3012, 812));
        assert_eq!(ran.per_second(), 22665);
    }

    #[test]
    fn a_target_is_read_from_its_line() {
        let line = "sdp\t4096\tsdp\ttests/fixtures/sdp\tsession descriptions";
        let target = read_target(line).expect("a target");
        assert_eq!(
            (target.name.as_str(), target.longest.as_str()),
            ("sdp", "4096")
        );
        assert_eq!(target.seeds.len(), 3);
        assert!(target.seeds.iter().all(|folder| folder.starts_with(root())));
        assert!(read_target("warning: something else").is_none());
        let plain = read_target("rtp\t2048\t-\t\tmedia").expect("a target");
        assert!(plain.dictionary.is_none() && plain.seeds.len() == 2);
    }

    #[test]
    fn bytes_are_shown_so_that_they_can_be_typed() {
        let shown: String = b"a \r\n\x00\xff\""
            .iter()
            .map(|&byte| shown(byte))
            .collect();
        assert_eq!(shown, "a \\r\\n\\x00\\xff\"");
    }
}
