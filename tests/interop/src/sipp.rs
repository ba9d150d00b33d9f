//! SIPp with the two scenarios that are built into it: the basic caller and the basic callee.

use crate::places::Desk;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tandem_world::program::Program;

/// A running SIPp.
#[derive(Debug)]
pub struct Sipp {
    program: Program,
    output: PathBuf,
}

impl Sipp {
    /// Its own address.
    pub const ADDRESS: &str = "127.0.0.30:5060";

    /// Calls `target` (an `IP:PORT`) so often, one after the other, each for `talk`, and echoes what
    /// it hears.
    pub fn caller(desk: &Desk, target: &str, calls: u32, talk: Duration, transport: &str) -> Self {
        let talk = talk.as_millis().to_string();
        let calls = calls.to_string();
        // One call at a time, a new one as soon as the last has ended.
        let count = ["-m", &calls, "-l", "1", "-r", "1", "-d", &talk];
        Self::start(
            desk,
            &[&["-sn", "uac", target], &count[..]].concat(),
            Self::ADDRESS,
            transport,
        )
    }

    /// Takes so many calls and echoes what it hears.
    pub fn callee(desk: &Desk, calls: u32, transport: &str) -> Self {
        Self::callee_at(desk, Self::ADDRESS, calls, transport)
    }

    /// The same at another address.
    pub fn callee_at(desk: &Desk, address: &str, calls: u32, transport: &str) -> Self {
        Self::start(
            desk,
            &["-sn", "uas", "-m", &calls.to_string()],
            address,
            transport,
        )
    }

    fn start(desk: &Desk, arguments: &[&str], address: &str, transport: &str) -> Self {
        let output = desk.at("sipp.log");
        let (ip, port) = address.split_once(':').expect("an address");
        let mut command = Command::new("sipp");
        command
            .args(arguments)
            .args(["-i", ip, "-p", port, "-t", transport, "-rtp_echo"]);
        command.args(["-nostdin", "-timeout", "60", "-timeout_error"]);
        // A phone may close its connection as soon as its call is over.
        command.args(["-reconnect_close", "false", "-max_reconnect", "1"]);
        command
            .arg("-trace_msg")
            .arg("-message_file")
            .arg(desk.at("sipp-messages.log"));
        command
            .arg("-trace_err")
            .arg("-error_file")
            .arg(desk.at("sipp-errors.log"));
        // Without a terminal it still asks what kind of terminal there is.
        let program = Program::start("sipp", command.env("TERM", "xterm"), &output);
        std::thread::sleep(Duration::from_millis(300));
        Self { program, output }
    }

    /// Waits for its end; every call must have gone as its scenario says.
    ///
    /// # Panics
    /// If one did not.
    pub fn must_succeed(mut self, limit: Duration) {
        let status = self.program.wait(limit);
        let said = fs::read(&self.output).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let end: Vec<&str> = said.lines().rev().take(40).collect();
        let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
        assert!(
            status.is_some_and(|status| status.success()),
            "SIPp: {status:?}\n{end}"
        );
    }
}
