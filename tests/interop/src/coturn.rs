//! coturn, a STUN and TURN server.

use crate::certificates::Certificates;
use crate::places::Desk;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tandem_world::program::{Program, wait_until};

/// A running coturn: UDP and TCP at port 3478, TLS at 5349.
#[derive(Debug)]
pub struct Coturn {
    program: Program,
    log: PathBuf,
    certificates: Certificates,
}

impl Coturn {
    /// Where it is, and where it relays.
    pub const IP: &str = "127.0.0.6";
    /// UDP and TCP.
    pub const ADDRESS: &str = "127.0.0.6:3478";
    /// TLS.
    pub const TLS_ADDRESS: &str = "127.0.0.6:5349";
    /// The name in its certificate.
    pub const NAME: &str = "turn.test";
    /// Its one user, and the password.
    pub const USER: (&str, &str) = ("alice", "secret-alice");

    /// Starts it with these further lines of configuration.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(desk: &Desk, further: &[&str]) -> Self {
        Self::start_at(desk, "coturn", Self::IP, further)
    }

    /// A second one, at another address.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start_at(desk: &Desk, name: &str, ip: &str, further: &[&str]) -> Self {
        let certificates = Certificates::make(&desk.at("certificates"));
        let run = desk.at(name);
        fs::create_dir_all(&run).expect("a folder for coturn");
        let at = |file: &str| run.join(file).display().to_string();
        let (user, password) = Self::USER;
        let mut configuration = format!(
            "listening-ip={ip}\nrelay-ip={ip}\nlistening-port=3478\ntls-listening-port=5349\n\
             min-port=20000\nmax-port=20999\nrealm={}\nlt-cred-mech\nuser={user}:{password}\n\
             cert={}\npkey={}\nuserdb={}\npidfile={}\n",
            Self::NAME,
            certificates.chain.display(),
            certificates.key.display(),
            at("users.db"),
            at("turn.pid"),
        );
        // Peers are on loopback here, and coturn allows that only without its console.
        configuration.push_str(
            "allow-loopback-peers\nno-cli\nno-dtls\nlog-file=stdout\nsimple-log\nverbose\n",
        );
        for line in further {
            let _ = writeln!(configuration, "{line}");
        }
        fs::write(at("turnserver.conf"), configuration).expect("its configuration");
        let log = run.join("output.log");
        let mut command = Command::new("turnserver");
        command.arg("-c").arg(run.join("turnserver.conf"));
        let program = Program::start(name, &mut command, &log);
        let up = || TcpStream::connect((ip, 5349)).ok();
        let up = wait_until(Duration::from_secs(10), up);
        assert!(up.is_some(), "coturn is not up; see {}", log.display());
        Self {
            program,
            log,
            certificates,
        }
    }

    /// The authority that a client has to trust.
    pub fn authority(&self) -> &std::path::Path {
        &self.certificates.authority
    }

    /// Waits until its log has a line with all of these words.
    pub fn has_logged(&self, words: &[&str], limit: Duration) -> bool {
        let look = || {
            let text = fs::read_to_string(&self.log).ok()?;
            let mut lines = text.lines();
            lines
                .any(|line| words.iter().all(|word| line.contains(word)))
                .then_some(())
        };
        wait_until(limit, look).is_some()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.program.kill();
    }
}
