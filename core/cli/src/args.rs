//! What a person can type.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::script::Script;

/// A phone in a terminal: places and answers calls, and remembers them.
///
/// Without --play or --tone it uses the microphone, without --record or --mute-output the loudspeaker.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Folder for the call history and its key
    #[arg(long, value_name = "DIR", global = true, env = "TANDEM_DATA")]
    pub data: Option<PathBuf>,
    /// Print one JSON object a line instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Log what happens inside, to standard error (-vv: more). Addresses and names are left out
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  all went well
  1  something inside failed
  2  the command line was wrong
  3  the account could not sign in
  4  no call came about (busy, declined, no answer, nobody there)
  5  the call was lost after it had been answered
  6  no microphone or loudspeaker

Examples:
  tandem call sip:600@pbx.example.org --account sip:1001@pbx.example.org
  tandem answer --account sip:1001@pbx.example.org --after 2
  tandem answer --bind 192.0.2.7:5060          (no server: be called directly)
  tandem call bob@example.org --encryption required      (no call, or one nobody can listen to)
  tandem history --limit 5";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Call somebody and stay until the call ends
    Call(CallArgs),
    /// Wait for calls and answer them
    Answer(AnswerArgs),
    /// Show past calls, newest first
    History(HistoryArgs),
}

/// `tandem call`.
#[derive(Args, Debug)]
pub struct CallArgs {
    /// Whom to call: sip:bob@example.org, or just bob at the account's server
    pub target: String,
    #[command(flatten)]
    pub account: AccountArgs,
    #[command(flatten)]
    pub media: MediaArgs,
    /// Give up when nobody answers for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub ring_timeout: u64,
    /// Hang up after this long
    #[arg(long, value_name = "SECONDS")]
    pub max_duration: Option<u64>,
    #[command(flatten)]
    pub run: RunArgs,
}

/// `tandem answer`.
#[derive(Args, Debug)]
pub struct AnswerArgs {
    #[command(flatten)]
    pub account: AccountArgs,
    #[command(flatten)]
    pub media: MediaArgs,
    /// Let it ring this long first
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub after: f64,
    /// Do not answer: refuse
    #[arg(long, value_enum, value_name = "HOW")]
    pub reject: Option<Rejection>,
    /// Stop after this many calls (default: go on until Ctrl-C)
    #[arg(long, value_name = "CALLS")]
    pub count: Option<u32>,
    /// Stop, with exit code 4, when no call came for this long
    #[arg(long, value_name = "SECONDS")]
    pub max_wait: Option<u64>,
    #[command(flatten)]
    pub run: RunArgs,
}

/// What both sides of a call can be told to do.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Steps once the call is up, separated by `;`: wait SECONDS, wait-played, wait-active, hold, resume,
    /// mute, unmute, dtmf DIGITS, wait-phrase, verify (both read the same safety phrase), mismatch, hangup,
    /// wait-end. In a terminal they can be typed while the call is up, too
    #[arg(long = "do", value_name = "STEPS", default_value = "wait-end")]
    pub script: Script,
    /// Keep a copy of everything sent and received, for Wireshark
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
}

/// How to refuse a call.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rejection {
    /// In another call (486)
    Busy,
    /// Not wanted (603)
    Decline,
}

/// The account to use.
#[derive(Args, Debug)]
pub struct AccountArgs {
    /// Own address, sip:alice@example.org. Without it calls go directly, with no server
    #[arg(long, value_name = "ADDRESS")]
    pub account: Option<String>,
    /// Server to register at, HOST or HOST:PORT (default: the host of the account)
    #[arg(long, value_name = "SERVER", requires = "account")]
    pub registrar: Option<String>,
    /// Name to sign in with (default: the user part of the account)
    #[arg(long, value_name = "NAME", requires = "account")]
    pub user: Option<String>,
    /// File that holds the password in its first line (else: environment variable TANDEM_PASSWORD, else asked for)
    #[arg(long, value_name = "FILE", requires = "account")]
    pub password_file: Option<PathBuf>,
    /// How to reach the server
    #[arg(long, value_enum, default_value_t = TransportArg::Auto)]
    pub transport: TransportArg,
    /// Whether sound has to be encrypted (default: preferred)
    #[arg(long, value_enum)]
    pub encryption: Option<EncryptionArg>,
    #[command(flatten)]
    pub ice: IceArgs,
    /// Trust the certificates in this file (PEM: of an authority, or the server's own) and no others
    #[arg(long, value_name = "FILE", env = "TANDEM_TLS_CA")]
    pub tls_ca: Option<PathBuf>,
    /// Own address, IP or IP:PORT (default: the one that leads to the server)
    #[arg(long, value_name = "ADDRESS", value_parser = bind_address)]
    pub bind: Option<SocketAddr>,
    /// How long a registration lasts before it is refreshed
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub expires: u32,
}

/// Who helps two devices to reach each other.
#[derive(Args, Debug)]
pub struct IceArgs {
    /// STUN or TURN server, stun:HOST, turn:HOST, turn:HOST?transport=tcp or turns:HOST (RFC 7064, RFC 7065), each with :PORT
    /// if need be; may be given several times, best first
    #[arg(long = "ice-server", value_name = "URL")]
    pub ice_servers: Vec<String>,
    /// Name to use at the TURN servers
    #[arg(long, value_name = "NAME", requires = "ice_servers")]
    pub ice_user: Option<String>,
    /// File that holds the password for the TURN servers in its first line (else: environment variable
    /// TANDEM_ICE_PASSWORD)
    #[arg(long, value_name = "FILE", requires = "ice_user")]
    pub ice_password_file: Option<PathBuf>,
    /// Send and receive sound through the TURN servers alone: nobody who calls or is called learns an address of
    /// this device from it
    #[arg(long, requires = "ice_servers")]
    pub relay_only: bool,
}

/// How to reach the server.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TransportArg {
    /// What the server's domain says (DNS NAPTR and SRV), encrypted if it offers that; UDP if it says nothing
    Auto,
    /// Datagrams
    Udp,
    /// A stream
    Tcp,
    /// An encrypted stream, and never anything else
    Tls,
}

/// Whether sound has to be encrypted.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EncryptionArg {
    /// No call without, in or out
    Required,
    /// Wherever the far end can; one that cannot is called in plain
    Preferred,
    /// Only where the far end insists
    Off,
}

/// What to send and where to put what is heard.
#[derive(Args, Debug)]
pub struct MediaArgs {
    /// Send this WAV file once, then silence
    #[arg(long, value_name = "FILE", conflicts_with = "tone")]
    pub play: Option<PathBuf>,
    /// Send a tone of so many hertz
    #[arg(long, value_name = "HZ")]
    pub tone: Option<f32>,
    /// Write what is heard to this WAV file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Do not play what is heard
    #[arg(long)]
    pub mute_output: bool,
    /// Codecs to use, best first: opus, g722, pcmu, pcma
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub codecs: Option<Vec<String>>,
}

/// `tandem history`.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// How many calls to show
    #[arg(long, value_name = "CALLS", default_value_t = 20)]
    pub limit: u32,
}

fn bind_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let ip: IpAddr = text
        .parse()
        .map_err(|_| "not an IP address, nor IP:PORT".to_owned())?;
    Ok(SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_address_may_leave_its_port_to_the_system() {
        assert_eq!(
            bind_address("127.0.0.1"),
            Ok("127.0.0.1:0".parse().unwrap())
        );
        assert_eq!(
            bind_address("[::1]:5060"),
            Ok("[::1]:5060".parse().unwrap())
        );
        assert!(bind_address("example.org").is_err());
    }
}
