//! Two homes behind NATs of their own, and the public network between them.
//!
//! ```text
//!   home 0: 192.168.10.2 -- router 0: 192.168.10.1 | 198.51.100.10 --+
//!                                                                    +-- 198.51.100.1: the test, its servers
//!   home 1: 192.168.11.2 -- router 1: 192.168.11.1 | 198.51.100.11 --+
//! ```
//!
//! Each is a network namespace that has no name: a sleeping process holds it, and the kernel takes it
//! away with the process. The bridge goes with the lab, or with the network of the suite.

use crate::network::{self, ip, tool};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tandem_world::program::{Program, wait_until};
use tempfile::TempDir;

/// How a router maps what leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// Always to the same public port, whoever it is for; what comes in must have been asked for.
    Cone,
    /// To another public port for each destination.
    Symmetric,
}

/// The lab. Dropping it takes it away.
#[derive(Debug)]
pub struct Lab {
    _cables: Cables,
    homes: [Home; 2],
    _traces: TempDir,
}

/// A place behind a NAT where programs can run.
#[derive(Debug)]
pub struct Home {
    place: Holder,
    router: Holder,
    ip: String,
    public: String,
}

/// Datagrams that left a home, without those of SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// To other homes.
    pub direct: u64,
    /// To [`Lab::PUBLIC`].
    pub to_servers: u64,
}

impl Lab {
    /// The public address of everything that the test itself starts.
    pub const PUBLIC: &str = "198.51.100.1";

    /// Builds it.
    ///
    /// # Panics
    /// If this is not a network of our own, or the kernel refuses.
    pub fn new(kinds: [Nat; 2]) -> Self {
        network::assert_own();
        let traces = tempfile::tempdir().expect("a folder");
        ip("link add net0 type bridge");
        // Taken away when anything below fails.
        let cables = Cables;
        ip(&format!("addr add {}/24 dev net0", Self::PUBLIC));
        ip("link set net0 up");
        // As on any server: what is for nobody here leaves, and is never heard of again. An error instead would end the
        // relays of coturn, and the checks of Asterisk.
        ip("route add 192.168.0.0/16 dev net0");
        let mut number = 0;
        let homes = kinds.map(|kind| {
            number += 1;
            Home::new(number - 1, kind, traces.path())
        });
        Self {
            _cables: cables,
            homes,
            _traces: traces,
        }
    }

    /// One of the two homes.
    pub fn home(&self, number: usize) -> &Home {
        &self.homes[number]
    }
}

/// Takes away the bridge and what is plugged into it: the kernel may take its time with a namespace
/// whose last process has gone, and the next lab wants the names.
#[derive(Debug)]
struct Cables;

impl Drop for Cables {
    fn drop(&mut self) {
        for link in network::links() {
            // A cable is named after both of its ends.
            let name = link.split('@').next().unwrap_or_default();
            if name == "net0" || name.starts_with("wan") {
                let _ = network::ip_program()
                    .args(["link", "del", name])
                    .stderr(std::process::Stdio::null())
                    .status();
            }
        }
    }
}

impl Home {
    fn new(number: usize, kind: Nat, traces: &Path) -> Self {
        let router = Holder::new(&traces.join(format!("router{number}.log")));
        let place = Holder::new(&traces.join(format!("home{number}.log")));
        // One cable to the public network, one into the home.
        let (outside, inside) = (router.pid(), place.pid());
        ip(&format!(
            "link add wan{number} type veth peer name wan netns {outside}"
        ));
        ip(&format!("link set wan{number} master net0 up"));
        router.ip(&format!(
            "link add lan type veth peer name eth0 netns {inside}"
        ));
        router.ip("link set lo up");
        router.ip(&format!("addr add 198.51.100.1{number}/24 dev wan"));
        router.ip("link set wan up");
        router.ip(&format!("route add default via {}", Lab::PUBLIC));
        router.ip(&format!("addr add 192.168.1{number}.1/24 dev lan"));
        router.ip("link set lan up");
        router.shell("echo 1 > /proc/sys/net/ipv4/ip_forward");
        router.shell(&format!("nft '{}'", rules(kind)));
        let own = format!("192.168.1{number}.2");
        place.ip("link set lo up");
        place.ip(&format!("addr add {own}/24 dev eth0"));
        place.ip("link set eth0 up");
        place.ip(&format!("route add default via 192.168.1{number}.1"));
        Self {
            place,
            router,
            ip: own,
            public: format!("198.51.100.1{number}"),
        }
    }

    /// The address that a phone has here.
    pub fn ip(&self) -> &str {
        &self.ip
    }

    /// The address that the public network sees of it.
    pub fn public_ip(&self) -> &str {
        &self.public
    }

    /// How many datagrams of media, and of the search for its way, left this home so far.
    ///
    /// # Panics
    /// If the router does not say.
    pub fn sent(&self) -> Sent {
        let count = |name: &str| {
            let mut command = self.router.enter();
            let counter = ["nft", "list", "counter", "ip", "door", name];
            let shown = command
                .args(["sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; exec \"$@\"", "sh"])
                .args(counter)
                .output();
            let shown = String::from_utf8_lossy(&shown.expect("nft answers").stdout).into_owned();
            let mut words = shown
                .split_whitespace()
                .skip_while(|word| *word != "packets");
            let count = words.nth(1).and_then(|count| count.parse().ok());
            count.unwrap_or_else(|| panic!("no counter {name}: {shown}"))
        };
        Sent {
            direct: count("direct"),
            to_servers: count("servers"),
        }
    }

    /// The start of a command that runs here: the program and its words follow.
    pub fn enter(&self) -> Command {
        self.place.enter()
    }
}

/// What makes a router of a namespace: addresses are rewritten, and only answers are let in.
fn rules(kind: Nat) -> String {
    let ports = match kind {
        // The kernel keeps the port while it is free, for every destination.
        Nat::Cone => "",
        Nat::Symmetric => " fully-random",
    };
    let public = Lab::PUBLIC;
    // What comes in unasked is dropped before the kernel remembers it: else a check of ICE that arrives early would
    // keep the cone from using the port that it has told.
    format!(
        "add table ip nat; \
         add chain ip nat leaving {{ type nat hook postrouting priority 100; }}; \
         add rule ip nat leaving oifname \"wan\" masquerade{ports}; \
         add table ip door; \
         add counter ip door direct; \
         add counter ip door servers; \
         add chain ip door counting {{ type filter hook forward priority -1; }}; \
         add rule ip door counting iifname \"lan\" ip daddr {public} udp dport != 5060 counter name servers; \
         add rule ip door counting iifname \"lan\" ip daddr != {public} ip protocol udp counter name direct; \
         add chain ip door entering {{ type filter hook input priority 0; }}; \
         add rule ip door entering iifname \"wan\" ct state new drop; \
         add chain ip door passing {{ type filter hook forward priority 0; policy drop; }}; \
         add rule ip door passing iifname \"lan\" accept; \
         add rule ip door passing ct state established,related accept"
    )
}

/// A network namespace, held by a process that sleeps in it.
#[derive(Debug)]
struct Holder {
    // Longer than any suite may take, not for ever.
    asleep: Program,
}

impl Holder {
    fn new(log: &Path) -> Self {
        let mut command = tool("unshare");
        command.args(["--net", "sleep", "900"]);
        let asleep = Program::start("a network namespace", &mut command, log);
        let holder = Self { asleep };
        let network = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let ours = network("self");
        let apart = wait_until(Duration::from_secs(5), || {
            network(&holder.pid().to_string()).filter(|theirs| Some(theirs) != ours.as_ref())
        });
        assert!(
            apart.is_some(),
            "no namespace came about; see {}",
            log.display()
        );
        holder
    }

    fn pid(&self) -> u32 {
        self.asleep.pid()
    }

    fn enter(&self) -> Command {
        let mut command = tool("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.pid()));
        command
    }

    fn ip(&self, words: &str) {
        network::run(self.enter().arg("ip"), words);
    }

    fn shell(&self, line: &str) {
        let mut command = self.enter();
        let line = format!("PATH=$PATH:/usr/sbin:/sbin; {line}");
        network::run(command.args(["sh", "-c", &line]), "");
    }
}
