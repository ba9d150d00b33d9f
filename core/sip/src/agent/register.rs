//! Sending REGISTER and acting on what comes back (RFC 3261 §10.2, RFC 5626, RFC 3581, RFC 3608).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::core::{Core, Line, Owner};
use super::route::{Aim, Way};
use super::{AgentError, Event, RegistrationEvent};
use crate::digest::AuthChain;
use crate::locate::Place;
use crate::message::{Method, NameAddr, Request, Response, StatusCode, Uri, name};
use crate::registration::{Registration, RegistrationFailure, RegistrationState, Verdict, granted};
use crate::transaction::{ClientId, ConnectionId, Destination, TransportError, TransportKind};

/// How often one registration may find that the server sees it at yet another address: behind a NAT that
/// gives each packet a new port, following it would never end.
const MAX_REWRITES: u8 = 3;
/// A grant below this counts as this: a server that says 0 must not be asked twice a second.
const SHORTEST: Duration = Duration::from_secs(10);

/// The registration of the agent's account, and the REGISTER under way.
pub(super) struct Registrar {
    pub(super) registration: Registration,
    client: Option<ClientId>,
    chain: AuthChain,
    call_id: String,
    tag: String,
    sequence: u32,
    /// The contact of the last REGISTER.
    contact: Option<NameAddr>,
    /// The contact the server holds, as far as this side knows.
    bound: Option<NameAddr>,
    /// Whether the server replaces our binding by `+sip.instance` and `reg-id` (RFC 5626 §6), whatever the
    /// contact was before.
    by_flow: bool,
    rewrites: u8,
    /// The server the last REGISTER went to.
    aim: Option<Aim>,
    /// A REGISTER waits until this is looked up.
    locating: Option<Place>,
    /// Why no server of this attempt was reached: of all that failed, what a person should hear.
    obstacle: Option<RegistrationFailure>,
    /// The connection the registration lives on.
    connection: Option<ConnectionId>,
    keep_alive_at: Option<Instant>,
}

impl Registrar {
    pub(super) fn new(core: &mut Core) -> Self {
        Self {
            registration: Registration::new(core.config.expires),
            client: None,
            chain: AuthChain::default(),
            call_id: core.entropy.hex(16),
            tag: core.tag(),
            sequence: 0,
            contact: None,
            bound: None,
            by_flow: false,
            rewrites: 0,
            aim: None,
            locating: None,
            obstacle: None,
            connection: None,
            keep_alive_at: None,
        }
    }

    /// Whether our contact is registered over this connection.
    pub(super) fn lives_on(&self, connection: ConnectionId) -> bool {
        self.connection == Some(connection)
    }

    /// Whether a REGISTER waits for its way.
    pub(super) const fn is_locating(&self) -> bool {
        self.locating.is_some()
    }

    /// Registers, or renews.
    pub(super) fn register(&mut self, core: &mut Core, now: Instant) {
        self.obstacle = None;
        self.try_next(core, now);
    }

    fn try_next(&mut self, core: &mut Core, now: Instant) {
        self.registration.trying();
        self.chain = AuthChain::default();
        self.send(core, now, None);
    }

    /// Removes our contact.
    pub(super) fn unregister(&mut self, core: &mut Core, now: Instant) {
        let asked = self.client.is_some() || self.locating.is_some();
        let under_way = self.registration.is_registered(now) || asked;
        let held = under_way || self.bound.is_some();
        self.keep_alive_at = None;
        if !held {
            self.registration.removed();
            core.tell(Event::Registration(RegistrationEvent::Unregistered));
            return;
        }
        self.registration.removing();
        self.chain = AuthChain::default();
        self.send(core, now, None);
    }

    /// The phone has a new address: the old contact and the old flow are void.
    pub(super) fn moved(&mut self, core: &mut Core, now: Instant) {
        self.rewrites = 0;
        self.aim = None;
        if self.registration.is_wanted() {
            self.register(core, now);
        }
    }

    /// A call found the server dead.
    pub(super) fn on_home_lost(&mut self, core: &mut Core, now: Instant) {
        if self.registration.is_registered(now) {
            core.public = None;
            self.rewrites = 0;
            self.register(core, now);
        }
    }

    /// A look-up is over.
    pub(super) fn on_located(&mut self, core: &mut Core, now: Instant, place: &Place) {
        if self.locating.as_ref() == Some(place) {
            self.send(core, now, None);
        }
    }

    fn send(&mut self, core: &mut Core, now: Instant, challenge: Option<&Response>) {
        let sent = self.try_send(core, now, challenge);
        match sent {
            Ok(()) => {}
            Err(_) if self.registration.state() == RegistrationState::Removing => {
                self.finish_removal(core);
            }
            // A network that is not there yet cannot look names up either.
            Err(RegistrationFailure::Unreachable) => self.be_unreachable(core, now),
            Err(failure) => self.fail(core, Verdict::GiveUp(failure), now),
        }
    }

    fn try_send(
        &mut self,
        core: &mut Core,
        now: Instant,
        challenge: Option<&Response>,
    ) -> Result<(), RegistrationFailure> {
        self.locating = None;
        let registrar = core.config.registrar.clone();
        let Some(uri) = registrar.filter(|uri| uri.as_sip().is_some()) else {
            return Err(RegistrationFailure::NoRegistrar);
        };
        let server = uri
            .as_sip()
            .cloned()
            .map(crate::message::SipUri::without_user);
        let uri = server.map_or(uri, Into::into);
        let next_hop = core.config.server().cloned().unwrap_or(uri.clone());
        let Some(aim) = self.aim_at(core, now, &next_hop, challenge.is_some())? else {
            return Ok(());
        };
        let line = Line {
            transport: aim.target.transport,
            connection: None,
        };
        let to = core.towards(&aim.target);
        self.aim = Some(aim.clone());
        self.sequence = self.sequence.saturating_add(1);
        let aor = NameAddr::new(core.config.aor.clone());
        let mut from = aor.clone().with_tag(&self.tag);
        if let Some(display) = &core.config.display_name {
            from = from.with_display(display);
        }
        let method = Method::REGISTER;
        let (mut request, _) = core.request(method, uri, &from, &aor, &self.call_id, self.sequence);
        self.describe(core, &mut request, line.transport);
        match challenge {
            None => core.authorize(&mut request, &mut self.chain),
            Some(response) => core
                .answer_challenge(&mut request, &mut self.chain, response)
                .map_err(|_| RegistrationFailure::NotAuthorised)?,
        }
        let id = core
            .send(now, Owner::Registration, request, to, line)
            .map_err(|_| RegistrationFailure::Unreachable)?;
        if self.registration.state() != RegistrationState::Removing {
            core.be_impatient(now, id, &aim);
        }
        self.client = Some(id);
        Ok(())
    }

    /// The server to ask. A challenge is answered where it came from, and a contact removed where it was
    /// left; otherwise the best one of now, so that a better one that came back is found. `None`: it is
    /// being looked up.
    fn aim_at(
        &mut self,
        core: &mut Core,
        now: Instant,
        next_hop: &Uri,
        stay: bool,
    ) -> Result<Option<Aim>, RegistrationFailure> {
        let removing = self.registration.state() == RegistrationState::Removing;
        if let Some(aim) = self.aim.clone().filter(|_| stay || removing) {
            return Ok(Some(aim));
        }
        let place = core
            .place(next_hop)
            .map_err(|_| RegistrationFailure::NoRegistrar)?;
        let choice = match core.config.aor.as_sip() {
            Some(aor) if aor.is_secure() => TransportKind::Tls.into(),
            Some(_) | None => core.config.transport,
        };
        match core.locate(now, place, choice) {
            Ok(Way::To(aim)) => Ok(Some(aim)),
            Ok(Way::Locating(place)) => {
                self.locating = Some(place);
                Ok(None)
            }
            Err(AgentError::Unlocated(_)) => Err(RegistrationFailure::Unreachable),
            Err(_) => Err(RegistrationFailure::NoRegistrar),
        }
    }

    /// Contact, Expires, Supported.
    fn describe(&mut self, core: &Core, request: &mut Request, transport: TransportKind) {
        let removing = self.registration.state() == RegistrationState::Removing;
        let mut contact = core.contact(transport);
        if removing {
            contact = self
                .contact
                .clone()
                .unwrap_or(contact)
                .with_param("expires", Some("0"));
        }
        if !core.config.instance_id.is_empty() && !removing {
            let instance = format!("\"<{}>\"", core.config.instance_id);
            contact = contact.with_param("+sip.instance", Some(&instance));
            if self.registration.is_outbound() {
                contact = contact.with_param("reg-id", Some("1"));
            }
        }
        let expires = if removing {
            0
        } else {
            self.registration.expires().as_secs()
        };
        let headers = &mut request.headers;
        // The contact that counts goes first: behind NAT, Asterisk puts the address it sees into the first one
        // and no other. A void one follows, by its address alone: to a registrar that knows contacts by their
        // instance (RFC 5626 §4.2.1) it would be the same as the new one, and take it away again.
        headers.push(name::CONTACT, contact.to_string());
        let stale = self.bound.as_ref().filter(|bound| {
            let moved = !bound.uri.equivalent(&contact.uri);
            moved && !self.by_flow
        });
        if let Some(stale) = stale {
            let stale = NameAddr::new(stale.uri.clone()).with_param("expires", Some("0"));
            headers.push(name::CONTACT, stale.to_string());
        }
        headers.set(name::EXPIRES, expires.to_string());
        headers.set(name::ALLOW, Core::allow());
        headers.set(name::SUPPORTED, "path, outbound");
        if !removing {
            self.contact = Some(contact);
        }
    }

    pub(super) fn on_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        response: &Response,
    ) {
        if self.client != Some(id) || response.status.is_provisional() {
            return;
        }
        let request = core.transactions.request(id).cloned();
        let connection = match core.transactions.destination(id) {
            Some(Destination::Connection(connection)) => Some(*connection),
            Some(Destination::Datagram(_) | Destination::Stream(_)) | None => None,
        };
        self.client = None;
        let proven = request.as_ref().is_some_and(|request| {
            request.headers.contains(name::AUTHORIZATION)
                || request.headers.contains(name::PROXY_AUTHORIZATION)
        });
        if response.status.is_success() {
            core.take_info(&self.chain, response);
            self.connection = connection;
            self.on_success(core, now, response);
            return;
        }
        let removing = self.registration.state() == RegistrationState::Removing;
        let is_out_of_order = response.status == StatusCode::SERVICE_UNAVAILABLE;
        if is_out_of_order && !removing && self.fail_over(core, now, Some(response)) {
            return;
        }
        match self
            .registration
            .judge(response, proven, core.entropy.as_mut())
        {
            Verdict::Challenge => self.send(core, now, Some(response)),
            Verdict::Retry(..) | Verdict::GiveUp(_) if removing => self.finish_removal(core),
            Verdict::AskLonger(_) | Verdict::WithoutOutbound => self.send(core, now, None),
            verdict @ (Verdict::Retry(..) | Verdict::GiveUp(_)) => self.fail(core, verdict, now),
        }
    }

    fn on_success(&mut self, core: &mut Core, now: Instant, response: &Response) {
        if self.registration.state() == RegistrationState::Removing {
            self.contact = None;
            self.bound = None;
            self.finish_removal(core);
            return;
        }
        self.bound.clone_from(&self.contact);
        if let Some(aim) = self.aim.clone() {
            core.settle_at(aim);
        }
        let required = response.headers.require().unwrap_or_default();
        self.by_flow = required
            .iter()
            .any(|tag| tag.eq_ignore_ascii_case("outbound"));
        core.service_routes = response.headers.service_routes().unwrap_or_default();
        core.service_routes.truncate(8);
        self.take_flow_timer(core, response);
        if self.follow_address(core, now, response) {
            return;
        }
        let asked = self.registration.expires();
        let expires = self
            .contact
            .as_ref()
            .and_then(|ours| granted(response, ours, &core.config.instance_id, asked))
            .unwrap_or(asked)
            .max(SHORTEST);
        self.registration.registered(now, expires);
        self.keep_alive_at = core.config.keep_alive.udp.map(|interval| now + interval);
        core.tell(Event::Registration(RegistrationEvent::Registered {
            expires,
        }));
    }

    /// RFC 5626 §4.4: pings must come more often than this.
    fn take_flow_timer(&self, core: &mut Core, response: &Response) {
        if let Ok(Some(seconds)) = response.headers.flow_timer()
            && seconds >= 10
        {
            let most = Duration::from_secs(u64::from(seconds)).saturating_mul(4) / 5;
            core.streams.set_interval(most);
        }
    }

    /// Where the server saw the request come from is where it can reach us: if our contact says something
    /// else, it is registered anew. Says whether it is.
    fn follow_address(&mut self, core: &mut Core, now: Instant, response: &Response) -> bool {
        let transport = self.aim.as_ref().map(|aim| aim.target.transport);
        let seen = transport.and_then(|kind| Some((kind, seen_address(core, response, kind)?)));
        let Some(seen) = seen else {
            return false;
        };
        let registered = self.contact.as_ref();
        let known = registered.is_some_and(|contact| is_at(contact, seen));
        if known || self.rewrites >= MAX_REWRITES {
            return false;
        }
        self.rewrites = self.rewrites.saturating_add(1);
        core.public = Some(seen);
        self.register(core, now);
        true
    }

    pub(super) fn on_failed(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientId,
        error: Option<TransportError>,
    ) {
        if self.client != Some(id) {
            return;
        }
        self.client = None;
        if self.registration.state() == RegistrationState::Removing {
            self.finish_removal(core);
            return;
        }
        self.note_obstacle(error);
        if self.fail_over(core, now, None) {
            return;
        }
        self.be_unreachable(core, now);
    }

    /// A server that cannot be trusted says more than any other that is just not there.
    const fn note_obstacle(&mut self, error: Option<TransportError>) {
        if let Some(RegistrationFailure::Insecure(_)) = self.obstacle {
            return;
        }
        self.obstacle = Some(match error {
            Some(TransportError::Tls(failure)) => RegistrationFailure::Insecure(failure),
            Some(TransportError::Refused) => RegistrationFailure::ConnectionRefused,
            _ => RegistrationFailure::Unreachable,
        });
    }

    fn be_unreachable(&mut self, core: &mut Core, now: Instant) {
        let why = self.obstacle.unwrap_or(RegistrationFailure::Unreachable);
        let verdict = self.registration.unreachable(why, core.entropy.as_mut());
        self.fail(core, verdict, now);
    }

    /// The server does not serve: asks the next one, if there is one.
    fn fail_over(&mut self, core: &mut Core, now: Instant, answer: Option<&Response>) -> bool {
        let Some(aim) = self.aim.take() else {
            return false;
        };
        let others = core.fail_over(now, &aim, answer);
        if others {
            core.public = None;
            self.try_next(core, now);
        }
        others
    }

    /// The connection our contact lives on is gone: nobody can call until there is another.
    pub(super) fn on_disconnected(&mut self, core: &mut Core, now: Instant, gone: ConnectionId) {
        if self.connection != Some(gone) {
            return;
        }
        self.connection = None;
        if self.registration.is_registered(now) {
            core.public = None;
            self.rewrites = 0;
            self.register(core, now);
        }
    }

    fn fail(&mut self, core: &mut Core, verdict: Verdict, now: Instant) {
        let (reason, retry_in) = match verdict {
            Verdict::Retry(reason, wait) => {
                self.registration.wait(now + wait);
                (reason, Some(wait))
            }
            Verdict::GiveUp(reason) => {
                self.registration.give_up();
                (reason, None)
            }
            Verdict::Challenge | Verdict::AskLonger(_) | Verdict::WithoutOutbound => return,
        };
        self.keep_alive_at = None;
        core.tell(Event::Registration(RegistrationEvent::Failed {
            reason,
            retry_in,
        }));
    }

    fn finish_removal(&mut self, core: &mut Core) {
        self.connection = None;
        self.aim = None;
        self.locating = None;
        core.home = None;
        self.registration.removed();
        core.service_routes.clear();
        core.tell(Event::Registration(RegistrationEvent::Unregistered));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.registration
            .poll_timeout()
            .into_iter()
            .chain(self.keep_alive_at)
            .min()
    }

    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        if self.registration.poll_timeout().is_some_and(|at| at <= now) {
            // Each renewal may find a NAT binding that changed since the last.
            self.rewrites = 0;
            self.register(core, now);
        }
        if self.keep_alive_at.is_some_and(|at| at <= now) {
            self.keep_alive_at = core.config.keep_alive.udp.map(|interval| now + interval);
            let home = core.home.as_ref();
            let to = home.map(|home| core.towards(&home.target));
            if let Some(to @ Destination::Datagram(_)) = to {
                core.transactions.send_once(to, b"\r\n".to_vec());
            }
        }
    }
}

/// Our address as the far end of the first hop saw it (RFC 3581).
fn seen_address(core: &Core, response: &Response, over: TransportKind) -> Option<SocketAddr> {
    let via = response.headers.via().ok()?;
    // A REGISTER that grew too large for a datagram went over a connection nobody calls back on.
    if !via.transport.eq_ignore_ascii_case(over.via_token()) {
        return None;
    }
    let port = via.rport().flatten()?;
    let ip = via.received().or_else(|| via.host.ip())?;
    // A server that echoes nonsense must not make us unreachable.
    let sane = !ip.is_unspecified() && port != 0;
    let same_family = core
        .local(over)
        .is_none_or(|own| own.is_ipv4() == ip.is_ipv4());
    (sane && same_family).then(|| SocketAddr::new(ip, port))
}

/// Whether `contact` leads to that address.
fn is_at(contact: &NameAddr, (over, address): (TransportKind, SocketAddr)) -> bool {
    contact.uri.as_sip().is_some_and(|uri| {
        let port = uri.port().unwrap_or(over.default_port());
        uri.host().ip() == Some(address.ip()) && port == address.port()
    })
}
