//! `tandem`: the desktop client of the Tandem core.

mod account;
mod answer;
mod args;
mod audio;
mod call;
mod exit;
mod follow;
mod history;
mod keyboard;
mod report;
mod script;
mod signals;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tandem_engine::{Engine, EngineConfig, FileSecrets};

use args::{Cli, Command};
use exit::Exit;
use report::Report;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.verbose);
    let report = Report::new(cli.json);
    let exit = match run(&cli, &report) {
        Ok(()) => Exit::Fine,
        Err(failure) => {
            report.problem(&failure.text);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

/// Why the command ends, for the person and for a script.
struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    fn new(exit: Exit, text: impl std::fmt::Display) -> Self {
        Self {
            exit,
            text: text.to_string(),
        }
    }
}

fn run(cli: &Cli, report: &Report) -> Result<(), Failure> {
    let data = match &cli.data {
        Some(data) => data.clone(),
        None => default_data()
            .ok_or_else(|| Failure::new(Exit::Usage, "no home folder: say --data DIR"))?,
    };
    if let Command::History(args) = &cli.command {
        return history::show(&data, args, report);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("no runtime: {error}")))?;
    let secrets = Arc::new(FileSecrets::new(data.join("keys")));
    let mut config = EngineConfig::desktop(data, secrets);
    config.max_calls = 1;
    let own_roots = match &cli.command {
        Command::Call(args) => args.account.tls_ca.as_deref(),
        Command::Answer(args) => args.account.tls_ca.as_deref(),
        Command::History(_) => None,
    };
    if let Some(path) = own_roots {
        config.certificates = Arc::new(account::roots(path)?);
    }
    let result = runtime.block_on(async {
        signals::listen();
        match &cli.command {
            Command::Call(args) => call::run(config, args, report).await,
            Command::Answer(args) => answer::run(config, args, report).await,
            Command::History(_) => Ok(()),
        }
    });
    // A blocked name look-up must not keep the prompt from coming back.
    runtime.shutdown_background();
    result
}

/// Starts the engine with what the command line says of it.
fn start_engine(
    mut config: EngineConfig,
    media: &args::MediaArgs,
    run: &args::RunArgs,
    report: &Report,
) -> Result<Engine, Failure> {
    if let Some(path) = &run.pcap {
        let capture = tandem_engine::net::PcapFile::create(path)
            .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))?;
        config.capture = Some(Arc::new(capture));
    }
    config.media = audio::capabilities(media)?;
    let engine = Engine::start(config, &tokio::runtime::Handle::current())
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    for call in engine.interrupted() {
        report.interrupted(call);
    }
    Ok(engine)
}

fn default_data() -> Option<std::path::PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(data) = set("XDG_DATA_HOME") {
        return Some(std::path::PathBuf::from(data).join("tandem"));
    }
    set("HOME").map(|home| std::path::PathBuf::from(home).join(".local/share/tandem"))
}

fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("TANDEM_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
