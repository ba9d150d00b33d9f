//! `cargo xtask demo`: checks what it needs, builds the phones and lets them call each other.

use crate::needs;
use crate::places::{built, reports};
use crate::process::{Run, tail};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Passes on the exit code of the demo: not 0 if a caller would have noticed something.
pub fn command(arguments: &[String]) -> ExitCode {
    let prepared = options(arguments).and_then(|options| {
        eprintln!("building the two phones; the first time takes some minutes");
        Ok((options, build()?))
    });
    let (options, phones) = match prepared {
        Ok(prepared) => prepared,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::FAILURE;
        }
    };
    match phones.command(&options).status() {
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
    demo: PathBuf,
    options: Vec<OsString>,
}

impl Phones {
    /// The demo in the foreground.
    fn command(&self, options: &[String]) -> Command {
        let mut command = Command::new(&self.demo);
        command.args(&self.options).args(options);
        command
    }

    /// The demo as one step of a suite.
    pub fn run(&self, options: &[&str]) -> Run {
        Run::new(&self.demo).args(&self.options).args(options)
    }
}

/// Builds the command line client and the demo around it. Speaks on standard error only.
pub fn build() -> Result<Phones, String> {
    let tandem = build_phone()?;
    cargo_build("tandem-world")?;
    let out = reports().join("demo").into_os_string();
    let options = vec![
        "--tandem".into(),
        tandem.into_os_string(),
        "--out".into(),
        out,
    ];
    Ok(Phones {
        demo: built().join("debug/tandem-demo"),
        options,
    })
}

/// Builds `tandem` and says where it is.
pub fn build_phone() -> Result<PathBuf, String> {
    needs::ensure(needs::BUILD)?;
    cargo_build("tandem-cli")?;
    Ok(built().join("debug/tandem"))
}

fn cargo_build(package: &str) -> Result<(), String> {
    let log = reports().join(format!("logs/build-{package}.log"));
    let build = Run::cargo()
        .args(["build", "--package", package])
        .log(&log)
        .limit(1800);
    let finished = build
        .heartbeat()
        .finish()
        .map_err(|error| format!("cargo: {error}"))?;
    if finished.ok {
        return Ok(());
    }
    let printed = tail(&finished.printed, 40);
    Err(format!(
        "{package} does not build: {}\n{printed}",
        finished.why
    ))
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
