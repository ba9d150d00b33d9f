//! The performance: registrar, bob, alice, in this order, and what they leave.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::events::{Event, Stamped};
use super::judge::DIGIT;
use super::party::{Exit, Party};
use super::process::{Output, ProcessId, Processes};
use super::timeline::Timeline;
use super::{DemoError, Options, RATE, Voice, io_error};
use crate::audio::Audio;
use crate::sip_registrar::{Config, Server, User};

/// How long both may take for everything but the speech.
const SLACK: Duration = Duration::from_secs(45);
/// How long a process may take to end once the call is over.
const GOODBYE: Duration = Duration::from_secs(10);
/// How long bob lets it ring, in seconds.
const RINGS_S: u32 = 1;

/// Everything the performance needs.
pub(super) struct Stage<'a> {
    pub options: &'a Options,
    pub alice: &'a Voice,
    pub bob: &'a Voice,
}

/// What the performance left.
pub(super) struct Performed {
    pub alice: Party,
    pub bob: Party,
    pub authenticated: BTreeSet<String>,
    /// What went wrong with the demo's own files.
    pub problems: Vec<String>,
}

impl Stage<'_> {
    /// Plays the call.
    pub fn perform(&self, timeline: &mut Timeline) -> Result<Performed, DemoError> {
        // Made anew for every run: the registrar lives as long as the call.
        let users = ["alice", "bob"].map(|name| User::new(name, &format!("secret of {name}")));
        let config = Config {
            users: users.to_vec(),
            ..Config::default()
        };
        let registrar = Server::start(config).map_err(io_error("starting the registrar"))?;
        let server = registrar.address();
        timeline.now("registrar", format!("listens at {server} (UDP and TCP)"));

        let talk = self.alice.audio.duration().max(self.bob.audio.duration());
        // Whole seconds, and one more so that the last word has arrived.
        let talk_s = talk.as_secs_f64().ceil() as u64 + 1;
        let deadline = Instant::now() + Duration::from_secs(talk_s) + SLACK;
        let mut cast = Cast::new(timeline);

        let mut bob = self.tandem("bob");
        bob.args(["answer", "--count", "1", "--max-wait", "30"]);
        bob.args(["--after", &RINGS_S.to_string()]);
        self.enter(&mut cast, "bob", bob, self.bob, server)?;
        cast.listen(deadline, |cast| {
            let settled = |event: &Event| {
                matches!(
                    event,
                    Event::Registered { .. } | Event::RegistrationFailed { .. }
                )
            };
            cast.party("bob")
                .is_none_or(|bob| bob.when(settled).is_some())
                || cast.is_closed("bob")
        });

        let mut alice = self.tandem("alice");
        let script = format!(
            "wait-active; wait {talk_s}; hold; wait 1; resume; wait 1; dtmf {DIGIT}; wait 1; hangup"
        );
        alice.args(["call", &format!("sip:bob@{server}"), "--do", &script]);
        if self.options.pcap {
            alice.arg("--pcap").arg(self.file("alice", ".pcap"));
        }
        self.enter(&mut cast, "alice", alice, self.alice, server)?;
        cast.listen(deadline, |cast| cast.is_closed("alice"));
        // Without a caller bob would wait for the next call; with one he ends with the call.
        let goodbye = deadline.min(Instant::now() + GOODBYE);
        cast.listen(goodbye, |cast| cast.is_closed("bob"));

        let [mut bob, mut alice] = cast.end(goodbye.max(Instant::now() + Duration::from_secs(1)));
        let mut problems = Vec::new();
        for party in [&mut alice, &mut bob] {
            self.collect(party, &mut problems)?;
        }
        if self.options.pcap {
            let size = fs::metadata(self.file("alice", ".pcap")).map_or(0, |file| file.len());
            // A capture without packets is a header of 24 bytes.
            if size <= 24 {
                problems.push("alice left no capture".to_owned());
            }
        }
        Ok(Performed {
            alice,
            bob,
            authenticated: registrar.authenticated(),
            problems,
        })
    }

    fn file(&self, name: &str, end: &str) -> PathBuf {
        self.options.out.join(format!("{name}{end}"))
    }

    /// A `tandem` process with its data folder, up to the command.
    fn tandem(&self, name: &str) -> Command {
        let mut command = Command::new(&self.options.tandem);
        command
            .arg("--data")
            .arg(self.options.out.join(name))
            .arg("--json")
            .arg("-v");
        command
    }

    /// Adds the account and the media to `command` and starts it.
    fn enter(
        &self,
        cast: &mut Cast<'_>,
        name: &'static str,
        mut command: Command,
        voice: &Voice,
        server: SocketAddr,
    ) -> Result<(), DemoError> {
        command.args(["--account", &format!("sip:{name}@{server}")]);
        command.args(["--registrar", &format!("sip:{server}"), "--user", name]);
        command.args(["--bind", "127.0.0.1", "--encryption", "required"]);
        command.env("TANDEM_PASSWORD", format!("secret of {name}"));
        command.arg("--play").arg(&voice.path);
        command.arg("--record").arg(self.file(name, "-call.wav"));
        cast.start(Party::new(name), command, &self.file(name, ".log"))
            .map_err(io_error(&format!(
                "starting {}",
                self.options.tandem.display()
            )))
    }

    /// Cuts what a party heard during the talk out of its recording, and asks for its history.
    fn collect(&self, party: &mut Party, problems: &mut Vec<String>) -> Result<(), DemoError> {
        let name = party.name;
        party.history = self.history(name);
        let recording = match Audio::read(&self.file(name, "-call.wav")) {
            Ok(recording) => recording,
            Err(error) => {
                problems.push(format!("{name} left no recording: {error}"));
                return Ok(());
            }
        };
        let talk = party
            .talk()
            .map(|(start, end)| Duration::from_millis(end.saturating_sub(start)));
        let heard = recording.slice(Duration::ZERO, talk.unwrap_or(Duration::MAX));
        let path = self.file(name, "-heard.wav");
        heard
            .write(&path)
            .map_err(|error| DemoError::Speech { path, error })?;
        party.heard = Some(heard.resampled(RATE));
        Ok(())
    }

    fn history(&self, name: &str) -> Result<Vec<Value>, String> {
        let mut command = self.tandem(name);
        command.arg("history");
        let log = self.file(name, "-history.log");
        let lines = lines_of(command, &log).map_err(|error| error.to_string())?;
        let objects = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut histories = objects.filter(|object| object["event"] == "history");
        let history = histories
            .next()
            .and_then(|mut object| object.get_mut("calls").map(Value::take));
        match history {
            Some(Value::Array(calls)) => Ok(calls),
            Some(_) | None => Err("the history command printed no history".to_owned()),
        }
    }
}

/// What `command` prints, if it ends well and soon.
fn lines_of(command: Command, log: &Path) -> io::Result<Vec<String>> {
    let deadline = Instant::now() + GOODBYE;
    let mut processes = Processes::new();
    let id = processes.start(command, log)?;
    let mut lines = Vec::new();
    while let Some(Output::Line(_, line)) = processes.next(deadline) {
        lines.push(line);
    }
    match processes.end(id, deadline) {
        Exit::Code(0) => Ok(lines),
        exit => Err(io::Error::other(format!(
            "the command ended badly: {exit:?}"
        ))),
    }
}

/// The parties on the stage, in the order of their entrance, and what was heard of them.
struct Cast<'a> {
    processes: Processes,
    parties: Vec<(ProcessId, Party, bool)>,
    timeline: &'a mut Timeline,
}

impl<'a> Cast<'a> {
    fn new(timeline: &'a mut Timeline) -> Self {
        Self {
            processes: Processes::new(),
            parties: Vec::new(),
            timeline,
        }
    }

    fn start(&mut self, party: Party, command: Command, log: &Path) -> io::Result<()> {
        let id = self.processes.start(command, log)?;
        self.parties.push((id, party, false));
        Ok(())
    }

    fn party(&self, name: &str) -> Option<&Party> {
        self.parties
            .iter()
            .map(|(_, party, _)| party)
            .find(|party| party.name == name)
    }

    fn is_closed(&self, name: &str) -> bool {
        self.parties
            .iter()
            .any(|(_, party, closed)| party.name == name && *closed)
    }

    /// Writes down what they do until `enough`, or `deadline`.
    fn listen(&mut self, deadline: Instant, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let Some(output) = self.processes.next(deadline) else {
                return;
            };
            let (Output::Line(id, _) | Output::Closed(id)) = &output;
            let Some((_, party, closed)) = self.parties.iter_mut().find(|(of, ..)| of == id) else {
                continue;
            };
            match output {
                Output::Closed(_) => *closed = true,
                Output::Line(_, line) => match Stamped::parse(&line) {
                    Some(stamped) => {
                        if let Some(words) = stamped.event.in_words() {
                            self.timeline.at(stamped.unix_ms, party.name, words);
                        }
                        party.events.push(stamped);
                    }
                    None => party.unreadable.push(line),
                },
            }
        }
    }

    /// Waits for both to end, at most until `deadline`.
    fn end(mut self, deadline: Instant) -> [Party; 2] {
        let mut ended = Vec::new();
        for (id, mut party, _) in std::mem::take(&mut self.parties) {
            party.exit = self.processes.end(id, deadline);
            if party.exit != Exit::Code(0) {
                self.timeline
                    .now(party.name, format!("process: {:?}", party.exit));
            }
            ended.push(party);
        }
        ended.try_into().expect("two parties entered")
    }
}
