//! One socket and one TURN server: the way there (the socket itself, or a stream), and a client at the end of it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tandem_types::{Entropy, Pii};

use super::config::{RelayFamilies, ServerTransport};
use super::credentials::Credentials;
use super::failure::{GatherFailure, RelayError};
use super::framing::TurnFraming;
use super::redirect::Redirects;
use super::turn::{Inbound, TurnClient, TurnEvent};
use crate::transport::{StreamCommand, StreamId, StreamInput};

/// How long a connection may take.
const OPEN_PATIENCE: Duration = Duration::from_secs(10);
/// A relay that was lost is asked for again after these pauses, then no more.
const AGAIN_AFTER: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(16),
];

/// What a relay wants done or known.
#[derive(Debug)]
pub(super) enum RelayOutput {
    /// Send this to [`Relay::server`] from the socket.
    Send(Vec<u8>),
    Stream(StreamCommand),
    Allocated {
        relayed: Vec<SocketAddr>,
        mapped: Option<SocketAddr>,
    },
    /// The server wants us elsewhere: answered by [`Relay::follow`] or [`Relay::give_up`].
    Redirected {
        server: Option<SocketAddr>,
        name: Option<String>,
    },
    Failed(GatherFailure),
    Lost(Vec<SocketAddr>, GatherFailure),
    /// From a relayed address to a peer.
    Refused(SocketAddr, IpAddr, GatherFailure),
}

/// Where to and as whom.
#[derive(Debug)]
pub(super) struct RelayConfig {
    pub(super) server: SocketAddr,
    pub(super) transport: ServerTransport,
    pub(super) username: Pii<String>,
    pub(super) password: Pii<String>,
    pub(super) families: RelayFamilies,
    pub(super) local_ip: IpAddr,
}

/// ```text
///   Waiting ──UDP──────────────────► Talking ──client at its end──► Over
///      ▲  └───stream──► Opening ──────►│                              ▲
///      │                   └── refused, 10 s ─────────────────────────┤
///      ├── redirected ◄────────────────┤                              │
///      └── lost: 1, 4, 16 s ◄──────────┘── lost for the fourth time ──┘
/// ```
#[derive(Debug)]
enum Path {
    Waiting {
        until: Instant,
    },
    Opening {
        id: StreamId,
        until: Instant,
    },
    Talking {
        stream: Option<(StreamId, TurnFraming)>,
    },
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Relay {
    config: RelayConfig,
    redirects: Redirects,
    path: Path,
    client: TurnClient,
    relayed: Vec<SocketAddr>,
    /// It has had an allocation, and lost it this often.
    losses: Option<usize>,
    released: bool,
    outputs: Vec<RelayOutput>,
}

impl Relay {
    /// Begins at `start`.
    pub(super) fn new(config: RelayConfig, start: Instant) -> Self {
        Self {
            redirects: Redirects::new(config.server),
            path: Path::Waiting { until: start },
            client: client(&config, start),
            config,
            relayed: Vec::new(),
            losses: None,
            released: false,
            outputs: Vec::new(),
        }
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.config.server
    }

    pub(super) fn transport(&self) -> &ServerTransport {
        &self.config.transport
    }

    /// The relayed addresses; of a lost relay none.
    pub(super) fn relayed(&self) -> &[SocketAddr] {
        &self.relayed
    }

    /// Whether it has yet to say its first word.
    pub(super) fn is_pending(&self) -> bool {
        match self.path {
            Path::Waiting { .. } | Path::Opening { .. } | Path::Talking { .. } => {
                self.losses.is_none() && !self.released
            }
            Path::Over => false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match self.path {
            Path::Over => true,
            Path::Waiting { .. } | Path::Opening { .. } | Path::Talking { .. } => false,
        }
    }

    /// Whether this is the stream it talks over.
    pub(super) fn has_stream(&self, id: StreamId) -> bool {
        match &self.path {
            Path::Opening { id: own, .. } => *own == id,
            Path::Talking { stream } => stream.as_ref().is_some_and(|(own, _)| *own == id),
            Path::Waiting { .. } | Path::Over => false,
        }
    }

    /// Takes what came from the server by datagram.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        bytes: &[u8],
    ) -> Inbound {
        match self.path {
            Path::Talking { stream: None } => {
                let inbound = self.client.handle(now, entropy, bytes);
                self.after(now);
                inbound
            }
            Path::Talking { stream: Some(_) }
            | Path::Waiting { .. }
            | Path::Opening { .. }
            | Path::Over => Inbound::Foreign,
        }
    }

    /// Takes what happened to the stream; gives peers' datagrams.
    pub(super) fn handle_stream(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        input: StreamInput<'_>,
    ) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut data = Vec::new();
        match (&mut self.path, input) {
            (Path::Opening { id, .. }, StreamInput::Opened) => {
                let stream = Some((*id, TurnFraming::default()));
                self.path = Path::Talking { stream };
                self.client.start(now, entropy);
            }
            (
                Path::Talking {
                    stream: Some((_, framing)),
                },
                StreamInput::Bytes(bytes),
            ) => match framing.push(bytes) {
                Ok(messages) => {
                    for message in messages {
                        if let Inbound::Data(peer, bytes) =
                            self.client.handle(now, entropy, &message)
                        {
                            data.push((peer, bytes));
                        }
                    }
                }
                Err(_) => self.client.break_off(GatherFailure::Malformed),
            },
            (Path::Opening { .. }, StreamInput::Closed) => {
                self.path = Path::Over;
                self.ended(now, GatherFailure::Connection);
            }
            (Path::Talking { stream }, StreamInput::Closed) => {
                *stream = None;
                self.client.break_off(GatherFailure::Connection);
            }
            (Path::Opening { .. } | Path::Waiting { .. } | Path::Over, StreamInput::Bytes(_))
            | (Path::Waiting { .. } | Path::Over, StreamInput::Closed | StreamInput::Opened)
            | (Path::Talking { .. }, StreamInput::Opened)
            | (Path::Talking { stream: None }, StreamInput::Bytes(_)) => {}
        }
        self.after(now);
        data
    }

    /// Begins, repeats, gives up. `next_stream` names a new stream.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        next_stream: &mut u64,
    ) {
        match self.path {
            Path::Waiting { until } if until <= now => self.begin(now, entropy, next_stream),
            Path::Opening { id, until } if until <= now => {
                self.outputs
                    .push(RelayOutput::Stream(StreamCommand::Close { id }));
                self.path = Path::Over;
                self.ended(now, GatherFailure::NoAnswer);
            }
            Path::Talking { .. } => self.client.handle_timeout(now, entropy),
            Path::Waiting { .. } | Path::Opening { .. } | Path::Over => {}
        }
        self.after(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.path {
            Path::Waiting { until } | Path::Opening { until, .. } => Some(until),
            Path::Talking { .. } => self.client.poll_timeout(),
            Path::Over => None,
        }
    }

    pub(super) fn take_outputs(&mut self) -> Vec<RelayOutput> {
        std::mem::take(&mut self.outputs)
    }

    pub(super) fn permit(&mut self, now: Instant, entropy: &mut dyn Entropy, peers: &[IpAddr]) {
        self.client.permit(now, entropy, peers);
        self.after(now);
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), RelayError> {
        let sent = self.client.send(now, entropy, peer, bytes);
        self.after(now);
        sent
    }

    /// Gives the relay back. Says no more than what is to be sent.
    pub(super) fn release(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        self.released = true;
        self.relayed.clear();
        match self.path {
            Path::Waiting { .. } => self.path = Path::Over,
            Path::Opening { id, .. } => {
                self.outputs
                    .push(RelayOutput::Stream(StreamCommand::Close { id }));
                self.path = Path::Over;
            }
            Path::Talking { .. } => self.client.release(now, entropy),
            Path::Over => {}
        }
        self.after(now);
    }

    /// Closes the stream, if there is one, without waiting for an answer.
    pub(super) fn close_stream(&mut self) {
        match &self.path {
            Path::Talking {
                stream: Some((id, _)),
            }
            | Path::Opening { id, .. } => {
                let close = StreamCommand::Close { id: *id };
                self.outputs.push(RelayOutput::Stream(close));
            }
            Path::Talking { stream: None } | Path::Waiting { .. } | Path::Over => {}
        }
        self.path = Path::Over;
    }

    /// Goes where the server sent us.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        server: Option<SocketAddr>,
        name: Option<String>,
    ) {
        match self.redirects.follow(server) {
            Ok(server) => {
                self.config.server = server;
                if let (ServerTransport::Tls { name: own }, Some(name)) =
                    (&mut self.config.transport, name)
                {
                    *own = name;
                }
                self.client = client(&self.config, now);
                self.path = Path::Waiting { until: now };
            }
            Err(why) => self.give_up(why),
        }
    }

    /// Nothing will come of it.
    pub(super) fn give_up(&mut self, why: GatherFailure) {
        self.path = Path::Over;
        self.outputs.push(RelayOutput::Failed(why));
    }

    fn begin(&mut self, now: Instant, entropy: &mut dyn Entropy, next_stream: &mut u64) {
        let tls_name = match &self.config.transport {
            ServerTransport::Udp => {
                self.path = Path::Talking { stream: None };
                self.client.start(now, entropy);
                return;
            }
            ServerTransport::Tcp => None,
            ServerTransport::Tls { name } => Some(name.clone()),
        };
        let id = StreamId(*next_stream);
        *next_stream += 1;
        self.path = Path::Opening {
            id,
            until: now + OPEN_PATIENCE,
        };
        self.outputs.push(RelayOutput::Stream(StreamCommand::Open {
            id,
            local_ip: Some(self.config.local_ip),
            server: self.config.server,
            tls_name,
        }));
    }

    /// Fetches what the client wants said, and looks what became of it.
    fn after(&mut self, now: Instant) {
        let stream = match &self.path {
            Path::Talking { stream } => stream.as_ref().map(|(id, _)| *id),
            Path::Waiting { .. } | Path::Opening { .. } | Path::Over => None,
        };
        let is_udp = self.config.transport == ServerTransport::Udp;
        while let Some(bytes) = self.client.poll_transmit() {
            match stream {
                Some(id) => self
                    .outputs
                    .push(RelayOutput::Stream(StreamCommand::Write { id, bytes })),
                None if is_udp => self.outputs.push(RelayOutput::Send(bytes)),
                None => {}
            }
        }
        let mut end = None;
        while let Some(event) = self.client.poll_event() {
            match event {
                TurnEvent::Allocated { relayed, mapped } => {
                    self.relayed.clone_from(&relayed);
                    self.losses.get_or_insert(0);
                    self.outputs
                        .push(RelayOutput::Allocated { relayed, mapped });
                }
                TurnEvent::Refused(peer, why) => {
                    let mut relayed = self.relayed.iter();
                    if let Some(relayed) = relayed.find(|r| r.is_ipv4() == peer.is_ipv4()) {
                        let refused = RelayOutput::Refused(*relayed, peer, why);
                        self.outputs.push(refused);
                    }
                }
                TurnEvent::Redirected { .. } | TurnEvent::Ended(_) => end = Some(event),
            }
        }
        let is_talking = match self.path {
            Path::Talking { .. } => true,
            Path::Waiting { .. } | Path::Opening { .. } | Path::Over => false,
        };
        if !is_talking || !self.client.is_ended() {
            return;
        }
        if let Some(id) = stream {
            self.outputs
                .push(RelayOutput::Stream(StreamCommand::Close { id }));
        }
        self.path = Path::Over;
        match end {
            Some(TurnEvent::Redirected { server, name }) => {
                self.outputs.push(RelayOutput::Redirected { server, name });
            }
            Some(TurnEvent::Ended(why)) => self.ended(now, why),
            Some(TurnEvent::Allocated { .. } | TurnEvent::Refused(..)) | None => {}
        }
    }

    /// The client or the connection is at its end: tells, and tries again if it had once worked.
    fn ended(&mut self, now: Instant, why: GatherFailure) {
        if self.released {
            return;
        }
        let Some(losses) = &mut self.losses else {
            self.outputs.push(RelayOutput::Failed(why));
            return;
        };
        if !self.relayed.is_empty() {
            let lost = std::mem::take(&mut self.relayed);
            self.outputs.push(RelayOutput::Lost(lost, why));
        }
        let pause = AGAIN_AFTER.get(*losses).filter(|_| may_try_again(why));
        match pause {
            Some(pause) => {
                *losses += 1;
                self.redirects = Redirects::new(self.config.server);
                self.client = client(&self.config, now);
                self.path = Path::Waiting {
                    until: now + *pause,
                };
            }
            None => self.outputs.push(RelayOutput::Failed(why)),
        }
    }
}

fn client(config: &RelayConfig, now: Instant) -> TurnClient {
    let credentials = Credentials::new(config.username.clone(), config.password.clone());
    let is_stream = config.transport != ServerTransport::Udp;
    TurnClient::new(now, credentials, config.families, is_stream)
}

/// Whether asking once more may end differently.
fn may_try_again(why: GatherFailure) -> bool {
    match why {
        GatherFailure::NoAnswer
        | GatherFailure::Connection
        | GatherFailure::AllocationMismatch
        | GatherFailure::NoCapacity
        | GatherFailure::StaleNonce
        | GatherFailure::Expired
        | GatherFailure::Other(_) => true,
        GatherFailure::Malformed
        | GatherFailure::WrongCredentials
        | GatherFailure::UnknownAlgorithm
        | GatherFailure::Forbidden
        | GatherFailure::AddressFamily
        | GatherFailure::Quota
        | GatherFailure::RedirectLoop
        | GatherFailure::Released => false,
    }
}
