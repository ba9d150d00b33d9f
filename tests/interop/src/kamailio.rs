//! Kamailio, a registrar and proxy: media does not go through it.

use crate::asterisk::Asterisk;
use crate::certificates::Certificates;
use crate::network::tool;
use crate::places::Desk;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tandem_world::program::{Program, wait_until};
use tempfile::TempDir;

const CONFIGURATION: &str = include_str!("../peers/kamailio/kamailio.cfg");
const TLS: &str = include_str!("../peers/kamailio/tls.cfg");

#[cfg(target_arch = "aarch64")]
const MODULES: &str = "/usr/lib/aarch64-linux-gnu/kamailio/modules/";
#[cfg(not(target_arch = "aarch64"))]
const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";

/// A running Kamailio: UDP and TCP at port 5060, TLS at 5061, WebSocket at 8080 and, with TLS, 8443.
#[derive(Debug)]
pub struct Kamailio {
    // Before the folder: it has to end while its files are there.
    program: Program,
    run: TempDir,
    log: PathBuf,
    certificates: Certificates,
}

impl Kamailio {
    /// Where it is.
    pub const IP: &str = "127.0.0.5";
    /// Where browsers reach it, in the clear.
    pub const WS: &str = "ws://127.0.0.5:8080/";
    /// Where browsers reach it over TLS.
    pub const WSS: &str = "wss://127.0.0.5:8443/";
    /// The domain of its users.
    pub const DOMAIN: &str = "kamailio.test";

    /// Starts it and waits until it can be asked.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(desk: &Desk) -> Self {
        Self::start_at(desk, "kamailio", Self::IP, &[])
    }

    /// One at this address, told these further words on its command line.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start_at(desk: &Desk, name: &str, ip: &str, words: &[&str]) -> Self {
        // Its control socket lies here, and the path of a socket has to be short.
        let run = tempfile::Builder::new()
            .prefix("kam")
            .tempdir()
            .expect("a folder for Kamailio");
        let certificates = Certificates::make(&desk.at("certificates"));
        for (name, text) in [("kamailio.cfg", CONFIGURATION), ("tls.cfg", TLS)] {
            let text = text
                .replace("@RUN@", &run.path().to_string_lossy())
                .replace("@IP@", ip)
                .replace("@MODULES@", MODULES)
                .replace("@ASTERISK@", Asterisk::LAN)
                .replace("@KEY@", &certificates.key.to_string_lossy())
                .replace("@CHAIN@", &certificates.chain.to_string_lossy())
                .replace("@AUTHORITY@", &certificates.authority.to_string_lossy());
            fs::write(run.path().join(name), text).expect("its configuration");
        }
        let log = desk.at(name).with_extension("log");
        let mut command = tool("kamailio");
        // -DD: does not leave the terminal, so that it ends with the test.
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-Y"]);
        command.arg(run.path()).arg("-f");
        command.arg(run.path().join("kamailio.cfg")).args(words);
        command.process_group(0);
        let mut started = Self {
            program: Program::start(name, &mut command, &log),
            run,
            log,
            certificates,
        };
        let up = wait_until(Duration::from_secs(20), || {
            let ended = started.program.wait(Duration::ZERO).is_some();
            let up = !ended && started.ask("core.uptime").contains("uptime");
            (ended || up).then_some(up)
        });
        let log = started.log.display();
        assert!(up == Some(true), "Kamailio did not come up; see {log}");
        started
    }

    /// Ends it as a power cut would: all of its processes.
    pub fn kill(&mut self) {
        let all = format!("kill -KILL -{}", self.program.pid());
        let _ = Command::new("sh").args(["-c", &all]).status();
        self.program.kill();
    }

    /// The authority that a phone has to trust, as a file.
    ///
    /// # Panics
    /// If its path is no text.
    pub fn authority(&self) -> &str {
        let file = self.certificates.authority.to_str();
        file.expect("a path that can be written down")
    }

    /// The addresses at which a user is registered now.
    pub fn contacts(&self, user: &str) -> Vec<String> {
        let shown = self.ask(&format!("ul.lookup location {user}"));
        let lines = shown.lines().map(str::trim);
        let addresses = lines.filter_map(|line| line.strip_prefix("Address: "));
        addresses.map(str::to_owned).collect()
    }

    /// Waits until it was asked what starts with these words, such as `INVITE sip:bob`.
    pub fn was_asked(&self, words: &str, limit: Duration) -> Option<String> {
        let words = format!("asked: {words}");
        wait_until(limit, || {
            let log = fs::read(&self.log).ok()?;
            let log = String::from_utf8_lossy(&log).into_owned();
            let line = log.lines().find(|line| line.contains(&words))?;
            Some(line.to_owned())
        })
    }

    /// What its control program says.
    fn ask(&self, words: &str) -> String {
        let mut command: Command = tool("kamcmd");
        let socket = self.run.path().join("ctl");
        command
            .arg("-s")
            .arg(format!("unix:{}", socket.display()))
            .args(words.split_whitespace());
        let asked = command.output().expect("kamcmd can be started");
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }
}

impl Drop for Kamailio {
    /// Its processes hold its ports as long as one of them lives, and the first one may be slow to end the others.
    fn drop(&mut self) {
        self.program.terminate();
        if self.program.wait(Duration::from_secs(4)).is_none() {
            self.kill();
        }
    }
}
