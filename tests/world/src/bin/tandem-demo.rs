//! One call between two `tandem` processes through a loopback registrar, shown, recorded and judged.
//!
//! Ends with 0 if a caller would have noticed nothing wrong, 1 if not, 2 if the demo could not be tried.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tandem_world::demo::{self, Options};

/// One call between two phones, judged.
#[derive(Parser)]
struct Arguments {
    /// The tandem program.
    #[arg(long, value_name = "PATH")]
    tandem: PathBuf,
    /// Folder for the recordings, the logs and report.html.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What alice says: any WAV file of 3 to 600 s.
    #[arg(long, value_name = "FILE")]
    speech_alice: Option<PathBuf>,
    /// What bob says.
    #[arg(long, value_name = "FILE")]
    speech_bob: Option<PathBuf>,
    /// Leave a capture of alice's packets: alice.pcap.
    #[arg(long)]
    pcap: bool,
    /// Print one JSON object at the end, and nothing else.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        tandem: arguments.tandem,
        out: arguments.out,
        speech_alice: arguments.speech_alice,
        speech_bob: arguments.speech_bob,
        pcap: arguments.pcap,
        quiet: arguments.json,
    };
    let outcome = match demo::run(&options) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if arguments.json {
        println!("{}", outcome.json);
    } else {
        println!("\n{}", outcome.summary);
    }
    if outcome.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
