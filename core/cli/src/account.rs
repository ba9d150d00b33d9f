//! The account flags, as an account.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tandem_engine::net::{Roots, RootsVerifier};
use tandem_engine::phone::{IceConfig, IceServer, PhoneError, RelayUse, SipAccount};
use tandem_engine::{
    AccountState, Engine, EngineError, Event, EventStream, TransportChoice, TransportKind,
};
use tandem_types::media::MediaSecurity;
use tandem_types::{AccountId, Pii};

use crate::args::{AccountArgs, EncryptionArg, IceArgs, TransportArg};
use crate::exit::{Exit, registration_token};
use crate::report::Report;
use crate::{Failure, signals};

/// Where a password may be left for us.
const PASSWORD_VARIABLE: &str = "TANDEM_PASSWORD";
/// And the one for TURN servers.
const ICE_PASSWORD_VARIABLE: &str = "TANDEM_ICE_PASSWORD";

/// The account that is used, and where it can be reached.
pub struct Used {
    pub id: AccountId,
    pub local: SocketAddr,
    /// Whether there is a server to sign in at.
    pub registers: bool,
}

/// Adds the account of the command line to the engine; `target` is who is to be called with it.
pub async fn add(
    engine: &Engine,
    args: &AccountArgs,
    target: Option<&str>,
    report: &Report,
) -> Result<Used, Failure> {
    let account = account(args, target)?;
    let registers = account.registrar.is_some();
    let (id, local) = engine.add_account(account).await.map_err(|error| {
        if registers && matches!(error, EngineError::NoRoute(_)) {
            report.registration_failed("unreachable", &error.to_string());
        }
        unusable(error)
    })?;
    Ok(Used {
        id,
        local,
        registers,
    })
}

/// When somebody who waits to be signed in is told that it takes longer than usual.
const SLOW_SERVER: Duration = Duration::from_secs(4);

/// Signs in and waits for what comes of it.
pub async fn sign_in(
    engine: &Engine,
    used: &Used,
    events: &mut EventStream,
    report: &Report,
) -> Result<(), Failure> {
    if !used.registers {
        return Ok(());
    }
    report.registering();
    engine
        .register(used.id)
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    let mut patient = true;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = tokio::time::sleep(SLOW_SERVER), if patient => {
                // A server that says nothing, and has no other beside it, is given up after 32 s (RFC 3261
                // §17.1.2.2, timer F): long for somebody who does not know.
                patient = false;
                report.note("no answer from the server yet; still trying (Ctrl-C ends)");
                continue;
            }
            () = signals::stop() => return Err(Failure::new(Exit::NotRegistered, "stopped")),
        };
        let Some(event) = event else {
            return Err(Failure::new(Exit::Internal, "the engine stopped"));
        };
        let Event::Account(account) = event else {
            continue;
        };
        match account.state {
            AccountState::Online { expires } => {
                report.registered(expires);
                return Ok(());
            }
            AccountState::Failed { reason, .. } => {
                let word = registration_token(reason);
                report.registration_failed(word, &reason.to_string());
                return Err(Failure::new(
                    Exit::NotRegistered,
                    format!("cannot sign in: {reason}"),
                ));
            }
            AccountState::Offline | AccountState::Listening | AccountState::Connecting => {}
        }
    }
}

/// Whose fault it is that the account cannot be used.
fn unusable(error: EngineError) -> Failure {
    let exit = match &error {
        EngineError::NoRoute(_) => Exit::NotRegistered,
        EngineError::Phone(PhoneError::Account(_)) => Exit::Usage,
        _ => Exit::Internal,
    };
    Failure::new(exit, error)
}

fn account(args: &AccountArgs, target: Option<&str>) -> Result<SipAccount, Failure> {
    let transport = match args.transport {
        TransportArg::Auto => TransportChoice::Automatic,
        TransportArg::Udp => TransportKind::Udp.into(),
        TransportArg::Tcp => TransportKind::Tcp.into(),
        TransportArg::Tls => TransportKind::Tls.into(),
    };
    let media_security = match args.encryption {
        Some(EncryptionArg::Required) => MediaSecurity::Required,
        Some(EncryptionArg::Preferred) => MediaSecurity::Preferred,
        Some(EncryptionArg::Off) => MediaSecurity::PlainAllowed,
        None => SipAccount::MEDIA_SECURITY,
    };
    let ice = ice(&args.ice)?;
    let Some(address) = &args.account else {
        let anywhere: IpAddr = if target.is_some_and(is_ipv6) {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        };
        let anywhere = SocketAddr::new(anywhere, 0);
        let direct = SipAccount::direct(args.bind.unwrap_or(anywhere), transport);
        return Ok(SipAccount {
            media_security,
            ice,
            ..direct
        });
    };
    let address = if address.contains(':') {
        address.clone()
    } else {
        format!("sip:{address}")
    };
    let server = match &args.registrar {
        Some(server) => {
            let bare = server.strip_prefix("sips:");
            let bare = bare.or_else(|| server.strip_prefix("sip:"));
            bare.unwrap_or(server).to_owned()
        }
        None => address
            .rsplit_once('@')
            .map_or("", |(_, host)| host)
            .to_owned(),
    };
    if server.is_empty() {
        let text = "the account needs a host: --account sip:alice@example.org";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(SipAccount {
        address: Pii::new(address),
        display_name: None,
        registrar: Some(Pii::new(server)),
        user: args.user.clone().map(Pii::new),
        password: password(args)?.map(Pii::new),
        transport,
        bind: args.bind,
        expires: Duration::from_secs(u64::from(args.expires)),
        media_security,
        ice,
    })
}

fn ice(args: &IceArgs) -> Result<IceConfig, Failure> {
    let password = match &args.ice_password_file {
        Some(path) => Some(first_line(path)?),
        None => std::env::var(ICE_PASSWORD_VARIABLE).ok(),
    };
    let servers = args.ice_servers.iter().map(|url| IceServer {
        url: Pii::new(url.clone()),
        username: args.ice_user.clone().map(Pii::new),
        password: password.clone().map(Pii::new),
    });
    Ok(IceConfig {
        servers: servers.collect(),
        relay: match args.relay_only {
            true => RelayUse::Always,
            false => RelayUse::WhenNeeded,
        },
    })
}

/// Whoever the file vouches for is trusted, and nobody else.
pub fn roots(path: &Path) -> Result<RootsVerifier, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
    RootsVerifier::new(&Roots::Pem(pem)).map_err(|error| unusable(&error))
}

/// Whether a direct call to `target` has to leave by IPv6.
fn is_ipv6(target: &str) -> bool {
    let host = target.rsplit_once('@').map_or(target, |(_, host)| host);
    host.trim_start_matches("sip:").starts_with('[')
}

fn first_line(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// From the file, the environment, or the person, in this order; a script that gives none has none.
fn password(args: &AccountArgs) -> Result<Option<String>, Failure> {
    if let Some(path) = &args.password_file {
        return first_line(path).map(Some);
    }
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(Some(password));
    }
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let password = rpassword::prompt_password("Password: ")
        .map_err(|error| Failure::new(Exit::Usage, format!("no password: {error}")))?;
    Ok(Some(password))
}
