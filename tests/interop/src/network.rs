//! The network that a suite has for itself, and what is added to it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The address of the one interface that is not loopback. ICE agents gather no loopback candidates:
/// whoever speaks ICE is reached here.
pub const LAN: &str = "10.77.0.1";

/// Adds the interface of [`LAN`], once. No route leads further, also none into nowhere: a program that asks
/// for a name is to be told at once that nobody answers.
///
/// # Panics
/// If this is not a network of our own: nobody's real machine is to be changed.
pub fn add_lan() {
    static ADDED: OnceLock<()> = OnceLock::new();
    ADDED.get_or_init(|| {
        assert_own();
        ip("link add lan0 type veth peer name lan1");
        ip(&format!("addr add {LAN}/24 dev lan0"));
        ip("link set lan1 up");
        ip("link set lan0 up");
    });
}

/// Panics where other interfaces are than those of a fresh network and those that tests made.
pub(crate) fn assert_own() {
    const OURS: [&str; 8] = ["lo", "lan", "net0", "wan", "tunl", "sit", "ip6", "gre"];
    let is_ours = |name: &&String| OURS.iter().any(|ours| name.starts_with(ours));
    let links = links();
    if let Some(foreign) = links.iter().find(|name| !is_ours(name)) {
        panic!("this network has `{foreign}`: run this suite by `cargo xtask test interop`");
    }
}

/// The interfaces that there are now.
///
/// # Panics
/// If `ip` does not say.
pub fn links() -> Vec<String> {
    // Not /sys: a namespace still sees that of the machine.
    let shown = ip_program().args(["-o", "link"]).output();
    let shown = shown.expect("ip answers").stdout;
    let shown = String::from_utf8_lossy(&shown);
    let names = shown.lines().filter_map(|line| line.split(": ").nth(1));
    names.map(str::to_owned).collect()
}

/// `ip WORDS` in the network of the test.
pub(crate) fn ip(words: &str) {
    run(&mut ip_program(), words);
}

/// Debian keeps it where a plain user's PATH does not look.
pub(crate) fn ip_program() -> Command {
    tool("ip")
}

pub(crate) fn tool(name: &str) -> Command {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let found = places.map(|place| Path::new(place).join(name));
    let found = found.iter().find(|file| file.is_file());
    found.map_or_else(|| Command::new(name), Command::new)
}

/// Runs a command with further words; it must succeed.
pub(crate) fn run(command: &mut Command, words: &str) {
    let run = command
        .args(words.split_whitespace())
        .stdin(Stdio::null())
        .output();
    let run = run.unwrap_or_else(|error| panic!("{words}: {error}"));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{command:?}: {said}");
}
