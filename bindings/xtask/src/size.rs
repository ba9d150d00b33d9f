//! `cargo xtask size`: how large the library for a phone is, and whether a phone can load it.
//!
//! Links what ships for 64-bit Android (see `bench`), then measures the stripped file. Fails when it is
//! over the goal, when a loaded segment does not fit pages of 16 KB, and when something is missing in it
//! that is not on the list of what is left out: a small file that lacks a codec says nothing.

mod bench;
mod elf;

use crate::needs;
use crate::places::reports;
use crate::process::{Finished, Run, tail};
use elf::{AARCH64, Elf};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The goal: 6 MB, stripped.
const GOAL: u64 = 6_000_000;

/// Pages of newer Android phones.
const PAGE: u64 = 16 * 1024;

/// What the figure is without, and why.
const EXCLUDED: [(&str, &str); 5] = [
    (
        "software video codecs",
        "not built: a phone's own encoder and decoder are used",
    ),
    (
        "DRED and OSCE, Opus's neural networks",
        "not built: megabytes of weights",
    ),
    (
        "Oboe's C++ and the C++ standard library",
        "need the headers of the NDK",
    ),
    (
        "the NDK's unwinder and start files",
        "come with the NDK; about 15 KB",
    ),
    (
        "JNA's own library and the Kotlin classes",
        "beside this file in an app",
    ),
];

/// Names that stay open because of [`EXCLUDED`], by how they begin.
const LEFT_OUT: [&str; 3] = ["oboe_", "_ZN4oboe", "_Unwind_"];

/// Names that Android has and the C library of Debian has not, by how they begin.
const ANDROID: [&str; 4] = [
    "__errno",
    "__android_log_",
    "android_",
    "__system_property_",
];

/// `cargo xtask size`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    crate::only_known(arguments, &[])?;
    ensure()?;
    let log = reports().join("logs/size.log");
    let _ = fs::remove_file(&log);
    eprintln!(
        "linking for {}; the first time takes minutes",
        bench::TARGET
    );
    let measure = measure(&|run| Finished::of(run.log(&log).heartbeat()))?;
    print!("{}", measure.text());
    measure.verdict()
}

/// What must be on the machine for it.
pub fn ensure() -> Result<(), String> {
    let all = [needs::BUILD, needs::TARGETS, needs::SIZE];
    needs::ensure(all.into_iter().flatten())
}

/// As a suite: the figure, or what is wrong.
pub fn check(run: &dyn Fn(Run) -> Finished) -> Result<String, String> {
    let measure = measure(run)?;
    measure.verdict()?;
    Ok(format!(
        "{} of {GOAL} bytes for {}",
        measure.bytes,
        bench::TARGET
    ))
}

/// Links, measures, and writes `target/size.json`.
fn measure(run: &dyn Fn(Run) -> Finished) -> Result<Measure, String> {
    let finished = run(bench::build()?);
    if !finished.ok {
        let printed = tail(&finished.printed, 40);
        return Err(format!("it does not link: {}\n{printed}", finished.why));
    }
    let file = bench::library();
    let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let measure = Measure {
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        elf: Elf::read(&bytes)?,
        missing: missing(&names(run, "--undefined-only", &file)?, &c_names(run)?),
    };
    let json = reports().join("size.json");
    fs::write(&json, format!("{:#}\n", measure.json()))
        .map_err(|error| format!("{}: {error}", json.display()))?;
    Ok(measure)
}

struct Measure {
    bytes: u64,
    elf: Elf,
    /// What no library of a phone would give.
    missing: Vec<String>,
}

impl Measure {
    fn misaligned(&self) -> usize {
        let loads = self.elf.loads.iter();
        loads.filter(|load| !load.fits_pages_of(PAGE)).count()
    }

    /// Everything that is wrong with it.
    fn verdict(&self) -> Result<(), String> {
        let mut wrong = Vec::new();
        if self.elf.machine != AARCH64 || self.elf.loads.is_empty() {
            wrong.push("it is no library for a 64-bit ARM phone".to_owned());
        }
        if !self.elf.stripped {
            wrong.push("it is not stripped".to_owned());
        }
        if self.bytes > GOAL {
            wrong.push(format!("{} bytes over the goal", self.bytes - GOAL));
        }
        if self.misaligned() > 0 {
            wrong.push(format!(
                "{} of {} loaded segments do not fit pages of 16 KB",
                self.misaligned(),
                self.elf.loads.len()
            ));
        }
        if !self.missing.is_empty() {
            wrong.push(format!(
                "it lacks what nothing on a phone gives: {}",
                self.missing.join(", ")
            ));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("; "))
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}, stripped: {} bytes, {} % of the goal of {GOAL}\n",
            bench::TARGET,
            self.bytes,
            self.bytes * 100 / GOAL
        );
        text += &format!(
            "loaded segments that fit pages of 16 KB: {} of {}\n",
            self.elf.loads.len() - self.misaligned(),
            self.elf.loads.len()
        );
        text += "without:\n";
        for (what, why) in EXCLUDED {
            text += &format!("  {what}: {why}\n");
        }
        text
    }

    fn json(&self) -> Value {
        let excluded = EXCLUDED.map(|(what, why)| json!({ "what": what, "why": why }));
        let loads = self.elf.loads.iter();
        json!({
            "target": bench::TARGET,
            "profile": "ship",
            "bytes": self.bytes,
            "goal": GOAL,
            "stripped": self.elf.stripped,
            "page": PAGE,
            "load_alignments": loads.map(|load| load.align).collect::<Vec<_>>(),
            "misaligned_loads": self.misaligned(),
            "missing": self.missing,
            "excluded": excluded,
            "ok": self.verdict().is_ok(),
        })
    }
}

/// The open names that neither a C library nor Android nor what is left out explains.
fn missing(open: &BTreeSet<String>, c_library: &BTreeSet<String>) -> Vec<String> {
    let explained = |name: &&String| {
        let begins = |prefix: &&str| name.starts_with(prefix);
        c_library.contains(*name) || LEFT_OUT.iter().chain(&ANDROID).any(begins)
    };
    open.iter()
        .filter(|name| !explained(name))
        .cloned()
        .collect()
}

fn c_names(run: &dyn Fn(Run) -> Finished) -> Result<BTreeSet<String>, String> {
    let mut all = BTreeSet::new();
    for library in bench::C_LIBRARIES {
        all.extend(names(run, "--defined-only", Path::new(library))?);
    }
    Ok(all)
}

/// The names of a library's dynamic symbols.
fn names(
    run: &dyn Fn(Run) -> Finished,
    which: &str,
    library: &Path,
) -> Result<BTreeSet<String>, String> {
    let listed = reports().join("logs/size-names.txt");
    let nm = Run::new("/usr/bin/llvm-nm-19")
        .args(["--dynamic", "--format=just-symbols", which])
        .arg(library);
    let finished = run(nm.output(&listed).limit(60));
    if !finished.ok {
        return Err(format!("{}: {}", library.display(), finished.why));
    }
    let text = fs::read_to_string(&listed).map_err(|error| error.to_string())?;
    Ok(symbols(&text))
}

/// One name a line, without its version.
fn symbols(text: &str) -> BTreeSet<String> {
    let bare = |line: &str| line.split('@').next().unwrap_or_default().trim().to_owned();
    let names = text.lines().map(bare);
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::elf::tests::{library, load};
    use super::*;

    fn measure(bytes: u64, align: u64) -> Measure {
        let file = library(&[load(0, 0, 0x4000), load(0x4000, 0x8000, align)], false);
        Measure {
            bytes,
            elf: Elf::read(&file).expect("an ELF file"),
            missing: Vec::new(),
        }
    }

    #[test]
    fn the_goal_itself_is_met_and_one_byte_more_is_not() {
        assert_eq!(measure(GOAL, 0x4000).verdict(), Ok(()));
        let problem = measure(GOAL + 1, 0x4000).verdict().expect_err("over");
        assert_eq!(problem, "1 bytes over the goal");
    }

    #[test]
    fn one_segment_for_small_pages_fails_it() {
        let problem = measure(1, 0x1000).verdict().expect_err("misaligned");
        assert!(problem.starts_with("1 of 2 loaded segments"), "{problem}");
        assert_eq!(measure(1, 0x1000).json()["ok"], false);
    }

    #[test]
    fn a_file_with_symbols_or_without_segments_fails_it() {
        let mut fat = measure(1, 0x4000);
        fat.elf.stripped = false;
        let mut empty = measure(1, 0x4000);
        empty.elf.loads.clear();
        assert!(fat.verdict().is_err() && empty.verdict().is_err());
    }

    #[test]
    fn a_codec_that_was_not_compiled_is_noticed() {
        let c_library = symbols("malloc@@GLIBC_2.17\nmemcpy@@GLIBC_2.17\n\n");
        let open = symbols("malloc\n_Unwind_Resume\n__errno\noboe_AudioStream_close\n");
        assert!(missing(&open, &c_library).is_empty());
        let open = symbols("malloc\nopus_encode_float\nsqlite3_open_v2\n");
        let missing = missing(&open, &c_library);
        assert_eq!(missing, ["opus_encode_float", "sqlite3_open_v2"]);
        let lacking = Measure {
            missing,
            ..measure(1, 0x4000)
        };
        let problem = lacking.verdict().expect_err("lacks a codec");
        assert!(problem.contains("opus_encode_float"), "{problem}");
    }

    #[test]
    fn what_is_left_out_is_named_where_a_person_and_where_a_program_reads() {
        let measure = measure(5, 0x4000);
        let (text, json) = (measure.text(), measure.json());
        assert!(text.contains("Oboe") && text.contains("DRED") && text.contains("video"));
        assert_eq!(json["bytes"], 5);
        assert_eq!(json["excluded"].as_array().map(Vec::len), Some(5));
        assert_eq!(json["load_alignments"], json!([0x4000, 0x4000]));
    }
}
