//! Requests inside a dialog: how ours are built, and whether theirs are in order (RFC 3261 §12.2).

use super::{Dialog, DialogError};
use crate::message::{Method, NameAddr, Request, Response, Uri, name};

/// A request of ours, complete but for Via, and the URI that names its first hop.
#[derive(Clone, Debug)]
pub struct DialogRequest {
    /// Request-URI, Route, From, To, Call-ID, CSeq and Max-Forwards are in place.
    pub request: Request,
    /// Where it goes first.
    pub next_hop: Uri,
}

/// `uri` as it may stand in a Request-URI: header fields and `method` are for making requests (RFC 3261
/// §19.1.1, table 1), and a far end would refuse them there.
pub(crate) fn request_target(uri: &Uri) -> Uri {
    match uri {
        Uri::Sip(sip) => Uri::Sip(sip.clone().without_parameter("method").without_headers()),
        Uri::Tel(_) | Uri::Other(_) => uri.clone(),
    }
}

impl Dialog {
    /// The next request of `method`; counts CSeq up (§12.2.1.1).
    pub fn request(&mut self, method: Method) -> DialogRequest {
        self.local_sequence = self.local_sequence.saturating_add(1);
        self.numbered(method, self.local_sequence)
    }

    /// The ACK of a 2xx to the INVITE numbered `sequence` (§13.2.2.4).
    pub fn ack(&self, sequence: u32) -> DialogRequest {
        self.numbered(Method::ACK, sequence)
    }

    /// Whether `request` of the far end is in order; remembers its number (§12.2.2).
    ///
    /// # Errors
    /// [`DialogError::OutOfOrder`] if its number is not above the last one.
    pub fn admit(&mut self, request: &Request) -> Result<(), DialogError> {
        let number = request.headers.cseq()?.number;
        if self.remote_sequence.is_some_and(|last| number <= last) {
            return Err(DialogError::OutOfOrder);
        }
        self.remote_sequence = Some(number);
        Ok(())
    }

    /// Whether `response` speaks for this dialog rather than for another fork.
    pub fn is_of(&self, response: &Response) -> bool {
        let to = response.headers.to();
        to.is_ok_and(|to| to.tag().unwrap_or_default() == self.id.remote_tag)
    }

    fn numbered(&self, method: Method, sequence: u32) -> DialogRequest {
        let (uri, routes, next_hop) = self.path();
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        for route in &routes {
            headers.push(name::ROUTE, route.to_string());
        }
        headers.push(name::MAX_FORWARDS, "70");
        headers.push(name::FROM, self.local.to_string());
        headers.push(name::TO, self.remote.to_string());
        headers.push(name::CALL_ID, &self.id.call_id);
        headers.push(name::CSEQ, format!("{sequence} {method}"));
        DialogRequest { request, next_hop }
    }

    /// Request-URI, Route values and first hop, for loose and for strict routers (§12.2.1.1).
    fn path(&self) -> (Uri, Vec<NameAddr>, Uri) {
        let target = self.remote_target.clone();
        let Some((first, rest)) = self.routes.split_first() else {
            return (target.clone(), Vec::new(), target);
        };
        match &first.uri {
            Uri::Sip(strict) if !strict.lr() => {
                let uri = request_target(&first.uri);
                let mut routes = rest.to_vec();
                routes.push(NameAddr::new(target));
                (uri.clone(), routes, uri)
            }
            Uri::Sip(_) | Uri::Tel(_) | Uri::Other(_) => {
                (target, self.routes.clone(), first.uri.clone())
            }
        }
    }
}
