//! The real `tandem` as a process: started, listened to line by line, and ended with the test.

mod binary;
mod ended;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Program;
use crate::watched::Watched;

pub use crate::watched::{is_sound, sound_is_over};
pub use ended::Ended;

/// How a client is to be started.
#[derive(Debug)]
pub struct ClientCommand {
    name: String,
    command: Command,
    folder: PathBuf,
}

impl ClientCommand {
    /// `tandem WORDS`, with its data and its log in `folder/NAME`.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn new(folder: &Path, name: &str, words: &[&str]) -> Self {
        Self::by(Command::new(binary::program()), folder, name, words)
    }

    /// The same started by another program, such as one that enters a network namespace: the words
    /// follow those that `launcher` has.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn launched(mut launcher: Command, folder: &Path, name: &str, words: &[&str]) -> Self {
        launcher.arg(binary::program());
        Self::by(launcher, folder, name, words)
    }

    fn by(mut command: Command, folder: &Path, name: &str, words: &[&str]) -> Self {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("a folder for the client");
        command.arg("--data").arg(folder.join("data")).arg("--json");
        // What the machine's owner set for themselves is none of a test's business.
        for variable in [
            "TANDEM_PASSWORD",
            "TANDEM_ICE_PASSWORD",
            "TANDEM_LOG",
            "TANDEM_DATA",
        ] {
            command.env_remove(variable);
        }
        let client = Self {
            name: name.to_owned(),
            command,
            folder,
        };
        client.args(words)
    }

    /// Further words on the command line.
    #[must_use]
    pub fn args(mut self, words: &[&str]) -> Self {
        self.command.args(words);
        self
    }

    /// The password, the way a script gives it.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        self.env("TANDEM_PASSWORD", password)
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    /// Neither microphone nor loudspeaker: a tone to send, nothing to hear.
    #[must_use]
    pub fn tone(self) -> Self {
        self.args(&["--tone", "440", "--mute-output"])
    }

    /// Says this recording, once.
    #[must_use]
    pub fn play(mut self, recording: &Path) -> Self {
        self.command.arg("--play").arg(recording);
        self
    }

    /// Keeps what it hears, for [`Ended::heard`].
    #[must_use]
    pub fn record(mut self) -> Self {
        let file = heard(&self.folder);
        self.command.arg("--record").arg(file);
        self
    }

    /// Starts it. Its events are also in `events.jsonl` of its folder, beside its log.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut self) -> Client {
        let errors = File::create(log_file(&self.folder)).expect("the log can be written");
        let mut copy = File::create(self.folder.join("events.jsonl")).expect("a file for events");
        self.command.stdout(Stdio::piped());
        let started = Instant::now();
        let mut program = Program::start_with(&self.name, &mut self.command, errors.into());
        let output = program.child().stdout.take().expect("its output is a pipe");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = writeln!(copy, "{line}");
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Client {
            name: self.name,
            program,
            told: Watched::new(lines),
            folder: self.folder,
            started,
        }
    }

    /// Starts it and waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn run(self, limit: Duration) -> Ended {
        self.start().end(limit)
    }
}

/// A running client. Dropping it ends it, by its pid.
#[derive(Debug)]
pub struct Client {
    name: String,
    program: Program,
    told: Watched,
    folder: PathBuf,
    started: Instant,
}

impl Client {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Waits until an event with this name has come, also before this call, and gives the first one back.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait(&mut self, name: &str, limit: Duration) -> Value {
        self.wait_for(name, limit, |event| event["event"] == name)
    }

    /// The same for the `count`th event of this name.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_nth(&mut self, name: &str, count: usize, limit: Duration) -> Value {
        let is = |event: &Value| event["event"] == name;
        self.wait_until(name, limit, |seen| {
            seen.iter()
                .filter(|event| is(event))
                .nth(count.saturating_sub(1))
                .cloned()
        })
    }

    /// Waits for a state of the call.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_state(&mut self, state: &str, limit: Duration) -> Value {
        let is = |event: &Value| event["event"] == "state" && event["state"] == state;
        self.wait_for(state, limit, is)
    }

    /// Waits for an event that `is` right, also one from before this call, and gives the first one back.
    ///
    /// # Panics
    /// If it does not come in time; `what` is what was missed.
    pub fn wait_for(&mut self, what: &str, limit: Duration, is: impl Fn(&Value) -> bool) -> Value {
        self.wait_until(what, limit, |seen| {
            seen.iter().find(|event| is(event)).cloned()
        })
    }

    /// Waits until it hears something: a whole second of it.
    ///
    /// # Panics
    /// If there is silence all the time.
    pub fn wait_sound(&mut self, limit: Duration) -> Value {
        self.wait_for("a second of sound", limit, is_sound)
    }

    /// Waits until what it heard is over: sound, and two seconds of silence after it.
    ///
    /// # Panics
    /// If there was no sound, or it does not end in time.
    pub fn wait_sound_over(&mut self, limit: Duration) {
        self.wait_until("silence after the sound", limit, |seen| {
            sound_is_over(seen).then_some(Value::Null)
        });
    }

    /// Waits until the events so far have an answer.
    fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        ask: impl Fn(&[Value]) -> Option<Value>,
    ) -> Value {
        let begin = Instant::now();
        // Time is up, or the client has ended.
        self.told.until(limit, ask).unwrap_or_else(|| {
            panic!(
                "{}: `{what}` did not come, waited {:?}{}",
                self.name,
                begin.elapsed(),
                self.story()
            )
        })
    }

    /// Every event so far.
    pub fn events(&mut self) -> &[Value] {
        self.told.so_far()
    }

    /// The state of the call as far as it is known now.
    pub fn last_state(&mut self) -> Option<String> {
        let is_state = |event: &&Value| event["event"] == "state";
        let last = self.events().iter().rev().find(is_state)?;
        last["state"].as_str().map(str::to_owned)
    }

    /// Forgets the events so far, so that the next wait is for one that is to come.
    pub fn forget(&mut self) {
        self.told.forget();
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) {
        self.program.interrupt();
    }

    /// What a service manager or a shutdown sends.
    pub fn terminate(&mut self) {
        self.program.terminate();
    }

    /// Ends it as a crash would: at once, without a word to anybody.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn end(mut self, limit: Duration) -> Ended {
        let status = self.program.wait(limit);
        let took = self.started.elapsed();
        let Some(status) = status else {
            self.told.so_far();
            let story = self.story();
            panic!("{} is still there after {limit:?}{story}", self.name)
        };
        Ended {
            status,
            events: self.told.all(),
            errors: ended::log(&self.folder),
            took,
            name: self.name,
            folder: self.folder,
        }
    }

    fn story(&self) -> String {
        ended::story(self.told.seen(), &ended::log(&self.folder), &self.folder)
    }
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log.txt")
}

fn heard(folder: &Path) -> PathBuf {
    folder.join("heard.wav")
}
