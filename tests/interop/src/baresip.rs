//! baresip, a phone without a screen, told what to do over its control connection.

use crate::certificates::Certificates;
use crate::places::Desk;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tandem_world::audio::Audio;
use tandem_world::program::{Program, wait_until};

const CONFIGURATION: &str = include_str!("../peers/baresip/config");

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    // Before the program: it sees the connection close, then ends.
    control: TcpStream,
    read: Vec<u8>,
    events: Vec<Value>,
    _program: Program,
    run: PathBuf,
}

impl Baresip {
    /// Its own address.
    pub const IP: &str = "127.0.0.10";

    /// Starts it with this account line; in a call it plays the recording once.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(desk: &Desk, account: &str, play: &Path) -> Self {
        Self::start_at(desk, Self::IP, account, play)
    }

    /// The same at another address, where it takes port 5070.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start_at(desk: &Desk, ip: &str, account: &str, play: &Path) -> Self {
        let port = if ip == Self::IP { "5060" } else { "5070" };
        let certificates = Certificates::make(&desk.at("certificates"));
        let run = desk.at("baresip");
        fs::create_dir_all(&run).expect("a folder for baresip");
        // It wants the rate that its sound is set to.
        let said = run.join("said.wav");
        let voice = Audio::read(play).expect("a recording").resampled(48_000);
        // And it hangs up at the end of the file: let it be silent for longer than a test talks.
        let rest = Audio::silence(48_000, Duration::from_secs(20));
        let samples = [voice.samples(), rest.samples()].concat();
        Audio::new(48_000, samples)
            .write(&said)
            .expect("the recording at its rate");
        let configuration = CONFIGURATION
            .replace("@RUN@", &run.to_string_lossy())
            .replace("@PLAY@", &said.to_string_lossy())
            .replace("@MODULES@", "/usr/lib/baresip/modules")
            .replace("@CERTIFICATE@", &certificates.all.to_string_lossy())
            .replace("@AUTHORITY@", &certificates.authority.to_string_lossy())
            .replace("@PORT@", port)
            .replace("@IP@", ip);
        fs::write(run.join("config"), configuration).expect("its configuration");
        fs::write(run.join("accounts"), format!("{account}\n")).expect("its account");
        fs::write(run.join("contacts"), "").expect("its contacts");
        let mut command = Command::new("baresip");
        command.arg("-4").arg("-f").arg(&run);
        let program = Program::start("baresip", &mut command, &run.join("output.log"));
        let control = (ip, 4444);
        let control = wait_until(Duration::from_secs(10), || TcpStream::connect(control).ok());
        let control = control.unwrap_or_else(|| panic!("baresip is not up; see {}", run.display()));
        control
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout");
        Self {
            control,
            read: Vec::new(),
            events: Vec::new(),
            _program: program,
            run,
        }
    }

    /// Gives it a command, such as `dial sip:…`, `hangup`, `hold`, `resume`.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn tell(&mut self, command: &str, parameters: &str) {
        let text = json!({ "command": command, "params": parameters, "token": "test" }).to_string();
        let framed = format!("{}:{text},", text.len());
        self.control
            .write_all(framed.as_bytes())
            .expect("baresip listens");
    }

    /// Waits for an event of this type, such as `REGISTER_OK` or `CALL_ESTABLISHED`; each counts
    /// once.
    pub fn wait(&mut self, kind: &str, limit: Duration) -> Option<Value> {
        let begin = Instant::now();
        loop {
            if let Some(at) = self.events.iter().position(|event| event["type"] == kind) {
                return Some(self.events.remove(at));
            }
            if begin.elapsed() > limit {
                return None;
            }
            self.receive();
        }
    }

    /// What it heard, once it has written the file: the call must be over.
    pub fn heard(&self) -> Option<PathBuf> {
        let files = fs::read_dir(&self.run).ok()?;
        let files = files.flatten().map(|entry| entry.path());
        // One a call and direction; the longest is the call that had sound.
        let heard = files.filter(|file| file.to_string_lossy().ends_with("-dec.wav"));
        heard.max_by_key(|file| fs::metadata(file).map_or(0, |data| data.len()))
    }

    fn receive(&mut self) {
        let mut bytes = [0; 4096];
        match self.control.read(&mut bytes) {
            Ok(count) => self.read.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("baresip's control connection: {error}"),
        }
        while let Some((text, rest)) = netstring(&self.read) {
            let event = serde_json::from_slice(&text).unwrap_or(Value::Null);
            self.read = rest;
            self.events.push(event);
        }
    }
}

/// The first `LENGTH:TEXT,` and what follows it.
fn netstring(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let text = bytes.get(colon + 1..colon + 1 + length)?;
    let rest = bytes.get(colon + 2 + length..)?;
    Some((text.to_vec(), rest.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::netstring;

    #[test]
    fn takes_one_netstring_at_a_time() {
        assert_eq!(
            netstring(b"2:{},3:abc,"),
            Some((b"{}".to_vec(), b"3:abc,".to_vec()))
        );
        assert_eq!(netstring(b"5:abc"), None);
    }
}
