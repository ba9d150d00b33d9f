//! dnsmasq, a name server that knows what one test tells it and nothing else.

use crate::network::tool;
use crate::places::Desk;
use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tandem_world::client::ClientCommand;
use tandem_world::program::{Program, wait_until};

/// A running name server, and the resolver's configuration that leads to it.
#[derive(Debug)]
pub struct Names {
    _program: Program,
    leads_here: PathBuf,
    log: PathBuf,
}

impl Names {
    /// Where it is.
    const IP: &str = "127.0.0.53";

    /// Starts it with these records, each a line of its configuration such as `host-record=a.test,127.0.0.5`.
    /// Whatever else is asked below `.test` does not exist.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(desk: &Desk, records: &[&str]) -> Self {
        let mut configuration = format!(
            "keep-in-foreground\nno-resolv\nno-hosts\nno-poll\nbind-interfaces\nlisten-address={}\nport=53\n\
             user=\nlocal=/test/\nlog-queries\nlog-facility=-\n",
            Self::IP
        );
        for record in records {
            let _ = writeln!(configuration, "{record}");
        }
        let file = desk.at("dnsmasq.conf");
        fs::write(&file, configuration).expect("its configuration");
        let leads_here = desk.at("resolv.conf");
        fs::write(&leads_here, format!("nameserver {}\n", Self::IP)).expect("a file");
        let log = desk.at("dnsmasq.log");
        let mut command = tool("dnsmasq");
        let program = Program::start("dnsmasq", command.arg("-C").arg(&file), &log);
        let up = wait_until(Duration::from_secs(10), answers);
        assert!(up.is_some(), "dnsmasq is not up; see {}", log.display());
        Self {
            _program: program,
            leads_here,
            log,
        }
    }

    /// `tandem WORDS` of a phone with this name, on a machine whose name server this is.
    ///
    /// # Panics
    /// If a file's path is no text.
    pub fn phone(&self, desk: &Desk, name: &str, words: &[&str]) -> ClientCommand {
        // The file of the machine stays what it is: only this process, and what it starts, sees another.
        let mut machine = Command::new("unshare");
        machine
            .args(["--mount", "sh", "-c"])
            .arg("mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"")
            .arg("sh")
            .arg(&self.leads_here);
        ClientCommand::launched(machine, desk.folder(), name, words).args(&["-vv"])
    }

    /// Whether it was asked this, such as `query[SRV] _sips._tcp.a.test`.
    pub fn was_asked(&self, words: &str) -> bool {
        was_logged(&self.log, words)
    }
}

fn was_logged(log: &Path, words: &str) -> bool {
    let log = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&log).contains(words)
}

/// Whether somebody answers a question for the address of `up.test`.
fn answers() -> Option<()> {
    const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02up\x04test\0\0\x01\0\x01";
    let socket = UdpSocket::bind(("127.0.0.1", 0)).ok()?;
    let limit = Duration::from_millis(200);
    socket.set_read_timeout(Some(limit)).ok()?;
    socket.send_to(QUESTION, (Names::IP, 53)).ok()?;
    let mut answer = [0; 512];
    socket.recv(&mut answer).ok().map(|_| ())
}
