//! Requests on their way through: forwarding, ACK and CANCEL (RFC 3261 §16.6, §16.10).

use std::time::Instant;

use tandem_sip::message::{Method, Request, Response, StatusCode, Via, name};

use super::Registrar;
use super::flow::Flow;
use super::gate::Side;
use super::routes::Target;
use super::transaction::{Cancel, ClientTransaction, PATIENCE, Resend, ServerKey, T1};

impl Registrar {
    /// Any request that is neither REGISTER, ACK nor CANCEL.
    pub(super) fn handle_other(
        &mut self,
        now: Instant,
        key: &ServerKey,
        mut request: Request,
        flow: Flow,
    ) {
        if key.is_invite() {
            self.respond(now, key, Response::answer(&request, StatusCode::TRYING));
        }
        let popped = self.pop_own_routes(&mut request);
        let inside = request.headers.to().is_ok_and(|to| to.tag().is_some());
        if self.config.challenge_calls && !inside && !self.may_call(now, key, &request) {
            return;
        }
        let own = request
            .uri
            .as_sip()
            .is_some_and(|uri| self.is_ours(uri) && uri.user().is_none());
        if own && request.method == Method::OPTIONS && request.headers.routes() == Ok(Vec::new()) {
            return self.respond(now, key, Response::answer(&request, StatusCode::OK));
        }
        match self.targets(now, &request, popped) {
            Ok(targets) => {
                for target in targets {
                    self.fork(now, key, &request, flow, target);
                }
            }
            Err(status) => self.respond(now, key, Response::answer(&request, status)),
        }
    }

    /// Whether the sender may: it proves to be who From says. Answers if not.
    fn may_call(&mut self, now: Instant, key: &ServerKey, request: &Request) -> bool {
        let Some(proven) = self.authenticate(now, Side::Proxy, key, request) else {
            return false;
        };
        let from = request.headers.from().ok();
        let claimed = from.as_ref().and_then(|from| from.uri.as_sip()?.user());
        let honest = claimed == Some(proven.as_str());
        if !honest {
            self.respond(now, key, Response::answer(request, StatusCode::FORBIDDEN));
        }
        honest
    }

    fn fork(
        &mut self,
        now: Instant,
        key: &ServerKey,
        request: &Request,
        from: Flow,
        target: Target,
    ) {
        let Target { uri, flow: to } = target;
        let mut sent = self.onward(request, to);
        sent.uri = uri;
        self.record_route(&mut sent, from, to);
        sent.headers.remove(name::PROXY_AUTHORIZATION);
        let branch = self.send_request(now, to, sent, Some(key.clone()));
        if let Some(server) = self.servers.get_mut(key) {
            server.forks.push(branch);
        }
    }

    /// A copy for the next hop: one hop fewer left, this server on top of the Via.
    fn onward(&mut self, request: &Request, to: Flow) -> Request {
        let mut sent = request.clone();
        let hops = request.headers.max_forwards().ok().flatten().unwrap_or(71);
        sent.headers
            .set(name::MAX_FORWARDS, hops.saturating_sub(1).to_string());
        let (via, _) = self.new_via(to);
        sent.headers.insert_front(name::VIA, via);
        sent
    }

    /// Sends a request whose top Via is this server's, in a transaction; its branch.
    fn send_request(
        &mut self,
        now: Instant,
        to: Flow,
        request: Request,
        server: Option<ServerKey>,
    ) -> String {
        let via = request.headers.via().ok();
        let branch = via
            .as_ref()
            .and_then(Via::branch)
            .unwrap_or_default()
            .to_owned();
        self.outbox.send(now, to, request.to_bytes());
        let client = ClientTransaction {
            to,
            server,
            resend: Resend::over(to, now),
            deadline: Some(now + PATIENCE),
            proceeding: false,
            outcome: None,
            cancel: Cancel::No,
            ends: None,
            request,
        };
        self.clients
            .insert((branch.clone(), client.request.method.clone()), client);
        branch
    }

    /// An ACK ends the repetition of a failure, or follows a 2xx to the phone that sent it.
    pub(super) fn handle_ack(&mut self, now: Instant, via: &Via, mut request: Request) {
        let key = ServerKey::of(via, Method::INVITE);
        if let Some(server) = self.servers.get_mut(&key)
            && server.status.is_some_and(StatusCode::is_failure)
        {
            server.resend = None;
            // Copies of the ACK may still come (timer I).
            server.ends = Some(now + T1 * 10);
            return;
        }
        let popped = self.pop_own_routes(&mut request);
        for target in self.targets(now, &request, popped).unwrap_or_default() {
            let mut sent = self.onward(&request, target.flow);
            sent.uri = target.uri;
            self.outbox.send(now, target.flow, sent.to_bytes());
        }
    }

    pub(super) fn handle_cancel(
        &mut self,
        now: Instant,
        key: &ServerKey,
        via: &Via,
        request: &Request,
    ) {
        let invite = ServerKey::of(via, Method::INVITE);
        let Some(server) = self.servers.get(&invite) else {
            let gone = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return self.respond(now, key, Response::answer(request, gone));
        };
        let open = server.status.is_none();
        self.respond(now, key, Response::answer(request, StatusCode::OK));
        if open {
            let reasons = request.headers.all(name::REASON);
            let reasons: Vec<String> = reasons.map(|r| r.text().into_owned()).collect();
            self.cancel_forks(now, &invite, &reasons);
        }
    }

    /// Cancels every fork that is still open.
    pub(super) fn cancel_forks(&mut self, now: Instant, key: &ServerKey, reasons: &[String]) {
        let forks = self.servers.get(key).map(|server| server.forks.clone());
        for branch in forks.unwrap_or_default() {
            let Some(client) = self.clients.get_mut(&(branch.clone(), Method::INVITE)) else {
                continue;
            };
            if client.outcome.is_none() && client.cancel == Cancel::No {
                client.cancel = Cancel::Wanted(reasons.to_vec());
                self.cancel_if_allowed(now, &branch);
            }
        }
    }

    /// Sends the CANCEL that is wanted, once a provisional response has come.
    pub(super) fn cancel_if_allowed(&mut self, now: Instant, branch: &str) {
        let Some(client) = self.clients.get_mut(&(branch.to_owned(), Method::INVITE)) else {
            return;
        };
        let (true, Cancel::Wanted(reasons)) = (client.proceeding, &client.cancel) else {
            return;
        };
        let mut cancel = hop_by_hop(&client.request, Method::CANCEL);
        for reason in reasons {
            cancel.headers.push(name::REASON, reason);
        }
        client.cancel = Cancel::Sent;
        client.deadline = Some(now + PATIENCE);
        let to = client.to;
        self.send_request(now, to, cancel, None);
    }

    /// Acknowledges a failure of a forwarded INVITE (RFC 3261 §17.1.1.3).
    pub(super) fn acknowledge(&mut self, now: Instant, branch: &str, response: &Response) {
        let Some(client) = self.clients.get(&(branch.to_owned(), Method::INVITE)) else {
            return;
        };
        let mut ack = hop_by_hop(&client.request, Method::ACK);
        if let Some(to) = response.headers.text(name::TO) {
            ack.headers.set(name::TO, to.as_bytes());
        }
        let to = client.to;
        self.outbox.send(now, to, ack.to_bytes());
    }
}

/// The CANCEL or ACK of an INVITE that this server sent: same hop, same dialog, same number.
fn hop_by_hop(invite: &Request, method: Method) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    if let Ok(via) = invite.headers.via() {
        request.headers.push(name::VIA, via.to_string());
    }
    request.headers.push(name::MAX_FORWARDS, "70");
    for copied in [name::ROUTE, name::FROM, name::TO, name::CALL_ID] {
        request.headers.copy_from(&invite.headers, copied);
    }
    if let Ok(cseq) = invite.headers.cseq() {
        request
            .headers
            .push(name::CSEQ, format!("{} {method}", cseq.number));
    }
    request
}
