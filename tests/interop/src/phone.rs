//! The real `tandem`, as a process, read line by line.

use crate::places::{self, Desk};
use crate::program::Program;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How `tandem` is to be started.
#[derive(Debug)]
pub struct PhoneCommand {
    name: String,
    command: Command,
    folder: PathBuf,
}

impl PhoneCommand {
    /// `tandem call TARGET`.
    pub fn call(desk: &Desk, target: &str) -> Self {
        Self::new(desk, "caller").args(&["call", target])
    }

    /// `tandem answer`.
    pub fn answer(desk: &Desk) -> Self {
        Self::new(desk, "callee").args(&["answer"])
    }

    /// `tandem history` of the phone that was started with this name.
    pub fn history(desk: &Desk, name: &str) -> Self {
        Self::new(desk, name).args(&["history"])
    }

    fn new(desk: &Desk, name: &str) -> Self {
        let folder = desk.at(name);
        fs::create_dir_all(&folder).expect("a folder for tandem");
        let mut command = Command::new(places::tandem());
        command
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--json", "-vv"]);
        Self {
            name: name.to_owned(),
            command,
            folder,
        }
    }

    /// Further words on the command line.
    pub fn args(mut self, words: &[&str]) -> Self {
        self.command.args(words);
        self
    }

    /// Signs in at Asterisk as this user, with the right password.
    pub fn user(self, user: &str) -> Self {
        let password = format!("secret-{user}");
        self.user_with_password(user, &password)
    }

    /// Signs in at Asterisk.
    pub fn user_with_password(mut self, user: &str, password: &str) -> Self {
        self.command.env("TANDEM_PASSWORD", password);
        let account = format!("sip:{user}@127.0.0.4");
        self.args(&["--account", &account, "--bind", Phone::IP])
    }

    /// Says this recording.
    pub fn play(mut self, file: &Path) -> Self {
        self.command.arg("--play").arg(file);
        self
    }

    /// Keeps what it hears; [`Phone::heard`] names the file.
    pub fn record(mut self) -> Self {
        let file = self.folder.join("heard.wav");
        self.command.arg("--record").arg(file);
        self
    }

    /// Neither microphone nor loudspeaker: a tone to send, nothing to hear.
    pub fn tone(self) -> Self {
        self.args(&["--tone", "440", "--mute-output"])
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut self) -> Phone {
        let errors = File::create(self.folder.join("log.txt")).expect("the log can be written");
        self.command.stdout(Stdio::piped());
        let mut program = Program::start_with(&self.name, &mut self.command, errors.into());
        let output = program.child().stdout.take().expect("its output is a pipe");
        let mut copy = File::create(self.folder.join("events.jsonl")).expect("a file for events");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = writeln!(copy, "{line}");
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Phone {
            name: self.name,
            program,
            receiver,
            seen: Vec::new(),
            folder: self.folder,
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

/// One event a line, as the phone printed them.
fn story(events: &[Value]) -> String {
    events
        .iter()
        .fold(String::new(), |story, event| format!("{story}\n  {event}"))
}

/// A running `tandem`.
#[derive(Debug)]
pub struct Phone {
    name: String,
    program: Program,
    receiver: Receiver<Value>,
    seen: Vec<Value>,
    folder: PathBuf,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub code: Option<i32>,
    /// Every event, in order.
    pub events: Vec<Value>,
    folder: PathBuf,
}

impl Phone {
    /// Its own address.
    pub const IP: &str = "127.0.0.20";

    /// Waits until an event with this name has come, also before this call, and gives it back.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait(&mut self, name: &str, limit: Duration) -> Value {
        self.wait_for(name, limit, |event| event["event"] == name)
    }

    /// Waits for a state of the call.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_state(&mut self, state: &str, limit: Duration) -> Value {
        let is = |event: &Value| event["event"] == "state" && event["state"] == state;
        self.wait_for(state, limit, is)
    }

    /// The state of the call as far as it is known now.
    pub fn last_state(&mut self) -> Option<String> {
        self.seen.extend(self.receiver.try_iter());
        let mut states = self
            .seen
            .iter()
            .rev()
            .filter(|event| event["event"] == "state");
        states
            .next()
            .and_then(|event| event["state"].as_str().map(str::to_owned))
    }

    fn wait_for(&mut self, what: &str, limit: Duration, is: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            if let Some(event) = self.seen.iter().find(|event| is(event)) {
                return event.clone();
            }
            match self
                .receiver
                .recv_timeout(limit.saturating_sub(begin.elapsed()))
            {
                Ok(event) => self.seen.push(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!(
                    "{}: no `{what}` within {limit:?}; see {}{}",
                    self.name,
                    self.folder.display(),
                    story(&self.seen)
                ),
            }
        }
    }

    /// What it hears goes here.
    pub fn heard(&self) -> PathBuf {
        self.folder.join("heard.wav")
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) {
        self.program.interrupt();
    }

    /// Ends it without a word to anybody, as a crash would.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn end(mut self, limit: Duration) -> Ended {
        let status = self.program.wait(limit);
        // The reader ends with the pipe.
        while let Ok(event) = self.receiver.recv_timeout(Duration::from_millis(500)) {
            self.seen.push(event);
        }
        let Some(status) = status else {
            panic!(
                "{} is still there after {limit:?}; see {}{}",
                self.name,
                self.folder.display(),
                story(&self.seen)
            )
        };
        Ended {
            code: status.code(),
            events: self.seen,
            folder: self.folder,
        }
    }
}

impl Ended {
    /// All events with this name.
    pub fn all(&self, name: &str) -> Vec<&Value> {
        self.events
            .iter()
            .filter(|event| event["event"] == name)
            .collect()
    }

    /// The states of the call, in order.
    pub fn states(&self) -> Vec<&str> {
        self.all("state")
            .iter()
            .filter_map(|event| event["state"].as_str())
            .collect()
    }

    /// Why the last call ended.
    pub fn reason(&self) -> &str {
        self.all("ended")
            .last()
            .and_then(|event| event["reason"].as_str())
            .unwrap_or("(none)")
    }

    /// The digits that came, one after the other.
    pub fn digits(&self) -> String {
        self.all("dtmf")
            .iter()
            .filter_map(|event| event["digit"].as_str())
            .collect()
    }

    /// What it heard.
    pub fn heard(&self) -> PathBuf {
        self.folder.join("heard.wav")
    }

    /// Checks exit code and reason at once.
    ///
    /// # Panics
    /// If one is not as expected.
    pub fn expect(&self, code: i32, reason: &str) -> &Self {
        let is = (self.code, self.reason());
        assert_eq!(is, (Some(code), reason), "{}", self.story());
        self
    }

    /// Everything that happened, for whoever reads a failed test.
    pub fn story(&self) -> String {
        format!("see {}{}", self.folder.display(), story(&self.events))
    }
}
