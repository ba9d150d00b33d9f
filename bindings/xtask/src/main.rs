//! `cargo xtask`: every command of the house.
//!
//! Depends on next to nothing, so that it builds in seconds on a machine that has a Rust toolchain
//! and no more: it is what installs the rest.

mod advisories;
mod bench;
mod bindings;
mod demo;
mod disk;
mod fuzz;
mod namespace;
mod needs;
mod peers;
mod places;
mod process;
mod size;
mod soak;
mod suites;
mod summary;
mod targets;
mod third_party;

use std::process::ExitCode;

const HELP: &str = "\
Tandem's commands.

usage: cargo xtask COMMAND [OPTIONS]

  demo                    two phones on this machine call each other and speak; needs no account,
                          no server and no sound card. What they heard, a report and the timeline
                          land in target/demo/.
      --speech-alice WAV  what alice says (default: a voice from tests/fixtures)
      --speech-bob WAV    what bob says
      --pcap              also write the packets, for tshark or Wireshark
      --json              print one JSON object instead of the timeline

  test [SUITE…]           every check of the house, or only the named suites. Logs land in
                          target/logs/, the result also in target/test-summary.json.
      --quick             leave out what needs other programs or takes minutes
      --list              name the suites and what they check
      -v, --verbose       show what the suites print while they run

  fuzz [TARGET [SECONDS [SEED]]]
                          try a reader of what the network sends with inputs that nobody thought of, for a
                          minute or as long as said; `all` for every one; alone it names them. Needs no
                          other compiler. What it found is kept in target/fuzz/ and is where the next run
                          begins; with a SEED it begins from the committed corpus and that chance
  fuzz TARGET FILE        try one input, such as one that broke something
  soak [HOURS]            every fuzz target in turn, and one call after the other beside them, for
                          8 hours or as long as said; the result is in target/soak/report.json
  bench transport [CALLS] how long until a call is heard, at 0, 10 and 30 % loss, and what its
                          protection costs, beside other stacks; also in target/bench/transport.json

  bindings                generate Kotlin (into target/bindings) and Swift (into bindings/swift)
      --check             only say whether the Swift that is checked in is up to date
  size                    link the library for a 64-bit Android phone, without NDK, and measure it;
                          fails over 6 MB or if it does not fit pages of 16 KB. Also in
                          target/size.json
  check-targets           type-check what ships for Android and iOS, without NDK or Xcode
  third-party             write THIRD-PARTY.md, the licences of everything that ships
      --check             only say whether it is up to date
  install                 install what building needs (Debian, as root), or say what to install
      --peers             also the phones and servers that the interop suites call
  advisories DIR          renew the offline copy of the security advisories from a checkout of
                          the RustSec database

Programs of other people (Asterisk, JsSIP, cargo-deny) are kept outside this checkout, in
$XDG_CACHE_HOME/tandem or ~/.cache/tandem; TANDEM_CACHE names another folder.
";

/// What a command answers: done, or a message for the person who typed it.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    if rest
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let outcome = match command.as_deref() {
        Some("demo") => return demo::command(&rest),
        Some("test") => suites::command(&rest),
        Some("bindings") => bindings::command(&rest),
        Some("size") => size::command(&rest),
        Some("fuzz") => fuzz::command(&rest),
        Some("soak") => soak::command(&rest),
        Some("bench") => bench::command(&rest),
        Some("check-targets") => targets::command(&rest),
        Some("third-party") => third_party::command(&rest),
        Some("install") => needs::command(&rest),
        Some("advisories") => advisories::command(&rest),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("there is no command `{other}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            if !message.is_empty() {
                eprintln!("error: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Refuses words that the command does not know.
fn only_known(arguments: &[String], known: &[&str]) -> Outcome {
    match arguments
        .iter()
        .find(|argument| !known.contains(&argument.as_str()))
    {
        Some(unknown) => Err(format!(
            "unknown option `{unknown}`; see `cargo xtask help`"
        )),
        None => Ok(()),
    }
}
