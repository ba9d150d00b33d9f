//! Asterisk, a PBX: unpacked, not installed, and started anew for every test.

use crate::certificates::Certificates;
use crate::network;
use crate::places::{self, Desk};
use std::borrow::Cow;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tandem_world::program::{Program, wait_until};
use tempfile::TempDir;

const CONFIGURATION: [(&str, &str); 9] = [
    (
        "asterisk.conf",
        include_str!("../peers/asterisk/asterisk.conf"),
    ),
    (
        "extensions.conf",
        include_str!("../peers/asterisk/extensions.conf"),
    ),
    ("http.conf", include_str!("../peers/asterisk/http.conf")),
    (
        "indications.conf",
        include_str!("../peers/asterisk/indications.conf"),
    ),
    ("lan.conf", include_str!("../peers/asterisk/lan.conf")),
    ("logger.conf", include_str!("../peers/asterisk/logger.conf")),
    (
        "modules.conf",
        include_str!("../peers/asterisk/modules.conf"),
    ),
    ("pjsip.conf", include_str!("../peers/asterisk/pjsip.conf")),
    ("rtp.conf", include_str!("../peers/asterisk/rtp.conf")),
];

/// Files that it looks for and that may be empty.
const EMPTY: [&str; 8] = [
    "acl",
    "cdr",
    "cel",
    "ccss",
    "features",
    "musiconhold",
    "pjproject",
    "udptl",
];

#[cfg(target_arch = "aarch64")]
const MACHINE: (&str, &str) = ("lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu");
#[cfg(not(target_arch = "aarch64"))]
const MACHINE: (&str, &str) = ("lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu");

/// A running Asterisk.
#[derive(Debug)]
pub struct Asterisk {
    // Before the folder: it has to end while its files are there.
    program: Program,
    run: TempDir,
    log: PathBuf,
    certificates: Certificates,
}

impl Asterisk {
    /// Where it answers, over UDP and TCP.
    pub const ADDRESS: &str = "127.0.0.4:5060";
    /// The address of its users with ICE, and another one to reach it at: ICE knows no loopback.
    pub const LAN: &str = network::LAN;

    /// Starts it on loopback and waits until it takes calls.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(desk: &Desk) -> Self {
        network::add_lan();
        Self::start_at(desk, "127.0.0.4", Self::LAN)
    }

    /// The same with all of its media at `public`, where phones behind NATs reach it.
    ///
    /// # Panics
    /// If it does not come up, or the address is not there.
    pub fn start_public(desk: &Desk, public: &str) -> Self {
        Self::start_at(desk, public, public)
    }

    /// With the media of plain users at `fixed`, that of users with ICE at `lan`.
    fn start_at(desk: &Desk, fixed: &str, lan: &str) -> Self {
        // Its control socket lies here, and the path of a socket has to be short.
        let run = tempfile::Builder::new()
            .prefix("ast")
            .tempdir()
            .expect("a folder for Asterisk");
        let log = desk.at("asterisk");
        fs::create_dir_all(&log).expect("the log folder");
        let certificates = Certificates::make(&desk.at("certificates"));
        let places = [
            ("@RUN@", run.path().to_string_lossy()),
            ("@LOG@", log.to_string_lossy()),
            ("@KEY@", certificates.key.to_string_lossy()),
            ("@CHAIN@", certificates.chain.to_string_lossy()),
            ("@AUTHORITY@", certificates.authority.to_string_lossy()),
            ("@FIXED@", fixed.into()),
            ("@LAN@", lan.into()),
            (
                "@LAN_UDP@",
                if fixed == lan { "udp" } else { "udp-lan" }.into(),
            ),
            (
                "@BEHIND_NAT@",
                if fixed == lan { "yes" } else { "no" }.into(),
            ),
        ];
        configure(run.path(), &places);
        if fixed == lan {
            // One address needs its transports once.
            fs::write(run.path().join("etc/lan.conf"), "").expect("an empty file");
        }
        let mut command = asterisk(run.path());
        let program = Program::start("asterisk", command.arg("-f"), &log.join("output.log"));
        let started = Self {
            program,
            run,
            log: log.join("asterisk.log"),
            certificates,
        };
        let address = format!("{fixed}:5060").parse().expect("an address");
        let up = wait_until(Duration::from_secs(20), || {
            TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()?;
            Some(started.console("core waitfullybooted")).filter(|said| said.contains("booted"))
        });
        assert!(
            up.is_some(),
            "Asterisk did not come up; see {}",
            log.display()
        );
        started
    }

    /// What a phone has to trust to meet it over TLS.
    pub fn authority(&self) -> &Path {
        &self.certificates.authority
    }

    /// Types a line at its console.
    pub fn console(&self, line: &str) -> String {
        let typed = asterisk(self.run.path()).args(["-rx", line]).output();
        let typed = typed.expect("the console answers");
        String::from_utf8_lossy(&typed.stdout).into_owned()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.program.kill();
    }

    /// The SIP addresses at which a user is registered now, as it prints them.
    pub fn contacts(&self, user: &str) -> Vec<String> {
        let shown = self.console("pjsip show contacts");
        let words = shown
            .split_whitespace()
            .filter(|word| word.starts_with(&format!("{user}/")));
        words.map(str::to_owned).collect()
    }

    /// Calls an address as it would call this user, with that user's ways to secure media, and lets
    /// whoever answers hear an echo. The user need not be registered.
    pub fn calls(&self, user: &str, address: &str) {
        self.console(&format!(
            "channel originate PJSIP/{user}/sip:probe@{address} extension 600@phones"
        ));
    }

    /// Every SIP message so far in which all of these words are, as it came and went.
    pub fn messages(&self, words: &[&str]) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let mut messages: Vec<String> = Vec::new();
        for line in log.lines() {
            // What arrives in one piece of a stream stands in the log as one, a new message behind an ACK.
            let request = line.ends_with(" SIP/2.0") && line.contains(" sip:");
            let response = line.starts_with("SIP/2.0 ");
            match messages.last_mut() {
                _ if request || response => messages.push(line.to_owned()),
                Some(message) if !line.starts_with('[') => {
                    message.push('\n');
                    message.push_str(line);
                }
                _ => {}
            }
        }
        messages.retain(|message| words.iter().all(|word| message.contains(word)));
        messages
    }

    /// Waits until its log holds these words, and answers the line.
    pub fn logs(&self, words: &str, limit: Duration) -> Option<String> {
        wait_until(limit, || {
            let log = fs::read(&self.log).ok()?;
            let log = String::from_utf8_lossy(&log).into_owned();
            log.lines()
                .find(|line| line.contains(words))
                .map(str::to_owned)
        })
    }
}

fn asterisk(run: &Path) -> Command {
    let root = places::asterisk();
    let libraries = root.join("usr/lib").join(MACHINE.1);
    let mut command = Command::new(root.join(MACHINE.0));
    command
        .arg("--library-path")
        .arg(&libraries)
        .args(["--argv0", "asterisk"]);
    command
        .arg(root.join("usr/sbin/asterisk"))
        .arg("-C")
        .arg(run.join("etc/asterisk.conf"));
    command
}

fn configure(run: &Path, places: &[(&str, Cow<'_, str>)]) {
    let root = places::asterisk();
    for folder in ["etc", "var", "var/keys"] {
        fs::create_dir_all(run.join(folder)).expect("its folders");
    }
    // It refuses to load modules without their documentation.
    let documentation = root.join("usr/share/asterisk/documentation");
    let _ = std::os::unix::fs::symlink(documentation, run.join("var/documentation"));
    for (name, text) in CONFIGURATION {
        let text = text
            .replace("@ROOT@", &root.to_string_lossy())
            .replace("@ARCH@", MACHINE.1);
        let text = places
            .iter()
            .fold(text, |text, (word, value)| text.replace(word, value));
        fs::write(run.join("etc").join(name), text).expect("its configuration");
    }
    for name in EMPTY {
        fs::write(run.join("etc").join(name).with_extension("conf"), "").expect("an empty file");
    }
}
