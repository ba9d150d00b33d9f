//! A far end that shares no code with this project: it speaks SIP as text that a story wrote, line by line,
//! and sends sound in µ-law.
//!
//! A story scripts it: [`Stranger::invite`] and [`Stranger::request`] write requests of its one dialog,
//! [`Stranger::reply`] answers what came in. BYE, CANCEL and OPTIONS it answers by itself.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::net::{Node, Transmit};

const SIP_PORT: u16 = 5060;
const RTP_PORT: u16 = 40_000;
const FRAME: Duration = Duration::from_millis(20);

/// A scripted SIP device with one dialog.
pub struct Stranger {
    ip: IpAddr,
    outbox: VecDeque<Transmit>,
    received: Vec<Message>,
    /// The header value by which it names itself: From in its requests, To in its responses, without tag.
    pub name: String,
    /// Header lines it adds to every INVITE, each with its line break.
    pub extra: String,
    remote: Option<Remote>,
    tag: String,
    cseq: u32,
    speaking: Option<Speech>,
    heard: usize,
    knocks: Vec<u16>,
}

/// The other end of the dialog.
struct Remote {
    at: SocketAddr,
    uri: String,
    /// Its From or To with the tag.
    name: String,
    call_id: String,
}

struct Speech {
    to: SocketAddr,
    next: Instant,
    sequence: u16,
}

/// A SIP message as text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message(pub String);

impl Message {
    /// Its first line.
    pub fn first_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// Its method, if it is a request.
    pub fn method(&self) -> &str {
        let word = self.first_line().split(' ').next().unwrap_or_default();
        if word == "SIP/2.0" { "" } else { word }
    }

    /// Its status, if it is a response.
    pub fn status(&self) -> Option<u16> {
        let rest = self.first_line().strip_prefix("SIP/2.0 ")?;
        rest.split(' ').next()?.parse().ok()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.0.lines().take_while(|line| !line.is_empty());
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// What follows the empty line.
    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// Where its SDP wants RTP.
    pub fn media(&self) -> Option<SocketAddr> {
        let line = |start: &str| {
            let found = self.body().lines().find(|line| line.starts_with(start));
            found.and_then(|line| line.split(' ').nth(if start == "c=" { 2 } else { 1 }))
        };
        Some(SocketAddr::new(
            line("c=")?.parse().ok()?,
            line("m=audio")?.parse().ok()?,
        ))
    }

    fn vias(&self) -> String {
        let lines = self.0.lines().take_while(|line| !line.is_empty());
        let vias = lines.filter(|line| line.to_ascii_lowercase().starts_with("via:"));
        vias.map(|line| format!("{line}\r\n")).collect()
    }
}

impl Stranger {
    /// A device at `ip`.
    pub fn new(ip: IpAddr) -> Self {
        Self {
            ip,
            outbox: VecDeque::new(),
            received: Vec::new(),
            name: format!("<sip:stranger@{ip}>"),
            extra: String::new(),
            remote: None,
            tag: "strange".into(),
            cseq: 1,
            speaking: None,
            heard: 0,
            knocks: Vec::new(),
        }
    }

    /// Its address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// An SDP of its own: µ-law, at its address, in this direction.
    pub fn sdp(&self, direction: &str) -> String {
        let ip = self.ip;
        format!(
            "v=0\r\no=- 1 {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {RTP_PORT} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n",
            self.cseq + 1
        )
    }

    /// Calls the phone at `to`, with this SDP or none.
    pub fn invite(&mut self, to: IpAddr, sdp: Option<&str>) {
        self.remote = Some(Remote {
            at: SocketAddr::new(to, SIP_PORT),
            uri: format!("sip:somebody@{to}"),
            name: format!("<sip:somebody@{to}>"),
            call_id: format!("stranger-{}", self.cseq),
        });
        self.request("INVITE", sdp);
    }

    /// Sends a request of its dialog; an ACK has the number of the request before, all others the next one.
    pub fn request(&mut self, method: &str, sdp: Option<&str>) {
        self.request_with(method, sdp.map(|sdp| ("application/sdp", sdp)));
    }

    /// The same with a body of any kind.
    pub fn request_with(&mut self, method: &str, body: Option<(&str, &str)>) {
        if method != "ACK" {
            self.cseq += 1;
        }
        let Remote {
            at,
            uri,
            name,
            call_id,
        } = self.remote.as_ref().expect("a dialog");
        let (ip, own, cseq, extra) = (self.ip, &self.name, self.cseq, &self.extra);
        let tag = &self.tag;
        let (kind, body) = body_of(body);
        let text = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {ip}:{SIP_PORT};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: {own};tag={tag}\r\nTo: {name}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:stranger@{ip}:{SIP_PORT}>\r\n{extra}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let at = *at;
        self.send(at, text);
    }

    /// Answers `request`, from now on its dialog's other end.
    pub fn reply(&mut self, request: &Message, status: &str, sdp: Option<&str>) {
        self.reply_as("strange", request, status, sdp);
    }

    /// The same as one of several devices that the INVITE was forked to, by their tags.
    pub fn reply_as(&mut self, tag: &str, request: &Message, status: &str, sdp: Option<&str>) {
        let field = |name: &str| request.header(name).unwrap_or_default().to_owned();
        let (from, to) = (field("From"), field("To"));
        let to = if to.contains(";tag=") {
            to
        } else {
            format!("{to};tag={tag}")
        };
        let contact = field("Contact");
        let uri = contact.split(['<', '>']).nth(1).unwrap_or(&contact);
        let host = uri.rsplit('@').next().unwrap_or_default();
        let host = host.split(';').next().unwrap_or_default();
        let at: SocketAddr = host.parse().unwrap_or_else(|_| {
            let via = field("Via");
            let sent_by = via.split([' ', ';']).nth(1).unwrap_or_default();
            sent_by.parse().expect("a Via with an address")
        });
        if request.method() == "INVITE" {
            tag.clone_into(&mut self.tag);
            self.name = to.replace(&format!(";tag={tag}"), "");
            self.remote = Some(Remote {
                at,
                uri: uri.to_owned(),
                name: from.clone(),
                call_id: field("Call-ID"),
            });
        }
        let (kind, body) = body_of(sdp.map(|sdp| ("application/sdp", sdp)));
        let text = format!(
            "SIP/2.0 {status}\r\n{}From: {from}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:stranger@{}:{SIP_PORT}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            request.vias(),
            field("Call-ID"),
            field("CSeq"),
            self.ip,
            body.len()
        );
        self.send(at, text);
    }

    /// The newest request of this method, taken out of what came in.
    pub fn take(&mut self, method: &str) -> Option<Message> {
        let at = self.received.iter().rposition(|m| m.method() == method)?;
        Some(self.received.remove(at))
    }

    /// The newest response of this status, taken out of what came in.
    pub fn take_response(&mut self, status: u16) -> Option<Message> {
        let of = |message: &Message| message.status() == Some(status);
        let at = self.received.iter().rposition(of)?;
        Some(self.received.remove(at))
    }

    /// What came in and was not taken.
    pub fn received(&self) -> &[Message] {
        &self.received
    }

    /// Speaks to `to` from now on, or (`None`) falls silent.
    pub fn speak(&mut self, now: Instant, to: Option<SocketAddr>) {
        self.speaking = to.map(|to| Speech {
            to,
            next: now,
            sequence: 0,
        });
    }

    /// How many loud packets came since the last time somebody asked: a voice, not silence.
    pub fn heard(&mut self) -> usize {
        std::mem::take(&mut self.heard)
    }

    /// Its ports that were tried by a connectivity check (STUN), as often as each was.
    pub fn knocks(&self) -> &[u16] {
        &self.knocks
    }

    fn send(&mut self, to: SocketAddr, text: String) {
        self.outbox.push_back(Transmit {
            local: SocketAddr::new(self.ip, SIP_PORT),
            to,
            bytes: text.into_bytes(),
        });
    }

    fn take_sip(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok(text) = String::from_utf8(bytes.to_vec()) else {
            return;
        };
        let message = Message(text);
        if message.first_line().trim().is_empty() {
            return;
        }
        if let (Some(remote), Some(to)) = (&mut self.remote, message.header("To"))
            && message.status().is_some_and(|status| status > 100)
            && to.contains(";tag=")
        {
            to.clone_into(&mut remote.name);
            remote.at = from;
        }
        match message.method() {
            "BYE" | "CANCEL" | "OPTIONS" => self.reply(&message.clone(), "200 OK", None),
            _ => {}
        }
        self.received.push(message);
    }
}

impl Node for Stranger {
    fn handle_datagram(
        &mut self,
        _now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        if local.port() == SIP_PORT {
            self.take_sip(from, bytes);
        } else if bytes.first() == Some(&0) {
            self.knocks.push(local.port());
        } else if local.port() == RTP_PORT {
            let payload = bytes.get(12..).unwrap_or_default();
            // µ-law's two zeros, and the smallest step beside each, are silence.
            self.heard += usize::from(payload.iter().any(|byte| byte & 0x7f < 0x70));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let Some(speech) = &mut self.speaking else {
            return;
        };
        while speech.next <= now {
            speech.next += FRAME;
            speech.sequence = speech.sequence.wrapping_add(1);
            let mut packet = vec![0x80, 0x00];
            packet.extend(speech.sequence.to_be_bytes());
            packet.extend((u32::from(speech.sequence) * 160).to_be_bytes());
            packet.extend(0x5742_u32.to_be_bytes());
            // A square of 500 Hz, loud.
            let square = (0..160).map(|at| if at / 8 % 2 == 0 { 0x9f } else { 0x1f });
            packet.extend(square);
            self.outbox.push_back(Transmit {
                local: SocketAddr::new(self.ip, RTP_PORT),
                to: speech.to,
                bytes: packet,
            });
        }
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.speaking.as_ref().map(|speech| speech.next)
    }
}

fn body_of<'a>(body: Option<(&str, &'a str)>) -> (String, &'a str) {
    match body {
        Some((kind, body)) => (format!("Content-Type: {kind}\r\n"), body),
        None => (String::new(), ""),
    }
}
