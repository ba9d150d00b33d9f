//! A phone of the engine as a node of the virtual world: a person with an address, a voice and an ear.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tandem_engine::phone::{
    Audio, IceConfig, LogEntry, MediaPorts, Output, Phone, PhoneConfig, SipAccount,
};
use tandem_engine::{
    AccountState, CallConfig, CallSnapshot, CallState, Command, Event, SafetyPhrase, TransportKind,
    UnixMillis,
};
use tandem_media::io::{AudioSink, AudioSource, Silence, Tone};
use tandem_media::{Capabilities, Datagram, Frame, StreamCommand, StreamInput};
use tandem_sip::agent::LocalAddresses;
use tandem_sip::locate::{Answer, Question};
use tandem_sip::message::Host;
use tandem_sip::transaction::{Destination, Hop, TransportError};
use tandem_types::media::MediaSecurity;
use tandem_types::{AccountId, CallId, EndReason, Entropy, Pii, SeededEntropy};

use crate::net::{Node, Transmit};

const SIP_PORT: u16 = 5060;
const FIRST_MEDIA_PORT: u16 = 20_000;
const ACCOUNT: AccountId = AccountId(1);
/// What the clock on the wall says when a world begins: a moment with nothing special about it.
const WALL: UnixMillis = UnixMillis(1_800_000_000_000);

/// What an ear heard, frame by frame.
pub type Ear = Arc<Mutex<Vec<f32>>>;

/// One person's phone.
pub struct Handset {
    phone: Phone,
    ip: IpAddr,
    now: Instant,
    began: Instant,
    outbox: VecDeque<Transmit>,
    /// Local media ports, and what they carry.
    media: BTreeMap<u16, CallId>,
    next_port: u16,
    events: Vec<(Duration, Event)>,
    log: Vec<LogEntry>,
    /// The last picture of every call there ever was.
    calls: BTreeMap<CallId, CallSnapshot>,
    ear: Ear,
    voice: f32,
    servers: Option<Vec<SocketAddr>>,
}

/// How a handset is set up.
pub struct Setup {
    /// Its address.
    pub ip: IpAddr,
    /// Who it belongs to, `sip:alice@example.org`.
    pub address: String,
    /// Its server; `None`: it calls directly.
    pub registrar: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// Limits of its calls.
    pub call: CallConfig,
    /// What its media can do.
    pub media: Capabilities,
    /// What its account asks of the protection of sound.
    pub media_security: MediaSecurity,
    /// Its account's STUN and TURN servers.
    pub ice: IceConfig,
    /// Where the names of those servers lead; `None`: they are not answered for.
    pub servers: Option<Vec<SocketAddr>>,
    /// Whether it does DTLS.
    pub dtls: bool,
    /// The pitch of its owner's voice, Hz; 0 is somebody silent.
    pub voice: f32,
}

impl Handset {
    /// A phone that was just switched on.
    pub fn new(setup: Setup, now: Instant, mut entropy: SeededEntropy) -> Self {
        let config = PhoneConfig {
            call: setup.call,
            media: setup.media,
            user_agent: "Tandem/test".into(),
            instance_id: "urn:uuid:00000000-0000-4000-8000-000000000001".into(),
            max_calls: 4,
            dtls: setup.dtls,
        };
        let fresh =
            move || -> Box<dyn Entropy> { Box::new(SeededEntropy::new(entropy.next_u64())) };
        let mut phone = Phone::new(config, fresh, now, WALL);
        let account = SipAccount {
            address: Pii::new(setup.address),
            display_name: None,
            registrar: setup.registrar.map(Pii::new),
            user: None,
            password: setup.password.map(Pii::new),
            transport: TransportKind::Udp.into(),
            bind: None,
            expires: Duration::from_secs(120),
            media_security: setup.media_security,
            ice: setup.ice,
        };
        let local = LocalAddresses {
            udp: Some(SocketAddr::new(setup.ip, SIP_PORT)),
            ..LocalAddresses::default()
        };
        phone
            .add_account(ACCOUNT, &account, local)
            .expect("a sound account");
        Self {
            phone,
            ip: setup.ip,
            now,
            began: now,
            outbox: VecDeque::new(),
            media: BTreeMap::new(),
            next_port: FIRST_MEDIA_PORT,
            events: Vec::new(),
            log: Vec::new(),
            calls: BTreeMap::new(),
            ear: Ear::default(),
            voice: setup.voice,
            servers: setup.servers,
        }
    }

    /// Its own address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Signs in.
    pub fn register(&mut self, now: Instant) {
        self.phone
            .register(now, ACCOUNT)
            .expect("there is one account");
        self.drain(now);
    }

    /// Whether the server knows where it is.
    pub fn is_registered(&self) -> bool {
        let accounts = self.phone.snapshot().accounts;
        accounts
            .iter()
            .all(|account| matches!(account.state, AccountState::Online { .. }))
    }

    /// Calls `target`.
    pub fn calls(&mut self, now: Instant, target: &str) -> CallId {
        let audio = self.audio();
        let call = self
            .phone
            .place_call(now, ACCOUNT, target, audio)
            .expect("a call to place");
        self.drain(now);
        call
    }

    /// Answers the call that rings.
    pub fn answers(&mut self, now: Instant) -> CallId {
        let call = self.ringing().expect("a call that rings here");
        let audio = self.audio();
        self.phone.answer(now, &call, audio).expect("an answer");
        self.drain(now);
        call
    }

    /// Does something with its one call.
    pub fn does(&mut self, now: Instant, command: Command) {
        let call = self.current().expect("a call");
        self.phone
            .command(now, &call, command)
            .expect("a command that fits");
        self.drain(now);
    }

    /// Does something with one of its calls.
    pub fn command(&mut self, now: Instant, call: &CallId, command: Command) {
        self.phone
            .command(now, call, command)
            .expect("a command that fits");
        self.drain(now);
    }

    /// Tries something with its one call. False if there is none, or it is in no state for it.
    pub fn tries(&mut self, now: Instant, command: Command) -> bool {
        let Some(call) = self.current() else {
            return false;
        };
        let done = self.phone.command(now, &call, command).is_ok();
        self.drain(now);
        done
    }

    /// Turns the microphone of its one call off, or on.
    pub fn mutes(&mut self, now: Instant, muted: bool) {
        let call = self.current().expect("a call");
        self.phone.set_muted(now, &call, muted).expect("a call");
        self.drain(now);
    }

    /// The call that rings here.
    pub fn ringing(&self) -> Option<CallId> {
        let mut calls = self.phone.calls();
        calls
            .find(|call| call.state == CallState::Incoming)
            .map(|call| call.id.clone())
    }

    /// The call that has not ended.
    pub fn current(&self) -> Option<CallId> {
        self.phone.calls().next().map(|call| call.id.clone())
    }

    /// What its newest call is doing, or did last.
    pub fn state(&self) -> Option<CallState> {
        let mut pictures = self
            .events
            .iter()
            .rev()
            .filter_map(|(_, event)| match event {
                Event::Call(call) => Some(call.state),
                _ => None,
            });
        pictures.next()
    }

    /// Why its newest call ended.
    pub fn end(&self) -> Option<EndReason> {
        match self.state() {
            Some(CallState::Ended(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Whether two people can talk now.
    pub fn is_active(&self) -> bool {
        matches!(self.state(), Some(CallState::Active { .. }))
    }

    /// Everything it told its owner, with the time since the world began.
    pub fn events(&self) -> &[(Duration, Event)] {
        &self.events
    }

    /// Everything it wrote into its call log.
    pub fn log(&self) -> &[LogEntry] {
        &self.log
    }

    /// The last picture of every call.
    pub fn history(&self) -> impl Iterator<Item = &CallSnapshot> {
        self.calls.values()
    }

    /// What its owner heard since the last time somebody asked.
    pub fn heard(&self) -> Vec<f32> {
        std::mem::take(&mut self.ear.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys the far end pressed.
    pub fn keys(&self) -> String {
        let keys = self.events.iter().filter_map(|(_, event)| match event {
            Event::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        });
        keys.collect()
    }

    fn audio(&self) -> Audio {
        let source: Box<dyn AudioSource> = if self.voice > 0.0 {
            Box::new(Tone::new(self.voice))
        } else {
            Box::new(Silence)
        };
        Audio {
            source,
            sink: Box::new(Drum(self.ear.clone())),
        }
    }

    fn drain(&mut self, now: Instant) {
        self.now = now;
        while let Some(output) = self.phone.poll_output() {
            match output {
                Output::Sip { account, transmit } => {
                    let local = SocketAddr::new(self.ip, SIP_PORT);
                    match &transmit.to {
                        Destination::Datagram(hop) => match literal(hop) {
                            Some(to) => self.outbox.push_back(Transmit {
                                local,
                                to,
                                bytes: transmit.bytes,
                            }),
                            None => self.phone.handle_send_failed(
                                now,
                                account,
                                transmit.id,
                                TransportError::Unresolved,
                            ),
                        },
                        // This world has datagrams only; streams are tried on real sockets.
                        Destination::Connection(_) | Destination::Stream(_) => {
                            self.phone.handle_send_failed(
                                now,
                                account,
                                transmit.id,
                                TransportError::Unreachable,
                            )
                        }
                    }
                }
                Output::CloseConnection { .. } | Output::Withdraw { .. } => {}
                // Nobody knows a name here.
                Output::Locate { account, question } => {
                    let nothing = match &question {
                        Question::Naptr(_) => Answer::Naptr(Vec::new()),
                        Question::Srv(_) => Answer::Srv(Vec::new()),
                        Question::Addresses(_) => Answer::Addresses(Vec::new()),
                    };
                    self.phone.handle_answer(now, account, &question, &nothing);
                }
                Output::DerivePhrase {
                    call,
                    caller,
                    callee,
                } => {
                    let phrase = SafetyPhrase::derive(&caller, &callee);
                    self.phone.handle_phrase(now, &call, phrase);
                }
                Output::FindServer { account, question } => {
                    if let Some(servers) = &self.servers {
                        let id = question.id;
                        self.phone.handle_server(now, account, id, servers);
                    }
                }
                // The town has no NAT64.
                Output::FindTranslator { account, id } => {
                    self.phone.handle_translator(now, account, id, &[]);
                }
                // No server here speaks over streams.
                Output::MediaStream { call, command } => {
                    if let StreamCommand::Open { id, .. } = command {
                        let closed = StreamInput::Closed;
                        self.phone.handle_media_stream(now, &call, id, closed);
                    }
                }
                Output::OpenMedia { call, .. } => {
                    let port = self.next_port;
                    self.next_port += 2;
                    self.media.insert(port, call.clone());
                    self.media.insert(port + 1, call.clone());
                    let at = |port| SocketAddr::new(self.ip, port);
                    let ports = MediaPorts {
                        rtp: at(port),
                        rtcp: at(port + 1),
                    };
                    self.phone.handle_media_opened(now, &call, &[ports]);
                }
                Output::Media { call, datagram } => {
                    let Datagram { from, to, bytes } = datagram;
                    // Sockets that are closed send nothing.
                    if self.media.get(&from.port()) == Some(&call) {
                        let local = from;
                        self.outbox.push_back(Transmit { local, to, bytes });
                    }
                }
                Output::CloseMedia { call } => self.media.retain(|_, owner| *owner != call),
                Output::Log(entry) => self.log.push(entry),
                Output::Event(event) => {
                    if let Event::Call(call) = &event {
                        self.calls.insert(call.id.clone(), call.clone());
                    }
                    self.events.push((now.duration_since(self.began), event));
                }
            }
        }
    }
}

impl Node for Handset {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        if local.port() == SIP_PORT {
            self.phone.handle_sip_datagram(now, ACCOUNT, from, bytes);
        } else if let Some(call) = self.media.get(&local.port()).cloned() {
            self.phone
                .handle_media_datagram(now, &call, local, from, bytes);
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.phone.handle_timeout(now);
        self.drain(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.phone.poll_timeout()
    }
}

/// An ear that remembers.
struct Drum(Ear);

impl AudioSink for Drum {
    fn write(&mut self, frame: &Frame) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(frame);
    }
}

fn literal(hop: &Hop) -> Option<SocketAddr> {
    let ip = match &hop.host {
        Host::V4(ip) => IpAddr::V4(*ip),
        Host::V6(ip) => IpAddr::V6(*ip),
        Host::Name(_) => return None,
    };
    Some(SocketAddr::new(ip, hop.port.unwrap_or(SIP_PORT)))
}
