//! The engine: a [`Phone`] with sockets, timers, a store and readers.
//!
//! ```text
//!   app ──commands──► task ◄──inbox── socket readers, resolvers
//!                      │ outputs
//!                      ├──► sockets
//!                      └──► ledger (thread) ── row committed ──► hub ──► event streams
//! ```

mod hub;
mod inbox;
mod ledger;
mod media_sockets;
mod media_streams;
mod route;
mod secure;
mod servers;
mod sip_sockets;
mod stream;
mod task;
mod unreachable;
mod unwritten;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tandem_call::{CallConfig, Command};
use tandem_media::Capabilities;
use tandem_store::{CallRecord, Cursor, Key, OpenReport, Page, Store, StoreError};
use tandem_types::{AccountId, Address, CallId, Entropy};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub use hub::{DEFAULT_BACKLOG, EventStream, StreamEnd};

use crate::net::{
    Capture, CertificateVerifier, NetworkId, Resolver, RootsVerifier, SocketFactory,
    SystemResolver, SystemSockets,
};
use crate::phone::{AccountError, Audio, Phone, PhoneConfig, PhoneError, SipAccount};
use crate::{OsEntropy, SecretStore};
pub(crate) use hub::Hub;
use inbox::Inbox;
use ledger::{Job, Ledger, wall_now};
use secure::Tls;
use sip_sockets::Network;
use task::{Request, Task};

/// What an engine is told once.
#[derive(Clone)]
pub struct EngineConfig {
    /// Folder of everything that is kept; it is made if it is not there.
    pub data: PathBuf,
    /// Where the key of the data folder lives.
    pub secrets: Arc<dyn SecretStore>,
    /// Makes sockets.
    pub sockets: Arc<dyn SocketFactory>,
    /// Looks names up.
    pub resolver: Arc<dyn Resolver>,
    /// Judges the certificates of servers.
    pub certificates: Arc<dyn CertificateVerifier>,
    /// Sees a copy of the traffic; `None` on a device.
    pub capture: Option<Arc<dyn Capture>>,
    /// The path to begin with.
    pub network: NetworkId,
    /// The User-Agent header.
    pub user_agent: String,
    /// Limits of a call.
    pub call: CallConfig,
    /// Codecs and what else media can do.
    pub media: Capabilities,
    /// Calls at one time.
    pub max_calls: usize,
    /// Events a reader may be behind before it is told that it lagged.
    pub backlog: usize,
}

impl EngineConfig {
    /// A desktop's engine with its data in `data`.
    pub fn desktop(data: PathBuf, secrets: Arc<dyn SecretStore>) -> Self {
        Self {
            data,
            secrets,
            sockets: Arc::new(SystemSockets),
            resolver: Arc::new(SystemResolver),
            certificates: Arc::new(RootsVerifier::system()),
            capture: None,
            network: NetworkId::ANY,
            user_agent: concat!("Tandem/", env!("CARGO_PKG_VERSION")).to_owned(),
            call: CallConfig::default(),
            media: Capabilities::default(),
            max_calls: 4,
            backlog: DEFAULT_BACKLOG,
        }
    }
}

/// Why the engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The phone refused.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of the data folder could not be read or kept.
    #[error("the key of the data folder cannot be read")]
    Secrets(#[source] io::Error),
    /// The data folder could not be made.
    #[error("the data folder cannot be made")]
    Folder(#[source] io::Error),
    /// This build's cryptography cannot do TLS.
    #[error("this build cannot do TLS")]
    Tls(#[source] rustls::Error),
    /// The server's name could not be resolved, or there is no way to it.
    #[error("there is no way to the server")]
    NoRoute(#[source] io::Error),
    /// The address to be reached at is taken, or is not one of this machine.
    #[error("the local address cannot be used")]
    Bind(#[source] io::Error),
    /// The engine was shut down.
    #[error("the engine has stopped")]
    Stopped,
}

/// A running engine. Cheap to use from any task; commands complete even if whoever asked goes away.
pub struct Engine {
    requests: mpsc::Sender<Request>,
    ledger: Ledger,
    hub: Hub,
    network: Network,
    interrupted: OpenReport,
    store_thread: Mutex<Option<thread::JoinHandle<()>>>,
}

const INSTANCE_NAME: &str = "instance";
const KEY_NAME: &str = "store-key";

impl Engine {
    /// Opens the data folder and starts the engine on `runtime`. Blocks for as long as opening takes.
    ///
    /// # Errors
    /// The folder or its key cannot be used, or another process has it open.
    pub fn start(config: EngineConfig, runtime: &Handle) -> Result<Self, EngineError> {
        let hub = Hub::new(config.backlog);
        Self::start_telling(config, runtime, hub)
    }

    /// Starts, and tells `hub`, whose readers may be older than this engine.
    pub(crate) fn start_telling(
        config: EngineConfig,
        runtime: &Handle,
        hub: Hub,
    ) -> Result<Self, EngineError> {
        std::fs::create_dir_all(&config.data).map_err(EngineError::Folder)?;
        let key = store_key(&*config.secrets)?;
        let instance_id = instance(&*config.secrets)?;
        let (store, interrupted) = Store::open(&config.data, &key, wall_now())?;
        let (ledger, thread) = Ledger::start(store, hub.clone()).map_err(EngineError::Folder)?;
        let phone_config = PhoneConfig {
            call: config.call,
            media: config.media,
            user_agent: config.user_agent,
            instance_id,
            max_calls: config.max_calls,
            dtls: true,
        };
        let phone = Phone::new(
            phone_config,
            || Box::new(OsEntropy),
            std::time::Instant::now(),
            wall_now(),
        );
        let network = Network {
            factory: config.sockets,
            resolver: config.resolver,
            tls: Tls::new(config.certificates).map_err(EngineError::Tls)?,
            capture: config.capture,
            id: config.network,
        };
        let (requests, queue) = mpsc::channel(64);
        let (inbox, inbound) = Inbox::new();
        let task = Task::new(phone, network.clone(), ledger.clone(), inbox);
        runtime.spawn(task.run(queue, inbound));
        Ok(Self {
            requests,
            ledger,
            hub,
            network,
            interrupted,
            store_thread: Mutex::new(Some(thread)),
        })
    }

    /// Calls that were up when the last run was killed; they stand in the history as interrupted.
    pub fn interrupted(&self) -> &[CallId] {
        &self.interrupted.interrupted
    }

    /// Events from now on, beginning with everything there is.
    pub fn events(&self) -> EventStream {
        self.hub.subscribe()
    }

    /// Adds an account for this run and opens its sockets; gives its id and the address it can be reached
    /// at. It signs in when [`Engine::register`] is called.
    ///
    /// # Errors
    /// No way to the server, or an address that cannot be used.
    pub async fn add_account(
        &self,
        account: SipAccount,
    ) -> Result<(AccountId, SocketAddr), EngineError> {
        let local = self.local_address(&account).await?;
        let address: Address = account
            .address
            .reveal()
            .parse()
            .map_err(|_| PhoneError::Account(AccountError::BadAddress))?;
        let (reply, id) = oneshot::channel();
        self.ledger.send(Job::Account(address, reply));
        let id = id.await.map_err(|_| EngineError::Stopped)??;
        let local = self
            .ask(|reply| Request::AddAccount {
                id,
                account,
                local,
                reply,
            })
            .await??;
        Ok((id, local))
    }

    /// Hangs up the account's calls, signs it out, and forgets it; gives up on a server that does not answer
    /// after two seconds. That there is no such account is no fault.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn remove_account(&self, account: AccountId) -> Result<(), EngineError> {
        self.ask(|reply| Request::RemoveAccount { account, reply })
            .await
    }

    /// Signs in, and stays signed in. What comes of it is told by events.
    ///
    /// # Errors
    /// No such account.
    pub async fn register(&self, account: AccountId) -> Result<(), EngineError> {
        Ok(self
            .ask(|reply| Request::Register { account, reply })
            .await??)
    }

    /// Calls `target`, an address or a user at the account's server.
    ///
    /// # Errors
    /// No such account, too many calls, or no address.
    pub async fn place_call(
        &self,
        account: AccountId,
        target: &str,
        audio: Audio,
    ) -> Result<CallId, EngineError> {
        let target = target.to_owned();
        Ok(self
            .ask(|reply| Request::Place {
                account,
                target,
                audio,
                reply,
            })
            .await??)
    }

    /// Takes an incoming call.
    ///
    /// # Errors
    /// No such call, or it rings no more.
    pub async fn answer(&self, call: &CallId, audio: Audio) -> Result<(), EngineError> {
        let call = call.clone();
        Ok(self
            .ask(|reply| Request::Answer { call, audio, reply })
            .await??)
    }

    /// Anything else a user can do with a call.
    ///
    /// # Errors
    /// No such call, or not in its state; nothing changed then.
    pub async fn command(&self, call: &CallId, command: Command) -> Result<(), EngineError> {
        let call = call.clone();
        Ok(self
            .ask(|reply| Request::Command {
                call,
                command,
                reply,
            })
            .await??)
    }

    /// Turns a call's microphone off, or on again.
    ///
    /// # Errors
    /// No such call.
    pub async fn set_muted(&self, call: &CallId, muted: bool) -> Result<(), EngineError> {
        let call = call.clone();
        Ok(self
            .ask(|reply| Request::Mute { call, muted, reply })
            .await??)
    }

    /// The two have read their safety phrases to each other: `matches` says whether the words were the same. The
    /// call's row keeps it.
    ///
    /// # Errors
    /// No such call, or one without a phrase.
    pub async fn verify(&self, call: &CallId, matches: bool) -> Result<(), EngineError> {
        let call = call.clone();
        Ok(self
            .ask(|reply| Request::Verify {
                call,
                matches,
                reply,
            })
            .await??)
    }

    /// Waits until what was asked before shows: rows are written, and readers told.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn settled(&self) -> Result<(), EngineError> {
        self.ask(|reply| Request::Settle { reply }).await
    }

    /// A page of the call history, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<CallRecord>, EngineError> {
        let (reply, page) = oneshot::channel();
        self.ledger.send(Job::History {
            before,
            limit,
            reply,
        });
        Ok(page.await.map_err(|_| EngineError::Stopped)??)
    }

    /// Hangs up, signs out, and closes the store; gives up on a server that does not answer after two
    /// seconds. The data folder can be opened again afterwards.
    pub async fn shutdown(&self) {
        let _ = self.ask(|reply| Request::Shutdown { reply }).await;
        self.close_store().await;
    }

    /// [`Engine::shutdown`], unless a call is up: then nothing changes, and the answer is false. From the
    /// moment of the decision on, no call begins here.
    ///
    /// # Errors
    /// The engine has stopped already.
    pub async fn shutdown_if_idle(&self) -> Result<bool, EngineError> {
        let leaving = self.ask(|reply| Request::ShutdownIfIdle { reply }).await?;
        let Some(left) = leaving else {
            return Ok(false);
        };
        // A task that is gone has left as well.
        let _ = left.await;
        self.close_store().await;
        Ok(true)
    }

    async fn close_store(&self) {
        self.ledger.send(Job::Close);
        let thread = self
            .store_thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)
    }

    /// Where to bind: as the account says, else the address that leads to its server.
    async fn local_address(&self, account: &SipAccount) -> Result<SocketAddr, EngineError> {
        if let Some(bind) = account.bind
            && !bind.ip().is_unspecified()
        {
            return Ok(bind);
        }
        let port = account.bind.map_or(0, |bind| bind.port());
        let six = account.bind.is_some_and(|bind| bind.is_ipv6());
        let server = account.server().map_err(PhoneError::from)?;
        let (network, choice) = (self.network.clone(), account.choice());
        let ip = tokio::task::spawn_blocking(move || {
            route::route_to(&network, server.as_ref(), choice, six)
        })
        .await
        .map_err(|_| EngineError::Stopped)?
        .map_err(EngineError::NoRoute)?;
        Ok(SocketAddr::new(ip, port))
    }
}

/// The key of the data folder, for whoever opens it without an engine (a reader of the history).
///
/// # Errors
/// The secret store failed, or holds something that is no key.
pub fn existing_store_key(secrets: &dyn SecretStore) -> Result<Option<Key>, EngineError> {
    let Some(bytes) = secrets.load(KEY_NAME).map_err(EngineError::Secrets)? else {
        return Ok(None);
    };
    let bytes: [u8; Key::BYTES] = bytes
        .try_into()
        .map_err(|_| EngineError::Secrets(io::ErrorKind::InvalidData.into()))?;
    Ok(Some(Key::from_bytes(&bytes)))
}

fn store_key(secrets: &dyn SecretStore) -> Result<Key, EngineError> {
    if let Some(key) = existing_store_key(secrets)? {
        return Ok(key);
    }
    let key = Key::generate(&mut OsEntropy);
    secrets
        .save(KEY_NAME, key.reveal())
        .map_err(EngineError::Secrets)?;
    Ok(key)
}

/// The installation's own name towards servers: made once, kept for ever (RFC 5626 §4.1).
fn instance(secrets: &dyn SecretStore) -> Result<String, EngineError> {
    if let Some(bytes) = secrets.load(INSTANCE_NAME).map_err(EngineError::Secrets)?
        && let Ok(text) = String::from_utf8(bytes)
    {
        return Ok(text);
    }
    let mut random = [0; 16];
    OsEntropy.fill(&mut random);
    let uuid = uuid::Builder::from_random_bytes(random).into_uuid();
    let id = uuid.urn().to_string();
    secrets
        .save(INSTANCE_NAME, id.as_bytes())
        .map_err(EngineError::Secrets)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_keeps_its_name_and_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = crate::FileSecrets::new(folder.path().to_owned());
        let first = instance(&secrets).unwrap();
        assert!(first.starts_with("urn:uuid:"), "{first}");
        assert_eq!(instance(&secrets).unwrap(), first);
        let key = store_key(&secrets).unwrap();
        assert_eq!(store_key(&secrets).unwrap().reveal(), key.reveal());
    }
}
