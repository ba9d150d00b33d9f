//! `cargo xtask demo`: checks what it needs, builds the phones and lets them call each other.

use crate::needs;
use crate::places::{built, reports};
use crate::process::{Run, tail};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Passes on the exit code of the demo: not 0 if a caller would have noticed something.
pub fn command(arguments: &[String]) -> ExitCode {
    let prepared = options(arguments).and_then(|options| Ok((options, build()?)));
    let (options, phones) = match prepared {
        Ok(prepared) => prepared,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::FAILURE;
        }
    };
    match phones.demo().args(options).status() {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or_else(
                || {
                    eprintln!("error: the demo did not end by itself: {status}");
                    ExitCode::FAILURE
                },
                ExitCode::from,
            ),
        Err(error) => {
            eprintln!("error: the demo could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The programs of the demo, built.
pub struct Phones {
    pub tandem: PathBuf,
    demo: PathBuf,
}

impl Phones {
    /// The demo without options, writing into `target/demo/`.
    pub fn demo(&self) -> Command {
        let mut command = Command::new(&self.demo);
        command
            .arg("--tandem")
            .arg(&self.tandem)
            .arg("--out")
            .arg(reports().join("demo"));
        command
    }
}

/// Builds the command line client and the demo around it. Speaks on standard error only.
pub fn build() -> Result<Phones, String> {
    needs::ensure(needs::BUILD)?;
    let packages = [
        "build",
        "--package",
        "tandem-cli",
        "--package",
        "tandem-world",
    ];
    let log = reports().join("logs/demo-build.log");
    eprintln!("building the two phones (the first time takes some minutes) …");
    let build = Run::cargo()
        .args(packages)
        .log(&log)
        .limit(1800)
        .heartbeat();
    let finished = build.finish().map_err(|error| format!("cargo: {error}"))?;
    if !finished.ok {
        return Err(format!(
            "cargo build: {}\n{}",
            finished.why,
            tail(&finished.printed, 40)
        ));
    }
    let programs = built().join("debug");
    Ok(Phones {
        tandem: programs.join("tandem"),
        demo: programs.join("tandem-demo"),
    })
}

/// The options of the demo itself, with the files named as seen from here.
fn options(arguments: &[String]) -> Result<Vec<String>, String> {
    let mut options = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" | "--pcap" => options.push(argument.clone()),
            "--speech-alice" | "--speech-bob" => {
                let file = arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a WAV file"))?;
                let full = std::path::absolute(file).map_err(|error| format!("{file}: {error}"))?;
                if !full.is_file() {
                    return Err(format!("there is no file {}", full.display()));
                }
                options.extend([argument.clone(), full.display().to_string()]);
            }
            other => return Err(format!("unknown option `{other}`; see `cargo xtask help`")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::options;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_missing_speech_file_is_told_before_anything_is_built() {
        let problem = options(&words("--json --speech-bob no/such.wav")).expect_err("no such file");
        assert!(problem.contains("no/such.wav"), "{problem}");
        assert!(options(&words("--speech-alice")).is_err());
        assert!(options(&words("--loud")).is_err());
    }

    #[test]
    fn known_options_are_passed_on() {
        assert_eq!(
            options(&words("--json --pcap")).expect("known"),
            ["--json", "--pcap"]
        );
    }
}
