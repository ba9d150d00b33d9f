//! Where a request goes next: the location service, Route headers, and plain addresses (RFC 3261 §16.4–16.6).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use tandem_sip::message::{Host, Method, Request, SipUri, StatusCode, Uri, name};

use super::Registrar;
use super::flow::{Flow, Transport};

/// One place a request is forwarded to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The Request-URI it gets.
    pub uri: Uri,
    /// The way to it.
    pub flow: Flow,
}

impl Registrar {
    /// Whether a URI names this server: its own address, or a domain it serves.
    pub(super) fn is_ours(&self, uri: &SipUri) -> bool {
        let own_port = |port: Option<u16>| port.unwrap_or(5060) == self.local.port();
        match uri.host() {
            Host::Name(name) => {
                let served = self
                    .config
                    .domains
                    .iter()
                    .any(|d| d.eq_ignore_ascii_case(name));
                served && uri.port().is_none_or(|port| port == self.local.port())
            }
            Host::V4(_) | Host::V6(_) => {
                uri.host().ip() == Some(self.local.ip()) && own_port(uri.port())
            }
        }
    }

    /// Takes away the Route values that named this server; whether there were any.
    pub(super) fn pop_own_routes(&self, request: &mut Request) -> bool {
        let mut popped = false;
        loop {
            let routes = request.headers.routes().unwrap_or_default();
            let own = routes.first().and_then(|route| route.uri.as_sip());
            if !own.is_some_and(|uri| self.is_ours(uri)) {
                return popped;
            }
            popped |= request.headers.remove_first_value(name::ROUTE);
        }
    }

    /// Everywhere a request goes, or the status that says why nowhere.
    pub(super) fn targets(
        &self,
        now: Instant,
        request: &Request,
        popped: bool,
    ) -> Result<Vec<Target>, StatusCode> {
        let uri = &request.uri;
        let Some(sip) = uri.as_sip() else {
            return Err(StatusCode::UNSUPPORTED_URI_SCHEME);
        };
        let routes = request
            .headers
            .routes()
            .map_err(|_| StatusCode::BAD_REQUEST)?;
        if let Some(next) = routes.first() {
            let flow = next.uri.as_sip().and_then(|next| self.flow_to(next, now));
            let flow = flow.ok_or(StatusCode::BAD_GATEWAY)?;
            return Ok(vec![Target {
                uri: uri.clone(),
                flow,
            }]);
        }
        if self.is_ours(sip) {
            return self.located(now, sip);
        }
        // A call to anywhere else is relayed only inside a dialog that came through here.
        if !popped {
            return Err(StatusCode::FORBIDDEN);
        }
        let flow = self.flow_to(sip, now).ok_or(StatusCode::NOT_FOUND)?;
        Ok(vec![Target {
            uri: uri.clone(),
            flow,
        }])
    }

    fn located(&self, now: Instant, uri: &SipUri) -> Result<Vec<Target>, StatusCode> {
        let user = uri.user_text().unwrap_or_default();
        if self.config.user(&user).is_none() {
            return Err(StatusCode::NOT_FOUND);
        }
        let bindings = self.bindings.of(&user, now);
        if bindings.is_empty() {
            return Err(StatusCode::TEMPORARILY_UNAVAILABLE);
        }
        let target = |binding: super::bindings::Binding| Target {
            uri: binding.uri,
            flow: binding.flow,
        };
        Ok(bindings.into_iter().map(target).collect())
    }

    /// The way to a URI: the one it registered over, or its plain address.
    fn flow_to(&self, uri: &SipUri, now: Instant) -> Option<Flow> {
        if let Some(flow) = self.bindings.flow_to(uri, now) {
            return Some(flow);
        }
        let ip = match uri.host() {
            Host::Name(name) if name.eq_ignore_ascii_case("localhost") => {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
            host => host.ip()?,
        };
        let remote = SocketAddr::new(ip, uri.port().unwrap_or(5060));
        match uri.transport() {
            None => Some(Flow::udp(remote)),
            Some(name) if name.eq_ignore_ascii_case("udp") => Some(Flow::udp(remote)),
            Some(name) if name.eq_ignore_ascii_case("tcp") => Some(Flow::tcp(remote)),
            Some(_) => None,
        }
    }

    /// Keeps this server on the path of the dialog a request may begin. One value where both sides use the
    /// same transport, otherwise one for each (RFC 5658).
    pub(super) fn record_route(&self, request: &mut Request, from: Flow, to: Flow) {
        let begins_dialog = [Method::INVITE, Method::SUBSCRIBE, Method::REFER];
        let inside = request.headers.to().is_ok_and(|to| to.tag().is_some());
        if inside || !begins_dialog.contains(&request.method) {
            return;
        }
        request
            .headers
            .insert_front(name::RECORD_ROUTE, self.own_route(from.transport));
        if from.transport != to.transport {
            request
                .headers
                .insert_front(name::RECORD_ROUTE, self.own_route(to.transport));
        }
    }

    fn own_route(&self, transport: Transport) -> String {
        match transport {
            Transport::Udp => format!("<sip:{};lr>", self.local),
            Transport::Tcp => format!("<sip:{};transport=tcp;lr>", self.local),
        }
    }
}
