//! The demo: two phones, each a process of its own, and one call between them.
//!
//! Starts the loopback registrar in this process and two `tandem` processes, alice and bob, each with its own
//! data folder. Alice calls bob, both play their voice and record what they hear, alice holds, resumes, sends a
//! digit and hangs up. Afterwards the recordings, the events and both histories are judged.

mod events;
mod hearing;
mod judge;
mod party;
mod plot;
mod process;
mod report;
mod stage;
mod timeline;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::audio::{Audio, AudioError};
use crate::voices;
use hearing::Comparison;
use judge::{Evidence, Verdict, judge};
use stage::Stage;
use timeline::Timeline;

/// What the demo is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `tandem` program.
    pub tandem: PathBuf,
    /// The folder for everything it leaves behind; made if missing.
    pub out: PathBuf,
    /// What alice says; the committed voice if `None`.
    pub speech_alice: Option<PathBuf>,
    /// What bob says; the committed voice if `None`.
    pub speech_bob: Option<PathBuf>,
    /// Let alice write a capture of her packets.
    pub pcap: bool,
    /// Print nothing while it runs.
    pub quiet: bool,
}

/// Why the demo could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or process of the demo itself.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A speech file that cannot be used, or a recording that cannot be written.
    #[error("{path}: {error}", path = path.display())]
    Speech {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        error: AudioError,
    },
    /// Speech too short to judge, or longer than anybody will wait for.
    #[error("{path}: {seconds:.1} s of speech; it must be 3 to 600 s", path = path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// How long it lasts.
        seconds: f64,
    },
    /// The output folder holds a data folder that no demo made.
    #[error("{path} exists and was not made by the demo; choose another --out", path = .0.display())]
    NotOurs(PathBuf),
}

/// What a demo came to.
#[derive(Debug)]
pub struct Outcome {
    /// Whether the call worked.
    pub ok: bool,
    /// What went wrong, in words.
    pub problems: Vec<String>,
    /// The result as the object that `--json` prints.
    pub json: Value,
    /// A few lines for a person.
    pub summary: String,
}

/// Runs the whole demo.
pub fn run(options: &Options) -> Result<Outcome, DemoError> {
    prepare(&options.out)?;
    let alice = voice(&options.out, "alice", options.speech_alice.as_deref())?;
    let bob = voice(&options.out, "bob", options.speech_bob.as_deref())?;

    let mut timeline = Timeline::begin(options.quiet);
    let stage = Stage {
        options,
        alice: &alice,
        bob: &bob,
    };
    let performed = stage.perform(&mut timeline)?;

    let evidence = Evidence {
        alice: performed.alice,
        bob: performed.bob,
        alice_voice: alice.audio,
        bob_voice: bob.audio,
        authenticated: performed.authenticated,
    };
    let mut verdict = judge(&evidence, &Comparison::of(&evidence));
    verdict.problems.extend(performed.problems);
    let page = report::html(&evidence, &verdict, &timeline);
    let path = options.out.join("report.html");
    fs::write(&path, page).map_err(io_error("writing the report"))?;
    Ok(Outcome {
        ok: verdict.is_ok(),
        problems: verdict.problems.clone(),
        json: verdict.to_json(),
        summary: summary(&verdict, &path),
    })
}

/// A voice: the file that is played and its sound at the rate of the comparison.
struct Voice {
    path: PathBuf,
    audio: Audio,
}

/// Rate of the comparison, in Hz. Bringing everything to it once is cheaper than in every comparison.
const RATE: u32 = 16_000;

fn voice(out: &Path, name: &str, given: Option<&Path>) -> Result<Voice, DemoError> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => {
            let path = out.join(format!("{name}-says.wav"));
            let wav = if name == "alice" {
                voices::ALICE_WAV
            } else {
                voices::BOB_WAV
            };
            fs::write(&path, wav).map_err(io_error("writing a voice"))?;
            path
        }
    };
    let speech = |error| DemoError::Speech {
        path: path.clone(),
        error,
    };
    let audio = Audio::read(&path).map_err(speech)?.resampled(RATE);
    let seconds = audio.duration().as_secs_f64();
    if !(3.0..=600.0).contains(&seconds) {
        return Err(DemoError::Length { path, seconds });
    }
    Ok(Voice { path, audio })
}

/// Makes the folder and takes away what an earlier demo left there, and nothing else.
fn prepare(out: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(out).map_err(io_error("making the output folder"))?;
    let marker = out.join(".tandem-demo");
    for name in ["alice", "bob"] {
        let data = out.join(name);
        if data.exists() {
            if !marker.exists() {
                return Err(DemoError::NotOurs(data));
            }
            fs::remove_dir_all(&data).map_err(io_error("removing an old data folder"))?;
        }
        for old in [
            "-call.wav",
            "-heard.wav",
            "-says.wav",
            ".log",
            "-history.log",
            ".pcap",
        ] {
            remove(&out.join(format!("{name}{old}")))?;
        }
    }
    remove(&out.join("report.html"))?;
    fs::write(&marker, "This folder is rewritten by the demo.\n")
        .map_err(io_error("writing to the output folder"))
}

fn remove(path: &Path) -> Result<(), DemoError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("removing an old file")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn io_error(what: &str) -> impl FnOnce(io::Error) -> DemoError {
    move |error| DemoError::Io {
        what: what.to_owned(),
        error,
    }
}

fn summary(verdict: &Verdict, report: &Path) -> String {
    let controls = verdict.speech.controls();
    let mut lines = vec![
        format!(
            "similarity: alice heard bob {:.2}, bob heard alice {:.2} (1 is the same speech)",
            verdict.speech.alice.heard.score, verdict.speech.bob.heard.score
        ),
        format!(
            "controls:   silence {:.2}, other speaker {:.2}, one second cut out {:.2}",
            controls.silence, controls.other_speaker, controls.one_second_cut
        ),
        format!("report:     {}", report.display()),
    ];
    if verdict.is_ok() {
        lines.push("The call worked.".to_owned());
    } else {
        lines.push("The call did not work:".to_owned());
        lines.extend(
            verdict
                .problems
                .iter()
                .map(|problem| format!("  - {problem}")),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_demo_is_cleared_away_and_a_strangers_folder_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("demo");
        prepare(&out).unwrap();
        fs::create_dir(out.join("alice")).unwrap();
        fs::write(out.join("alice/calls.db"), "old").unwrap();
        fs::write(out.join("alice-heard.wav"), "old").unwrap();
        prepare(&out).unwrap();
        assert!(!out.join("alice").exists() && !out.join("alice-heard.wav").exists());

        let home = dir.path().join("home");
        fs::create_dir_all(home.join("alice")).unwrap();
        assert!(matches!(prepare(&home), Err(DemoError::NotOurs(_))));
        assert!(home.join("alice").exists());
    }

    #[test]
    fn speech_must_be_a_wav_file_of_some_seconds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("given.wav");
        fs::write(&path, "no sound").unwrap();
        let given = |path: &Path| voice(dir.path(), "alice", Some(path)).map(|voice| voice.audio);
        assert!(matches!(given(&path), Err(DemoError::Speech { .. })));
        voices::bob()
            .slice(std::time::Duration::ZERO, std::time::Duration::from_secs(1))
            .write(&path)
            .unwrap();
        assert!(matches!(given(&path), Err(DemoError::Length { .. })));
        voices::bob().resampled(44_100).write(&path).unwrap();
        assert_eq!(given(&path).unwrap().rate(), RATE);
    }
}
