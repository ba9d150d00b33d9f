//! A SIP registrar and proxy for loopback, to try a client against.
//!
//! Prints `{"address":"127.0.0.1:PORT"}` once it is reached there over UDP and TCP, with `--tls-name` a second line,
//! `{"tls":"127.0.0.1:PORT"}`, once it is over TLS, then runs until killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;
use tandem_sip::digest::Algorithm;
use tandem_world::sip_registrar::{Config, Server, User};
use tandem_world::tls_front::{Authority, TlsFront};

/// A SIP registrar and proxy for loopback.
#[derive(Parser)]
struct Arguments {
    /// A user who may register; may be given several times.
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = user, required = true)]
    users: Vec<User>,
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// Realm of the challenges.
    #[arg(long, default_value = "tandem.test")]
    realm: String,
    /// A domain it serves beside its address; may be given several times.
    #[arg(long = "domain", value_name = "NAME")]
    domains: Vec<String>,
    /// Digest algorithm: MD5, SHA-256, SHA-512-256; may be given several times, best first.
    #[arg(long = "algorithm", value_name = "NAME", value_parser = algorithm)]
    algorithms: Vec<Algorithm>,
    /// How long a nonce may be used.
    #[arg(long, value_name = "SECS", default_value_t = 300)]
    nonce_lifetime: u64,
    /// Let calls through without a password.
    #[arg(long)]
    trust_callers: bool,
    /// Shortest registration.
    #[arg(long, value_name = "SECS", default_value_t = 1)]
    min_expires: u64,
    /// Longest registration.
    #[arg(long, value_name = "SECS", default_value_t = 3_600)]
    max_expires: u64,
    /// Be reached over TLS as well, with a certificate for this name.
    #[arg(long, value_name = "NAME", requires = "tls_authority")]
    tls_name: Option<String>,
    /// Where to leave the certificate (PEM) of the authority that signed it.
    #[arg(long, value_name = "FILE")]
    tls_authority: Option<PathBuf>,
    /// The year it ends in.
    #[arg(long, value_name = "YEAR", default_value_t = 2100)]
    tls_until: i32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let front = |server: &Server| {
        let name = arguments.tls_name.as_deref()?;
        let authority = Authority::new();
        authority.save(arguments.tls_authority.as_deref()?);
        let front = TlsFront::start(&authority, name, arguments.tls_until, server.address());
        Some(front)
    };
    let mut config = Config {
        users: arguments.users,
        realm: arguments.realm,
        nonce_lifetime: Duration::from_secs(arguments.nonce_lifetime),
        challenge_calls: !arguments.trust_callers,
        min_expires: Duration::from_secs(arguments.min_expires),
        max_expires: Duration::from_secs(arguments.max_expires),
        ..Config::default()
    };
    config.domains.extend(arguments.domains);
    if !arguments.algorithms.is_empty() {
        config.algorithms = arguments.algorithms;
    }
    match Server::bind(config, arguments.bind) {
        Ok(server) => {
            let front = front(&server);
            println!("{}", json!({ "address": server.address().to_string() }));
            if let Some(front) = &front {
                println!("{}", json!({ "tls": front.address().to_string() }));
            }
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("cannot listen at {}: {error}", arguments.bind);
            ExitCode::FAILURE
        }
    }
}

fn user(text: &str) -> Result<User, String> {
    let (name, password) = text.split_once(':').ok_or("a user is NAME:PASSWORD")?;
    Ok(User::new(name, password))
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(text).ok_or_else(|| format!("{text} is no digest algorithm of SIP"))
}
