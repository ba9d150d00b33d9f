//! `tandem` at a terminal, which it shares with a shell and with whoever asks for passwords.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// A shell at a terminal of its own, from `script` of util-linux.
struct Terminal {
    shell: Child,
    shows: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    /// Runs `line`, in which `tandem` is the program.
    fn run(line: &str, name: &str) -> Self {
        let data = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
        let tandem = format!("'{}' --data '{data}'", env!("CARGO_BIN_EXE_tandem"));
        let mut shell = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command"])
            .arg(line.replace("tandem", &tandem))
            .arg("/dev/null")
            .env("SHELL", "/bin/sh")
            .env_remove("TANDEM_PASSWORD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`script`, of util-linux");
        let mut stdout = shell.stdout.take().unwrap();
        let (tell, shows) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok(len @ 1..) = stdout.read(&mut bytes) {
                let _ = tell.send(bytes[..len].to_vec());
            }
        });
        Self {
            shell,
            shows,
            shown: String::new(),
        }
    }

    /// Waits until `text` is on the screen.
    fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + LONG;
        while !self.shown.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            match self.shows.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no {text:?} in {:?}", self.shown)
                }
            }
        }
    }

    fn enter(&mut self, line: &str) {
        let stdin = self.shell.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn ends(&mut self) -> ExitStatus {
        let until = Instant::now() + LONG;
        loop {
            if let Some(status) = self.shell.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it goes on: {:?}", self.shown);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    /// The terminal goes, and with it who is at it.
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

#[test]
fn a_password_that_is_asked_for_is_used_to_sign_in() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    let at = server.local_addr().unwrap();
    let line = format!("tandem answer --account sip:alice@{at} --transport udp --reject busy");
    let mut terminal = Terminal::run(&line, "password");
    terminal.wait_for("Password: ");
    terminal.enter("secret");
    let mut bytes = [0; 2_048];
    let (len, _) = server.recv_from(&mut bytes).expect("nobody signs in");
    let text = String::from_utf8_lossy(&bytes[..len]);
    assert!(text.starts_with("REGISTER "), "{text}");
}

#[test]
fn in_the_background_of_a_shell_it_goes_on() {
    let answer = "tandem answer --bind 127.0.0.1 --reject busy --max-wait 2";
    // Job control: what `&` starts is no longer who the terminal belongs to.
    let line = format!("set -m; {answer} & wait $!; echo exit code $?");
    let mut terminal = Terminal::run(&line, "background");
    terminal.wait_for("nobody called");
    terminal.wait_for("exit code 4");
    assert!(terminal.ends().success());
}
