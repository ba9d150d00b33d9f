//! Which transaction a message belongs to (RFC 3261 §17.1.3 and §17.2.3), and where its response goes
//! (§18.2, RFC 3581).

use std::net::SocketAddr;

use super::{Destination, Flow, Hop, TransportKind};
use crate::message::{HeaderError, Method, Request, Response, Via};

/// A client transaction's key: our branch, and the method its CSeq names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ClientKey {
    branch: String,
    method: Method,
}

impl ClientKey {
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        let branch = request.headers.via().ok()?.branch()?.to_owned();
        Some(Self {
            branch,
            method: request.method.clone(),
        })
    }

    pub(super) fn of_response(response: &Response) -> Option<Self> {
        let branch = response.headers.via().ok()?.branch()?.to_owned();
        let method = response.headers.cseq().ok()?.method;
        Some(Self { branch, method })
    }
}

/// A server transaction's key.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ServerKey {
    branch: String,
    sent_by: String,
    method: Method,
}

impl ServerKey {
    /// The key of `request` read as if its method were `method`: ACK and CANCEL look for their INVITE.
    pub(super) fn of(request: &Request, method: &Method) -> Result<Self, HeaderError> {
        let via = request.headers.via()?;
        let branch = match via.branch() {
            Some(branch) if via.has_rfc3261_branch() => branch.to_ascii_lowercase(),
            Some(_) | None => {
                let sequence = request.headers.cseq()?.number;
                let from = request.headers.from()?;
                let tag = from.tag().unwrap_or_default();
                format!("{}\n{tag}\n{sequence}", request.headers.call_id()?)
            }
        };
        let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(5060)).to_ascii_lowercase();
        Ok(Self {
            branch,
            sent_by,
            method: method.clone(),
        })
    }
}

/// What two copies of one request that came over two paths have in common (§8.2.2.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct MergeKey {
    call_id: String,
    from_tag: String,
    sequence: u32,
    method: Method,
}

impl MergeKey {
    /// `None` inside a dialog, where a request cannot merge.
    pub(super) fn of(request: &Request) -> Option<Self> {
        if request.headers.to().ok()?.tag().is_some() {
            return None;
        }
        Some(Self {
            call_id: request.headers.call_id().ok()?,
            from_tag: request.headers.from().ok()?.tag()?.to_owned(),
            sequence: request.headers.cseq().ok()?.number,
            method: request.method.clone(),
        })
    }
}

/// Where the responses of one request go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ReplyRoute {
    pub(super) to: Destination,
    /// For a stream that breaks: the address the client listens at (§18.2.2).
    pub(super) fallback: Option<Hop>,
}

impl ReplyRoute {
    pub(super) fn of(via: &Via, flow: Flow) -> Self {
        let source = flow.remote();
        match flow {
            Flow::Datagram(_) => {
                let port = if via.rport().is_some() {
                    source.port()
                } else {
                    via.port.unwrap_or(5060)
                };
                let address = SocketAddr::new(source.ip(), port);
                Self {
                    to: Destination::Datagram(Hop::at(address, TransportKind::Udp)),
                    fallback: None,
                }
            }
            Flow::Connection(id, _) => {
                let address = SocketAddr::new(source.ip(), via.port.unwrap_or(5060));
                // What came over TLS has no other way back: the client proves no name to us, and its answer
                // must not travel in the clear.
                let plain = !via
                    .transport
                    .eq_ignore_ascii_case(TransportKind::Tls.via_token());
                Self {
                    to: Destination::Connection(id),
                    fallback: plain.then(|| Hop::at(address, TransportKind::Tcp)),
                }
            }
        }
    }
}
