//! Stories told in SIP, in virtual time, against the sans-IO registrar; the last ones on real sockets.

mod calls;
mod forks;
mod registrations;
mod sockets;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_sip::digest::{AuthChain, AuthHeader, Authenticator, Challenge, Challenger};
use tandem_sip::digest::{Credentials, DigestRequest};
use tandem_sip::message::{Message, Request, Response, parse_datagram};
use tandem_types::SeededEntropy;

use super::*;

const ALICE: &str = "127.0.0.1:4001";
const BOB: &str = "127.0.0.1:4002";
const BOB_TOO: &str = "127.0.0.1:4003";

/// The registrar and what it sent, by receiver.
struct Stage {
    registrar: Registrar,
    now: Instant,
    sent: Vec<(Flow, Message)>,
    count: u32,
}

fn udp(address: &str) -> Flow {
    Flow::udp(address.parse().unwrap())
}

fn tcp(address: &str) -> Flow {
    Flow::tcp(address.parse().unwrap())
}

impl Stage {
    /// Alice and bob are users; calls need no password.
    fn new() -> Self {
        let users = Config::with_users(&[("alice", "a's secret"), ("bob", "b's secret")]);
        Self::with(Config {
            challenge_calls: false,
            ..users
        })
    }

    fn with(config: Config) -> Self {
        let now = Instant::now();
        let local: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        let registrar = Registrar::new(config, local, now, 1);
        Self {
            registrar,
            now,
            sent: Vec::new(),
            count: 0,
        }
    }

    /// A request of `method` to `to`, in the form a phone at `flow` writes it; lines of `more` follow.
    fn request(&mut self, flow: Flow, method: &str, uri: &str, to: &str, more: &str) -> String {
        self.count += 1;
        let (n, transport) = (self.count, flow.transport.name());
        let end = if more.is_empty() { "" } else { "\n" };
        let more = more.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/{transport} {remote};rport;branch=z9hG4bK-{n}\n\
             Max-Forwards: 70\nFrom: <sip:alice@example.org>;tag=a{n}\nTo: {to}\n\
             Call-ID: call-{n}@test\nCSeq: {n} {method}\n{more}{end}Content-Length: 0\n\n",
            remote = flow.remote
        )
        .replace('\n', "\r\n")
    }

    fn say(&mut self, flow: Flow, text: &str) {
        match flow.transport {
            Transport::Udp => {
                self.registrar
                    .handle_datagram(self.now, flow.remote, text.as_bytes());
            }
            Transport::Tcp => {
                self.registrar
                    .handle_stream(self.now, flow.remote, text.as_bytes());
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.registrar.poll_output() {
            match output {
                Output::Send { flow, bytes } => {
                    self.sent
                        .push((flow, parse_datagram(&bytes).expect("it sends legal SIP")));
                }
                Output::Close { .. } => {}
            }
        }
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.registrar.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.registrar.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    /// Everything sent to `flow` since the last question, as `REGISTER` or `200 INVITE`.
    fn lines_to(&mut self, flow: Flow) -> Vec<String> {
        self.take(flow).iter().map(line).collect()
    }

    fn take(&mut self, flow: Flow) -> Vec<Message> {
        let (taken, kept) = self.sent.drain(..).partition(|(to, _)| *to == flow);
        self.sent = kept;
        let taken: Vec<(Flow, Message)> = taken;
        taken.into_iter().map(|(_, message)| message).collect()
    }

    /// The one request sent to `flow` since the last question.
    fn request_to(&mut self, flow: Flow) -> Request {
        let messages = self.take(flow);
        match messages.as_slice() {
            [Message::Request(request)] => request.clone(),
            other => panic!("{:?}", other.iter().map(line).collect::<Vec<_>>()),
        }
    }

    /// The last response sent to `flow` since the last question.
    fn response_to(&mut self, flow: Flow) -> Response {
        match self.take(flow).pop() {
            Some(Message::Response(response)) => response,
            other => panic!("no response but {other:?}"),
        }
    }

    /// Sends a request, and again with the proof that its challenge asks for; the last answer.
    fn say_with_password(
        &mut self,
        flow: Flow,
        text: &str,
        user: &str,
        password: &str,
    ) -> Response {
        self.say(flow, text);
        let challenged = self.response_to(flow);
        let again = with_proof(text, &challenged, user, password);
        self.say(flow, &again);
        self.response_to(flow)
    }

    fn register(&mut self, flow: Flow, user: &str, contact: &str) -> Response {
        let to = format!("<sip:{user}@example.org>");
        let more = format!("Contact: {contact}\nExpires: 60");
        let text = self.request(flow, "REGISTER", "sip:example.org", &to, &more);
        let password = if user == "alice" {
            "a's secret"
        } else {
            "b's secret"
        };
        self.say_with_password(flow, &text, user, password)
    }
}

/// `text` as the client sends it once more: next CSeq, new branch, and the proof.
fn with_proof(text: &str, challenged: &Response, user: &str, password: &str) -> String {
    let Ok(Message::Request(request)) = parse_datagram(text.as_bytes()) else {
        panic!("{text}")
    };
    let who = Challenger::of_status(challenged.status.code()).expect("a challenge");
    let values = match who {
        Challenger::Server => challenged.headers.www_authenticate(),
        Challenger::Proxy => challenged.headers.proxy_authenticate(),
    };
    let challenges = Challenge::parse_all(values.iter().map(String::as_str));
    let uri = request.uri.to_string();
    let method = request.method.as_str();
    let of = DigestRequest {
        method,
        uri: &uri,
        body: &request.body,
    };
    let mut account = Authenticator::new(Credentials::new(user, password));
    let entropy = &mut SeededEntropy::new(9);
    let proofs = account.answer(&mut AuthChain::default(), who, &challenges, &of, entropy);
    let proofs = proofs.expect("it can be answered");
    let line = |proof: &AuthHeader| format!("{}: {}\r\n", proof.name, proof.value.reveal());
    let lines: String = proofs.iter().map(line).collect();
    let cseq = request.headers.cseq().unwrap().number;
    text.replace("branch=z9hG4bK-", "branch=z9hG4bK-again-")
        .replace(
            &format!("CSeq: {cseq} "),
            &format!("CSeq: {} ", cseq + 1_000),
        )
        .replace("Content-Length: 0", &format!("{lines}Content-Length: 0"))
}

fn line(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => {
            let method = response.headers.cseq().unwrap().method;
            format!("{} {method}", response.status.code())
        }
    }
}

/// The answer a phone writes to a request it got.
fn answer(request: &Request, status: u16, tag: &str, contact: &str) -> String {
    let status = StatusCode::new(status).unwrap();
    let mut response = Response::answer(request, status).with_to_tag(tag);
    response.headers.copy_from(&request.headers, "Record-Route");
    if !contact.is_empty() {
        response.headers.push("Contact", contact);
    }
    String::from_utf8(response.to_bytes()).unwrap()
}
