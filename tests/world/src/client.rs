//! The real `tandem` as a process: started, listened to line by line, and ended with the test.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a client may take to hang up and go when its test is over.
const PATIENCE: Duration = Duration::from_secs(4);

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
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("a folder for the client");
        let mut command = Command::new(program());
        command.arg("--data").arg(folder.join("data")).arg("--json");
        // What the machine's owner set for themselves is none of a test's business.
        for variable in ["TANDEM_PASSWORD", "TANDEM_LOG", "TANDEM_DATA"] {
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

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut self) -> Client {
        let log = self.folder.join("log.txt");
        let errors = File::create(&log).expect("the log can be written");
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors);
        let started = Instant::now();
        let child = self.command.spawn();
        let mut child = child.unwrap_or_else(|error| panic!("tandem cannot be started: {error}"));
        let output = child.stdout.take().expect("its output is a pipe");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Client {
            name: self.name,
            child,
            lines,
            seen: Vec::new(),
            log,
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
    child: Child,
    lines: Receiver<Value>,
    seen: Vec<Value>,
    log: PathBuf,
    started: Instant,
}

impl Client {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until an event with this name has come, also before this call, and gives the first one back.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait(&mut self, name: &str, limit: Duration) -> Value {
        self.wait_for(name, 1, limit, |event| event["event"] == name)
    }

    /// The same for the `count`th event of this name.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_nth(&mut self, name: &str, count: usize, limit: Duration) -> Value {
        self.wait_for(name, count, limit, |event| event["event"] == name)
    }

    /// Waits for a state of the call.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_state(&mut self, state: &str, limit: Duration) -> Value {
        let is = |event: &Value| event["event"] == "state" && event["state"] == state;
        self.wait_for(state, 1, limit, is)
    }

    /// Waits until an event for which `is` holds has come, also before this call; `what` names it in a failure.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        self.wait_for(what, 1, limit, is)
    }

    fn wait_for(
        &mut self,
        what: &str,
        count: usize,
        limit: Duration,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let begin = Instant::now();
        loop {
            let mut found = self.seen.iter().filter(|event| is(event));
            if let Some(event) = found.nth(count.saturating_sub(1)) {
                return event.clone();
            }
            let left = limit.saturating_sub(begin.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(event) => self.seen.push(event),
                // Time is up, or the client has ended.
                Err(_) => panic!(
                    "{}: `{what}` did not come ({count}), waited {:?}{}",
                    self.name,
                    begin.elapsed(),
                    story(&self.seen, &self.log)
                ),
            }
        }
    }

    /// Every event so far.
    pub fn events(&mut self) -> &[Value] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Forgets the events so far, so that the next wait is for one that is to come.
    pub fn forget(&mut self) {
        self.events();
        self.seen.clear();
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) {
        self.signal("INT");
    }

    /// What a service manager or a shutdown sends.
    pub fn terminate(&mut self) {
        self.signal("TERM");
    }

    /// Ends it as a crash would: at once, without a word to anybody.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().expect("it can be waited for");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn end(mut self, limit: Duration) -> Ended {
        let begin = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) => break Some(status),
                None if begin.elapsed() < limit => thread::sleep(Duration::from_millis(10)),
                None => break None,
            }
        };
        let took = self.started.elapsed();
        // The reader ends with the pipe.
        while let Ok(event) = self.lines.recv_timeout(Duration::from_millis(500)) {
            self.seen.push(event);
        }
        let story = story(&self.seen, &self.log);
        let Some(status) = status else {
            panic!("{} is still there after {limit:?}{story}", self.name)
        };
        Ended {
            status,
            events: std::mem::take(&mut self.seen),
            errors: fs::read_to_string(&self.log).unwrap_or_default(),
            took,
            name: self.name.clone(),
            story,
        }
    }

    fn signal(&mut self, name: &str) {
        // Only while it is ours: once waited for, the pid may be somebody else's.
        if let Ok(None) = self.child.try_wait() {
            let kill = format!("kill -{name} {}", self.child.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.signal("TERM");
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(10)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a client ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// Every event, in order.
    pub events: Vec<Value>,
    /// What it wrote to standard error.
    pub errors: String,
    /// From its start to its end.
    pub took: Duration,
    name: String,
    story: String,
}

impl Ended {
    /// All events with this name.
    pub fn all(&self, name: &str) -> Vec<&Value> {
        let named = |event: &&Value| event["event"] == name;
        self.events.iter().filter(named).collect()
    }

    /// Why the last call ended.
    pub fn reason(&self) -> &str {
        let last = self
            .all("ended")
            .last()
            .and_then(|event| event["reason"].as_str());
        last.unwrap_or("(none)")
    }

    /// Why the registration failed.
    pub fn registration_failure(&self) -> &str {
        let failed = self.all("registration-failed");
        let last = failed.last().and_then(|event| event["reason"].as_str());
        last.unwrap_or("(none)")
    }

    /// The calls that `tandem history` printed, newest first.
    ///
    /// # Panics
    /// If it printed none.
    pub fn calls(&self) -> &[Value] {
        let calls = self
            .events
            .first()
            .and_then(|event| event["calls"].as_array());
        calls.unwrap_or_else(|| panic!("{}: no history{}", self.name, self.story))
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// If it is another.
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{}{}",
            self.name,
            self.story
        );
        self
    }

    /// Checks exit code and reason of the last call at once.
    ///
    /// # Panics
    /// If one is not as expected.
    pub fn expect(&self, code: i32, reason: &str) -> &Self {
        let is = (self.status.code(), self.reason());
        assert_eq!(is, (Some(code), reason), "{}{}", self.name, self.story);
        self
    }

    /// Everything that happened, for whoever reads a failed test.
    pub fn story(&self) -> &str {
        &self.story
    }
}

/// One event a line, then the log.
fn story(events: &[Value], log: &Path) -> String {
    let mut story = String::new();
    for event in events {
        story.push_str(&format!("\n  {event}"));
    }
    let log = fs::read_to_string(log).unwrap_or_default();
    story + "\n--- log ---\n" + &log
}

/// The `tandem` under test: `TANDEM_BIN`, or the one beside the test, built anew if the sources changed.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match env::var_os("TANDEM_BIN") {
        Some(program) => PathBuf::from(program),
        None => build(),
    })
}

/// Builds it where the test itself was built: TARGET/PROFILE/deps/TEST.
fn build() -> PathBuf {
    let test = env::current_exe().expect("the test has a file");
    let mut above = test.ancestors().skip(2);
    let (profile, target) = (above.next(), above.next());
    let (profile, target) = profile
        .zip(target)
        .expect("the test lies in a target folder");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "--package",
        "tandem-cli",
        "--manifest-path",
    ]);
    command.arg(manifest).arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let built = command.stdin(Stdio::null()).status();
    let built = built.unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(built.success(), "tandem does not build");
    profile.join("tandem")
}
