//! A browser's phone: JsSIP in Chromium, without a screen, told what to do by the page that we serve it.

mod page;
mod server;

use crate::places::{self, Desk};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use tandem_world::audio::Audio;
use tandem_world::program::{Program, wait_until};
use tandem_world::watched::{Watched, is_sound, sound_is_over};

use server::Server;

/// The rate at which the page keeps what it hears.
const RATE: u32 = 48_000;

/// What the browser has to be told to be a phone in a test: no person clicks, no sound card, nothing
/// fetched from elsewhere, our own certificates, and candidates of this network as they are.
const OPTIONS: [&str; 16] = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--ignore-certificate-errors",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns,AudioServiceOutOfProcess",
];

/// A running browser with one phone in it.
#[derive(Debug)]
pub struct Browser {
    // Before the server: the page asks until the end.
    _program: Program,
    server: Server,
    told: Watched,
    folder: PathBuf,
    voice: Duration,
}

impl Browser {
    /// Starts it; in a call [`Browser::say`] says this recording.
    ///
    /// # Panics
    /// If the page does not come up.
    pub fn start(desk: &Desk, name: &str, voice: &Path) -> Self {
        let folder = desk.at(name);
        fs::create_dir_all(folder.join("home")).expect("a folder for the browser");
        // At the end of the file Chromium repeats its last piece: let that be silence.
        let said = folder.join("said.wav");
        let voice = Audio::read(voice).expect("a recording");
        let rest = Audio::silence(voice.rate(), Duration::from_secs(2));
        Audio::new(voice.rate(), [voice.samples(), rest.samples()].concat())
            .write(&said)
            .expect("the recording with its end");
        let (sender, events) = mpsc::channel();
        let server = Server::start(page::bundle(&places::jssip()), sender);
        let mut command = Command::new("chromium");
        command
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", folder.join("data").display()))
            .arg(format!(
                "--use-file-for-fake-audio-capture={}%noloop",
                said.display()
            ))
            .env("HOME", folder.join("home"))
            .arg(server.address());
        let log = folder.join("chromium.log");
        let mut browser = Self {
            _program: Program::start("chromium", &mut command, &log),
            server,
            told: Watched::new(events),
            folder,
            voice: voice.duration(),
        };
        browser.wait("ready", Duration::from_secs(30));
        browser
    }

    /// Signs in over a WebSocket.
    ///
    /// # Panics
    /// If that fails.
    pub fn register(&mut self, user: &str, domain: &str, server: &str, limit: Duration) {
        let uri = format!("sip:{user}@{domain}");
        let password = format!("secret-{user}");
        self.tell(
            "register",
            json!({ "uri": uri, "user": user, "password": password, "server": server }),
        );
        self.wait("registered", limit);
    }

    /// Calls.
    pub fn call(&self, target: &str) {
        self.tell("call", json!({ "target": target }));
    }

    /// Takes the call that rings.
    pub fn answer(&self) {
        self.tell("answer", json!({}));
    }

    /// Puts the call on hold, and waits until that is agreed.
    ///
    /// # Panics
    /// If it is not.
    pub fn hold(&mut self, limit: Duration) {
        self.change("hold", limit);
    }

    /// Takes the call back from hold.
    ///
    /// # Panics
    /// If that is not agreed.
    pub fn resume(&mut self, limit: Duration) {
        self.change("resume", limit);
    }

    /// Looks for another way with new credentials (RFC 8839 §4.4.1.1.1), and waits until it is agreed.
    ///
    /// # Panics
    /// If it is not.
    pub fn restart_ice(&mut self, limit: Duration) {
        self.change("restart", limit);
    }

    /// A change by re-INVITE: `changed` comes when the far end has answered.
    fn change(&mut self, command: &str, limit: Duration) {
        self.told.forget();
        self.tell(command, json!({}));
        self.wait_for(command, limit, |event| {
            event["event"] == "changed" && event["command"] == command
        });
    }

    /// Forgets the events so far, so that the next wait is for one that is to come.
    pub fn forget(&mut self) {
        self.told.forget();
    }

    /// Ends the call.
    pub fn hang_up(&self) {
        self.tell("hangup", json!({}));
    }

    /// Says its recording, once, from now on; `played` comes when it is over.
    pub fn say(&self) {
        let seconds = self.voice.as_secs_f64();
        self.tell("say", json!({ "seconds": seconds }));
    }

    /// Waits until the path of the media is up: ICE has found it, and DTLS secured it.
    ///
    /// # Panics
    /// If it does not come up in time.
    pub fn wait_connected(&mut self, limit: Duration) {
        self.wait_for("a secured path", limit, |event| {
            event["event"] == "connection" && event["state"] == "connected"
        });
    }

    /// How the browser itself says that its media is secured, a transport an entry: `dtls`, the state; `role`,
    /// `client` or `server`; `srtp`, the cipher; `ufrag`, of the ICE generation in use; `from` and `to`, the
    /// kinds of its two candidates; `changes`, how often the pair changed.
    ///
    /// # Panics
    /// If it does not say.
    pub fn transports(&mut self, limit: Duration) -> Vec<Value> {
        self.told.forget();
        self.tell("inspect", json!({}));
        let told = self.wait("transports", limit);
        told["transports"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until it hears something: a whole second of it.
    ///
    /// # Panics
    /// If there is silence all the time.
    pub fn wait_sound(&mut self, limit: Duration) {
        self.wait_for("a second of sound", limit, is_sound);
    }

    /// Waits until what it heard is over: sound, and two seconds of silence after it.
    ///
    /// # Panics
    /// If there was no sound, or it does not end in time.
    pub fn wait_sound_over(&mut self, limit: Duration) {
        self.until("silence after the sound", limit, |seen| {
            sound_is_over(seen).then_some(Value::Null)
        });
    }

    /// What it heard in this call, as a file.
    ///
    /// # Panics
    /// If it does not hand it over.
    pub fn heard(&self, limit: Duration) -> PathBuf {
        self.tell("listen", json!({}));
        let heard = wait_until(limit, || self.server.take_heard());
        let heard = heard.expect("the browser hands over what it heard");
        let samples = heard
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0);
        let file = self.folder.join("heard.wav");
        Audio::new(RATE, samples.collect())
            .write(&file)
            .expect("the recording is kept");
        file
    }

    /// Waits until an event with this name has come, also before this call, and gives the first one back.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait(&mut self, name: &str, limit: Duration) -> Value {
        self.wait_for(name, limit, |event| event["event"] == name)
    }

    /// The same for any event that `is` right; `what` is what was missed.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait_for(&mut self, what: &str, limit: Duration, is: impl Fn(&Value) -> bool) -> Value {
        self.until(what, limit, |seen| {
            seen.iter().find(|event| is(event)).cloned()
        })
    }

    fn until(
        &mut self,
        what: &str,
        limit: Duration,
        ask: impl Fn(&[Value]) -> Option<Value>,
    ) -> Value {
        self.told.until(limit, ask).unwrap_or_else(|| {
            panic!(
                "the browser: `{what}` did not come within {limit:?}; see {}{}",
                self.folder.display(),
                self.story()
            )
        })
    }

    fn tell(&self, command: &str, mut words: Value) {
        words["command"] = command.into();
        self.server.command(&words);
    }

    /// One event a line, without the long ones' ends.
    fn story(&self) -> String {
        let lines = self.told.seen().iter().map(|event| {
            let line: String = event.to_string().chars().take(400).collect();
            format!("\n  {line}")
        });
        lines.collect()
    }
}
