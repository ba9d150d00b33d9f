//! The peer's handshake messages: put together, in order, once, and a whole flight at a time.
//!
//! `rtc-dtls` must not see them as they come. A repeated piece makes it forget its timer, half a flight does
//! the same, pieces of message numbers it has passed are kept for ever, and overlapping pieces are searched by
//! recursion whose cost doubles with each of them. What it is given here is each message once, unbroken,
//! and only when its flight is complete.
//!
//! A message that this end of the handshake cannot hear at this point is dropped, so that it does not take the
//! place of the real one:
//!
//! ```text
//!  client hears   Nothing ─HelloVerifyRequest─► Greeted ─ServerHello─► Hello ─Certificate─► Certificate
//!                    └──────────ServerHello──────────────────────────►   │                      │
//!                                                                  ServerKeyExchange ◄──────────┘
//!                                          Done ◄─HelloDone─ Request ◄─CertificateRequest─┤
//!                                            └────────────────HelloDone───────────────────┘
//!  server hears   Nothing ─ClientHello─► Greeted ─ClientHello + our cookie─► Hello ─Certificate─► Certificate
//!                    └─────ClientHello + the cookie that was announced───────►   │                      │
//!                                                                              │ (empty: stays)       │
//!                                     Done ◄─────────ClientKeyExchange─────────┘          ClientKeyExchange
//!                                       └──────────CertificateVerify───────── KeyExchange ◄───────────┘
//! ```

use std::collections::{BTreeMap, VecDeque};

use super::DtlsRole;
use super::record::{Fragment, client_hello_cookie, client_hello_without_cookie};

/// How far ahead of the awaited message others are kept.
const AHEAD: u16 = 8;
/// Pieces of one message.
const MAX_PIECES: usize = 64;
/// How often the first hello is answered again.
const MAX_HELLOS: u32 = 64;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// A whole message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) sequence: u16,
    pub(super) body: Vec<u8>,
}

/// What was heard last; see the diagram above.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Nothing,
    Greeted,
    Hello,
    Certificate,
    KeyExchange,
    Request,
    Done,
}

/// The peer's handshake messages of epoch 0.
pub(super) struct Inbox {
    role: DtlsRole,
    heard: Heard,
    next: u16,
    partial: BTreeMap<u16, Partial>,
    flight: Vec<Message>,
    flights: VecDeque<Vec<Message>>,
    /// The cookie this side asked for or has announced, as server.
    cookie: Option<Vec<u8>>,
    hello: FirstHello,
}

/// A server's way with the first ClientHello, which may come again because the answer was lost (the answer
/// has no timer of its own), or anew because the client began anew.
#[derive(Default)]
struct FirstHello {
    body: Vec<u8>,
    again: Option<Partial>,
    repeats: u32,
    other: Option<Vec<u8>>,
}

impl Inbox {
    pub(super) fn new(role: DtlsRole) -> Self {
        Self {
            role,
            heard: Heard::Nothing,
            next: 0,
            partial: BTreeMap::new(),
            flight: Vec::new(),
            flights: VecDeque::new(),
            cookie: None,
            hello: FirstHello::default(),
        }
    }

    /// What was heard last.
    pub(super) fn heard(&self) -> Heard {
        self.heard
    }

    /// Whether a part of the peer's next flight is here.
    pub(super) fn is_under_way(&self) -> bool {
        let comes = |partial: &Partial| match self.role {
            DtlsRole::Client => matches!(
                partial.kind,
                SERVER_HELLO
                    | CERTIFICATE
                    | SERVER_KEY_EXCHANGE
                    | CERTIFICATE_REQUEST
                    | SERVER_HELLO_DONE
            ),
            DtlsRole::Server => {
                matches!(
                    partial.kind,
                    CERTIFICATE | CLIENT_KEY_EXCHANGE | CERTIFICATE_VERIFY
                )
            }
        };
        !self.flight.is_empty() || self.partial.values().any(comes)
    }

    /// The cookie that the second ClientHello must bring.
    pub(super) fn expect_cookie(&mut self, cookie: Vec<u8>) {
        self.cookie = Some(cookie);
    }

    /// Takes a piece of a message.
    pub(super) fn push(&mut self, fragment: &Fragment<'_>) {
        let sequence = fragment.sequence;
        if sequence == 0 && self.role == DtlsRole::Server && self.heard == Heard::Greeted {
            self.hello_again(fragment);
        }
        if sequence < self.next || sequence >= self.next.saturating_add(AHEAD) {
            return;
        }
        let new = || Partial::new(fragment);
        let partial = self.partial.entry(sequence).or_insert_with(new);
        partial.push(fragment);
        self.take_bold_hello();
        while self.advance() {}
    }

    /// The next flight that is complete.
    pub(super) fn take_flight(&mut self) -> Option<Vec<Message>> {
        self.flights.pop_front()
    }

    /// A first ClientHello that differs from the one that was answered.
    pub(super) fn take_other_hello(&mut self) -> Option<Vec<u8>> {
        self.hello.other.take()
    }

    /// Moves the awaited message from the pieces to the flight, if it is whole.
    fn advance(&mut self) -> bool {
        let is_whole = self.partial.get(&self.next).is_some_and(Partial::is_whole);
        if !is_whole {
            return false;
        }
        let Some(partial) = self.partial.remove(&self.next) else {
            return false;
        };
        let Some(heard) = self.after(partial.kind, &partial.bytes) else {
            return false;
        };
        if self.heard == Heard::Nothing {
            self.hello.body.clone_from(&partial.bytes);
        }
        self.flight.push(Message {
            kind: partial.kind,
            sequence: self.next,
            body: partial.bytes,
        });
        self.heard = heard;
        self.next = self.next.saturating_add(1);
        if partial.kind == CLIENT_HELLO || heard == Heard::Greeted || heard == Heard::Done {
            self.flights.push_back(std::mem::take(&mut self.flight));
        }
        true
    }

    /// What has been heard once this message has; `None` if it cannot come now.
    fn after(&self, kind: u8, body: &[u8]) -> Option<Heard> {
        match self.role {
            DtlsRole::Client => self.client_after(kind, body),
            DtlsRole::Server => self.server_after(kind, body),
        }
    }

    fn client_after(&self, kind: u8, body: &[u8]) -> Option<Heard> {
        match (self.heard, kind) {
            (Heard::Nothing, HELLO_VERIFY_REQUEST) => Some(Heard::Greeted),
            (Heard::Nothing | Heard::Greeted, SERVER_HELLO) => Some(Heard::Hello),
            (Heard::Hello, CERTIFICATE) => are_certificates(body).then_some(Heard::Certificate),
            (Heard::Hello | Heard::Certificate, SERVER_KEY_EXCHANGE) => Some(Heard::KeyExchange),
            (Heard::KeyExchange, CERTIFICATE_REQUEST) => Some(Heard::Request),
            (Heard::KeyExchange | Heard::Request, SERVER_HELLO_DONE) => Some(Heard::Done),
            _ => None,
        }
    }

    fn server_after(&self, kind: u8, body: &[u8]) -> Option<Heard> {
        /// A Certificate message without a certificate: the length of an empty list.
        const EMPTY: [u8; 3] = [0; 3];
        match (self.heard, kind) {
            (Heard::Nothing, CLIENT_HELLO) => client_hello_cookie(body).map(|_| Heard::Greeted),
            // Who does not see what is sent to the client's address cannot get past here.
            (Heard::Greeted, CLIENT_HELLO) => {
                // The endpoint looks at the cookie alone, but agrees with the first hello's version and random.
                let is_same_client = body.get(..34) == self.hello.body.get(..34);
                let brought = client_hello_cookie(body).filter(|_| is_same_client)?;
                (self.cookie.as_deref() == Some(brought)).then_some(Heard::Hello)
            }
            (Heard::Hello, CERTIFICATE) if body == EMPTY => Some(Heard::Hello),
            (Heard::Hello, CERTIFICATE) => are_certificates(body).then_some(Heard::Certificate),
            (Heard::Hello, CLIENT_KEY_EXCHANGE) | (Heard::KeyExchange, CERTIFICATE_VERIFY) => {
                Some(Heard::Done)
            }
            (Heard::Certificate, CLIENT_KEY_EXCHANGE) => Some(Heard::KeyExchange),
            _ => None,
        }
    }

    /// A hello that brings the announced cookie without having been asked stands for the two that there would have been. A
    /// stranger that was quicker with a hello of its own does not keep it out.
    fn take_bold_hello(&mut self) {
        let is_first = match self.heard {
            Heard::Nothing => true,
            Heard::Greeted => false,
            Heard::Hello
            | Heard::Certificate
            | Heard::KeyExchange
            | Heard::Request
            | Heard::Done => return,
        };
        let hello = self.partial.get(&1).filter(|partial| partial.is_whole());
        let hello = hello.filter(|partial| partial.kind == CLIENT_HELLO);
        let (Some(hello), Some(cookie)) = (hello, &self.cookie) else {
            return;
        };
        if self.role != DtlsRole::Server || client_hello_cookie(&hello.bytes) != Some(cookie) {
            return;
        }
        let Some(body) = client_hello_without_cookie(&hello.bytes) else {
            return;
        };
        if is_first {
            self.partial.remove(&0);
            self.heard = Heard::Greeted;
            self.next = 1;
            self.hello.body.clone_from(&body);
            self.flights.push_back(vec![Message {
                kind: CLIENT_HELLO,
                sequence: 0,
                body,
            }]);
        } else if self.hello.body.get(..34) != body.get(..34) {
            self.hello.other = Some(body);
        }
    }

    fn hello_again(&mut self, fragment: &Fragment<'_>) {
        let again = self
            .hello
            .again
            .get_or_insert_with(|| Partial::new(fragment));
        again.push(fragment);
        if !again.is_whole() {
            return;
        }
        let Some(again) = self.hello.again.take() else {
            return;
        };
        if again.kind != CLIENT_HELLO || client_hello_cookie(&again.bytes).is_none() {
            return;
        }
        if again.bytes != self.hello.body {
            self.hello.other = Some(again.bytes);
        } else if self.hello.repeats < MAX_HELLOS {
            self.hello.repeats += 1;
            self.flights.push_back(vec![Message {
                kind: CLIENT_HELLO,
                sequence: 0,
                body: again.bytes,
            }]);
        }
    }
}

/// A message that is being put together.
struct Partial {
    kind: u8,
    bytes: Vec<u8>,
    /// What is there: from, to; in order, neither touching nor overlapping.
    pieces: Vec<(usize, usize)>,
}

impl Partial {
    fn new(fragment: &Fragment<'_>) -> Self {
        let length = usize::try_from(fragment.length).unwrap_or(0);
        Self {
            kind: fragment.kind,
            bytes: vec![0; length],
            pieces: Vec::new(),
        }
    }

    /// Adds a piece. One that contradicts what is there replaces it all: had the first of two claims to win, one
    /// forged piece would block the message for good, so it blocks it until the flight comes again.
    fn push(&mut self, fragment: &Fragment<'_>) {
        if (Some(self.bytes.len()), self.kind) != (fragment.length.try_into().ok(), fragment.kind) {
            *self = Self::new(fragment);
        }
        let Ok(from) = usize::try_from(fragment.offset) else {
            return;
        };
        let to = from.saturating_add(fragment.body.len());
        let Some(place) = self.bytes.get_mut(from..to) else {
            return;
        };
        place.copy_from_slice(fragment.body);
        self.cover(from, to);
    }

    fn cover(&mut self, mut from: usize, mut to: usize) {
        self.pieces.retain(|&(start, end)| {
            let apart = end < from || start > to;
            if !apart {
                from = from.min(start);
                to = to.max(end);
            }
            apart
        });
        if self.pieces.len() < MAX_PIECES {
            self.pieces.push((from, to));
        }
        self.pieces.sort_unstable();
    }

    fn is_whole(&self) -> bool {
        self.pieces == [(0, self.bytes.len())]
    }
}

/// Whether the lengths in a Certificate message (RFC 5246 §7.4.2) are those of what is there. The endpoint makes
/// room for as much as a length says, 16 MB, before it looks whether that much came.
fn are_certificates(body: &[u8]) -> bool {
    let Some((list, mut rest)) = length_and_rest(body) else {
        return false;
    };
    if list != rest.len() {
        return false;
    }
    while !rest.is_empty() {
        let next = length_and_rest(rest).and_then(|(length, rest)| rest.get(length..));
        let Some(after) = next else {
            return false;
        };
        rest = after;
    }
    true
}

/// A length of three bytes, and what follows it.
fn length_and_rest(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let ([high, middle, low], rest) = bytes.split_first_chunk::<3>()?;
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    Some((usize::try_from(length).ok()?, rest))
}
