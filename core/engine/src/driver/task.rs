//! The engine's task: the one place where the phone is touched.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_call::Command;
use tandem_media::StreamInput;
use tandem_sip::agent::LocalAddresses;
use tandem_sip::transaction::{ConnectionId, Hop};
use tandem_types::media::Fingerprint;
use tandem_types::{AccountId, CallId};
use tokio::sync::{mpsc, oneshot};

use super::EngineError;
use super::inbox::{Inbound, Inbox};
use super::ledger::{Job, Ledger, wall_now};
use super::media_sockets::MediaSockets;
use super::media_streams::StreamNews;
use super::servers;
use super::sip_sockets::{Network, Peer, SipSockets};
use super::stream::Wire;
use crate::SafetyPhrase;
use crate::phone::{AccountError, Audio, Output, Phone, PhoneError, SipAccount};

/// How long a server may take to let go at shutdown.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the app asks. Each is carried out once taken, whether or not somebody still waits for the reply.
pub(super) enum Request {
    AddAccount {
        id: AccountId,
        account: SipAccount,
        local: SocketAddr,
        reply: oneshot::Sender<Result<SocketAddr, EngineError>>,
    },
    RemoveAccount {
        account: AccountId,
        reply: oneshot::Sender<()>,
    },
    Register {
        account: AccountId,
        reply: oneshot::Sender<Result<(), PhoneError>>,
    },
    Place {
        account: AccountId,
        target: String,
        audio: Audio,
        reply: oneshot::Sender<Result<CallId, PhoneError>>,
    },
    Answer {
        call: CallId,
        audio: Audio,
        reply: oneshot::Sender<Result<(), PhoneError>>,
    },
    Command {
        call: CallId,
        command: Command,
        reply: oneshot::Sender<Result<(), PhoneError>>,
    },
    Mute {
        call: CallId,
        muted: bool,
        reply: oneshot::Sender<Result<(), PhoneError>>,
    },
    Verify {
        call: CallId,
        matches: bool,
        reply: oneshot::Sender<Result<(), PhoneError>>,
    },
    /// Replied to once every reader can know what was done before.
    Settle {
        reply: oneshot::Sender<()>,
    },
    Shutdown {
        reply: oneshot::Sender<()>,
    },
    /// Replied to at once: with what tells that it is done, or `None` while a call is up.
    ShutdownIfIdle {
        reply: oneshot::Sender<Option<oneshot::Receiver<()>>>,
    },
}

impl Request {
    /// Whether it begins something that an engine about to stop would have to end at once.
    const fn begins_something(&self) -> bool {
        match self {
            Self::AddAccount { .. }
            | Self::Register { .. }
            | Self::Place { .. }
            | Self::Answer { .. } => true,
            Self::RemoveAccount { .. }
            | Self::Command { .. }
            | Self::Mute { .. }
            | Self::Verify { .. }
            | Self::Settle { .. }
            | Self::Shutdown { .. }
            | Self::ShutdownIfIdle { .. } => false,
        }
    }
}

/// Something that goes when its servers have let go of it.
struct Departure {
    /// When it goes even so.
    until: Instant,
    /// Who waits for it.
    replies: Vec<oneshot::Sender<()>>,
}

impl Departure {
    fn new(now: Instant) -> Self {
        Self {
            until: now + FAREWELL,
            replies: Vec::new(),
        }
    }

    fn done(self) {
        for reply in self.replies {
            let _ = reply.send(());
        }
    }
}

pub(super) struct Task {
    phone: Phone,
    network: Network,
    ledger: Ledger,
    inbox: Inbox,
    sip: BTreeMap<AccountId, SipSockets>,
    media: BTreeMap<CallId, MediaSockets>,
    next_connection: u64,
    /// Accounts that say goodbye before they are removed.
    departing: BTreeMap<AccountId, Departure>,
    /// Set once the whole engine does.
    leaving: Option<Departure>,
}

impl Task {
    pub(super) fn new(phone: Phone, network: Network, ledger: Ledger, inbox: Inbox) -> Self {
        Self {
            phone,
            network,
            ledger,
            inbox,
            sip: BTreeMap::new(),
            media: BTreeMap::new(),
            next_connection: 1,
            departing: BTreeMap::new(),
            leaving: None,
        }
    }

    /// Runs until it is shut down or the engine is dropped.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut inbound: mpsc::Receiver<Inbound>,
    ) {
        loop {
            // The clock that the limits are counted by stands still while a device sleeps.
            self.phone.set_wall(Instant::now(), wall_now());
            let takes_calls = self.leaving.is_none() && !self.ledger.is_behind();
            self.phone.set_takes_calls(takes_calls);
            self.carry_out();
            self.let_accounts_go().await;
            if self.may_leave() {
                break;
            }
            let departures = self.departing.values().chain(&self.leaving);
            let farewells = departures.map(|departure| departure.until);
            let wake = self.phone.poll_timeout().into_iter().chain(farewells).min();
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.take_request(request).await,
                    None => break,
                },
                packet = inbound.recv() => {
                    if let Some(packet) = packet {
                        self.take_inbound(packet);
                    }
                }
                () = sleep_until(wake) => self.phone.handle_timeout(Instant::now()),
            }
        }
        self.phone.stop(Instant::now());
        self.carry_out();
        for (_, sockets) in std::mem::take(&mut self.sip) {
            sockets.close_all().await;
        }
        for (_, sockets) in std::mem::take(&mut self.media) {
            sockets.close().await;
        }
        for departure in std::mem::take(&mut self.departing).into_values() {
            departure.done();
        }
        if let Some(departure) = self.leaving.take() {
            departure.done();
        }
    }

    async fn take_request(&mut self, request: Request) {
        let now = Instant::now();
        if self.leaving.is_some() && request.begins_something() {
            // Without a reply: to whoever asked, the engine has stopped.
            return;
        }
        // A reply nobody waits for any more is no fault: the command is done all the same.
        match request {
            Request::AddAccount {
                id,
                account,
                local,
                reply,
            } => {
                let _ = reply.send(self.add_account(id, &account, local).await);
            }
            Request::RemoveAccount { account, reply } => {
                self.phone.leave(now, account);
                let departure = self.departing.entry(account);
                let departure = departure.or_insert_with(|| Departure::new(now));
                departure.replies.push(reply);
            }
            Request::Register { account, reply } => {
                let _ = reply.send(self.phone.register(now, account));
            }
            Request::Place {
                account,
                target,
                audio,
                reply,
            } => {
                let _ = reply.send(self.phone.place_call(now, account, &target, audio));
            }
            Request::Answer { call, audio, reply } => {
                let _ = reply.send(self.phone.answer(now, &call, audio));
            }
            Request::Command {
                call,
                command,
                reply,
            } => {
                let _ = reply.send(self.phone.command(now, &call, command));
            }
            Request::Mute { call, muted, reply } => {
                let _ = reply.send(self.phone.set_muted(now, &call, muted));
            }
            Request::Verify {
                call,
                matches,
                reply,
            } => {
                let _ = reply.send(self.phone.verify(now, &call, matches));
            }
            // What came of the requests before was carried out before this one was taken.
            Request::Settle { reply } => self.ledger.send(Job::Barrier(reply)),
            Request::Shutdown { reply } => self.begin_to_leave(now, reply),
            // Asked and begun in one step: no call can come in between.
            Request::ShutdownIfIdle { reply } => {
                let over = |call: &crate::CallSnapshot| call.state.is_ending_or_ended();
                let idle = self.phone.calls().all(over);
                let left = idle.then(|| {
                    let (done, left) = oneshot::channel();
                    self.begin_to_leave(now, done);
                    left
                });
                let _ = reply.send(left);
            }
        }
    }

    async fn add_account(
        &mut self,
        id: AccountId,
        account: &SipAccount,
        local: SocketAddr,
    ) -> Result<SocketAddr, EngineError> {
        if let Some(departure) = self.departing.remove(&id) {
            // Whoever adds it again does not wait for the server's goodbye to the old one.
            self.let_go(id, departure).await;
        }
        if self.sip.contains_key(&id) {
            return Err(PhoneError::from(AccountError::Exists).into());
        }
        let (network, inbox) = (self.network.clone(), self.inbox.clone());
        let mut sockets = SipSockets::open(id, network, inbox, local, account.choice())
            .map_err(EngineError::Bind)?;
        if account.bind.is_some_and(|bind| !bind.ip().is_unspecified()) {
            sockets.keep_to_address();
        }
        let addresses: LocalAddresses = sockets.addresses();
        self.phone.add_account(id, account, addresses)?;
        let local = sockets.local();
        self.sip.insert(id, sockets);
        Ok(local)
    }

    fn take_inbound(&mut self, inbound: Inbound) {
        let now = Instant::now();
        match inbound {
            Inbound::Sip {
                account,
                from,
                bytes,
            } => {
                if let Some(sockets) = self.sip.get(&account) {
                    sockets.note_datagram(from, &bytes);
                }
                self.phone.handle_sip_datagram(now, account, from, &bytes);
            }
            Inbound::Connected {
                account,
                stream,
                peer,
                hop,
            } => {
                self.take_connection(now, account, stream, peer, hop);
            }
            Inbound::NotConnected {
                account,
                peer,
                failure,
            } => {
                if let Some(sockets) = self.sip.get_mut(&account) {
                    for transmit in sockets.give_up_waiting(&peer) {
                        self.phone
                            .handle_send_failed(now, account, transmit.id, failure);
                    }
                }
            }
            Inbound::Stream {
                account,
                connection,
                bytes,
            } => {
                if let Some(sockets) = self.sip.get(&account) {
                    sockets.note_stream(connection, &bytes);
                }
                self.phone.handle_stream(now, account, connection, &bytes);
            }
            Inbound::Disconnected {
                account,
                connection,
            } => {
                if let Some(sockets) = self.sip.get_mut(&account) {
                    sockets.close(connection);
                }
                self.phone.handle_disconnected(now, account, connection);
            }
            Inbound::Unreachable { account, remote } => {
                self.phone.handle_unreachable(now, account, remote);
            }
            Inbound::Answered {
                account,
                question,
                answer,
            } => {
                self.phone.handle_answer(now, account, &question, &answer);
            }
            Inbound::Resolved { account, name, ip } => {
                if let Some(sockets) = self.sip.get_mut(&account) {
                    sockets.resolved(now, name, ip);
                }
            }
            Inbound::Media {
                call,
                local,
                from,
                bytes,
            } => {
                if let Some(sockets) = self.media.get(&call) {
                    sockets.capture_inbound(local, from, &bytes);
                }
                self.phone
                    .handle_media_datagram(now, &call, local, from, &bytes);
            }
            Inbound::MediaStream { call, id, news } => {
                let input = match &news {
                    StreamNews::Opened => StreamInput::Opened,
                    StreamNews::Bytes(bytes) => StreamInput::Bytes(bytes),
                    StreamNews::Closed => StreamInput::Closed,
                };
                self.phone.handle_media_stream(now, &call, id, input);
            }
            Inbound::Server {
                account,
                id,
                addresses,
            } => self.phone.handle_server(now, account, id, &addresses),
            Inbound::Translator {
                account,
                id,
                records,
            } => self.phone.handle_translator(now, account, id, &records),
            Inbound::Phrase { call, phrase } => self.phone.handle_phrase(now, &call, phrase),
        }
    }

    fn take_connection(
        &mut self,
        now: Instant,
        account: AccountId,
        stream: Wire,
        peer: Peer,
        hop: Option<Hop>,
    ) {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let Some(sockets) = self.sip.get_mut(&account) else {
            return;
        };
        let local = stream.local_addr().unwrap_or_else(|_| sockets.local());
        let remote = peer.address();
        sockets.opened(connection, stream, peer.clone());
        let opened_here = hop.is_some();
        self.phone
            .handle_connected(now, account, connection, local, remote, hop);
        if opened_here {
            sockets.send_waiting(connection, &peer);
        }
    }

    fn carry_out(&mut self) {
        self.carry_out_once();
        // What could not be sent may have another way.
        while self.report_failures() {
            self.carry_out_once();
        }
    }

    /// Tells the agents what could not be sent; says whether there was anything.
    fn report_failures(&mut self) -> bool {
        let now = Instant::now();
        let mut any = false;
        for (account, sockets) in &mut self.sip {
            for (transmit, failure) in sockets.take_failures() {
                any = true;
                self.phone
                    .handle_send_failed(now, *account, transmit, failure);
            }
        }
        any
    }

    fn carry_out_once(&mut self) {
        while let Some(output) = self.phone.poll_output() {
            match output {
                Output::Sip { account, transmit } => {
                    if let Some(sockets) = self.sip.get_mut(&account) {
                        sockets.send(transmit);
                    }
                }
                Output::Withdraw { account, transmit } => {
                    if let Some(sockets) = self.sip.get_mut(&account) {
                        sockets.withdraw(transmit);
                    }
                }
                Output::Locate { account, question } => {
                    if let Some(sockets) = self.sip.get_mut(&account) {
                        sockets.locate(question);
                    }
                }
                Output::CloseConnection {
                    account,
                    connection,
                } => {
                    if let Some(sockets) = self.sip.get_mut(&account) {
                        sockets.close(connection);
                    }
                }
                Output::OpenMedia { call, account } => self.open_media(&call, account),
                Output::Media { call, datagram } => {
                    if let Some(sockets) = self.media.get(&call) {
                        sockets.send(&datagram);
                    }
                }
                Output::MediaStream { call, command } => {
                    if let Some(sockets) = self.media.get_mut(&call) {
                        sockets.streams.carry_out(command);
                    }
                }
                Output::FindServer { account, question } => {
                    let (network, inbox) = (self.network.clone(), self.inbox.clone());
                    tokio::spawn(servers::find(network, inbox, account, question));
                }
                Output::FindTranslator { account, id } => {
                    let (network, inbox) = (self.network.clone(), self.inbox.clone());
                    tokio::spawn(servers::find_translator(network, inbox, account, id));
                }
                Output::CloseMedia { call } => {
                    self.media.remove(&call);
                }
                Output::DerivePhrase {
                    call,
                    caller,
                    callee,
                } => self.derive_phrase(call, caller, callee),
                Output::Log(entry) => self.ledger.send(Job::Log(entry)),
                Output::Event(event) => {
                    note(&event);
                    self.ledger.send(Job::Tell(event));
                }
            }
        }
    }

    /// Slow on purpose, so not here.
    fn derive_phrase(&self, call: CallId, caller: Fingerprint, callee: Fingerprint) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let derived =
                tokio::task::spawn_blocking(move || SafetyPhrase::derive(&caller, &callee)).await;
            let phrase = derived.ok().flatten();
            inbox.put(Inbound::Phrase { call, phrase }).await;
        });
    }

    fn open_media(&mut self, call: &CallId, account: AccountId) {
        let opened = self.sip.get(&account).and_then(|sockets| {
            let addresses = sockets.media_addresses();
            let opened = MediaSockets::open(call, &self.network, &self.inbox, &addresses);
            opened
                .map_err(|error| tracing::warn!(%call, %error, "no media sockets"))
                .ok()
        });
        let ports = opened.as_ref().map(MediaSockets::ports).unwrap_or_default();
        let now = Instant::now();
        self.phone.handle_media_opened(now, call, ports);
        if let Some(sockets) = opened {
            self.media.insert(call.clone(), sockets);
        }
    }

    fn begin_to_leave(&mut self, now: Instant, reply: oneshot::Sender<()>) {
        for &account in self.sip.keys() {
            self.phone.leave(now, account);
        }
        let leaving = self.leaving.get_or_insert_with(|| Departure::new(now));
        leaving.replies.push(reply);
    }

    /// Removes the departing accounts that nobody has to be waited for any more.
    async fn let_accounts_go(&mut self) {
        if self.departing.is_empty() {
            return;
        }
        let now = Instant::now();
        let phone = &self.phone;
        let gone = self
            .departing
            .extract_if(.., |&account, departure| {
                departure.until <= now || phone.is_quiet(account)
            })
            .collect::<Vec<_>>();
        for (account, departure) in gone {
            self.let_go(account, departure).await;
        }
    }

    async fn let_go(&mut self, account: AccountId, departure: Departure) {
        self.phone.remove_account(Instant::now(), account);
        self.carry_out();
        if let Some(sockets) = self.sip.remove(&account) {
            sockets.close_all().await;
        }
        departure.done();
    }

    /// Whether nobody has to be waited for any more.
    fn may_leave(&self) -> bool {
        let Some(leaving) = &self.leaving else {
            return false;
        };
        leaving.until <= Instant::now() || self.sip.keys().all(|&id| self.phone.is_quiet(id))
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Tells the log of the steps of accounts and calls, which name nobody.
fn note(event: &crate::Event) {
    match event {
        crate::Event::Account(account) => {
            tracing::info!(account = %account.id, state = ?account.state, "account");
        }
        crate::Event::Call(call) => {
            tracing::info!(call = %call.id, state = call.state.token(), "call");
        }
        _ => {}
    }
}
