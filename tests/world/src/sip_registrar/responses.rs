//! Responses on their way back, and the choice among those of several forks (RFC 3261 §16.7).

use std::time::Instant;

use tandem_sip::message::{Method, Response, StatusCode, name};

use super::Registrar;
use super::flow::Flow;
use super::transaction::{ClientKey, ClientTransaction, PATIENCE, ServerKey, TIMER_C, rank};

/// What losers of a fork are told (RFC 3326).
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Registrar {
    pub(super) fn handle_response(&mut self, now: Instant, mut response: Response) {
        let Some(key) = client_key(&response) else {
            return;
        };
        if !self.clients.contains_key(&key) {
            return;
        }
        let is_invite = key.1 == Method::INVITE;
        let status = response.status;
        if is_invite && status.is_failure() {
            self.acknowledge(now, &key.0, &response);
        }
        let client = self
            .clients
            .get_mut(&key)
            .filter(|client| still_matters(client, status));
        let Some(client) = client else { return };
        response.headers.remove_first_value(name::VIA);
        if status.is_provisional() {
            client.proceeding = true;
            if is_invite {
                client.resend = None;
                client.deadline = client.deadline.max(Some(now + TIMER_C));
            }
            let server = client.server.clone();
            self.cancel_if_allowed(now, &key.0);
            if let (Some(server), true) = (server, status != StatusCode::TRYING) {
                self.pass_on(now, &server, response);
            }
            return;
        }
        client.resend = None;
        client.deadline = None;
        client.ends = Some(now + PATIENCE);
        client.outcome = Some(response.clone());
        let Some(server) = client.server.clone() else {
            return;
        };
        if status.is_success() && is_invite {
            self.pass_on(now, &server, response);
            self.cancel_forks(now, &server, &[ELSEWHERE.to_owned()]);
        } else {
            if status.class() == 6 {
                self.cancel_forks(now, &server, &[]);
            }
            self.settle(now, &server);
        }
    }

    /// A fork failed without a response.
    pub(super) fn fail(&mut self, now: Instant, key: &ClientKey, status: StatusCode) {
        let Some(client) = self
            .clients
            .get_mut(key)
            .filter(|client| client.outcome.is_none())
        else {
            return;
        };
        client.resend = None;
        client.deadline = None;
        client.ends = Some(now + PATIENCE);
        let Some(server) = client.server.clone() else {
            return;
        };
        let Some(asked) = self.servers.get(&server) else {
            return;
        };
        client.outcome = Some(Response::answer(&asked.request, status));
        self.settle(now, &server);
    }

    /// Everything that waits on a connection that is gone fails.
    pub(super) fn fail_flow(&mut self, now: Instant, flow: Flow) {
        let waiting = self.clients.iter().filter(|(_, client)| client.to == flow);
        let waiting: Vec<ClientKey> = waiting.map(|(key, _)| key.clone()).collect();
        for key in waiting {
            self.fail(now, &key, StatusCode::TEMPORARILY_UNAVAILABLE);
        }
    }

    /// Once every fork has its final response, the best one answers the request.
    fn settle(&mut self, now: Instant, key: &ServerKey) {
        let Some(server) = self.servers.get(key) else {
            return;
        };
        if server.status.is_some() {
            return;
        }
        let method = &server.request.method;
        let outcomes = server.forks.iter().map(|branch| {
            let client = self.clients.get(&(branch.clone(), method.clone()))?;
            client.outcome.as_ref()
        });
        let Some(outcomes) = outcomes.collect::<Option<Vec<&Response>>>() else {
            return;
        };
        let best = outcomes
            .into_iter()
            .min_by_key(|response| rank(response.status));
        if let Some(best) = best.cloned() {
            self.pass_on(now, key, best);
        }
    }

    /// Sends a response back to where the request came from, if it still wants one.
    fn pass_on(&mut self, now: Instant, key: &ServerKey, response: Response) {
        let Some(server) = self.servers.get(key) else {
            return;
        };
        // After the first final response only further 2xx to an INVITE may follow.
        let wanted = match server.status {
            None => true,
            Some(_) => key.is_invite() && response.status.is_success(),
        };
        if wanted {
            self.respond(now, key, response);
        }
    }
}

/// Whether a response still matters: before the final one anything, after it only a 2xx said again.
fn still_matters(client: &ClientTransaction, status: StatusCode) -> bool {
    client.outcome.as_ref().is_none_or(|first| {
        client.request.method == Method::INVITE && first.status.is_success() && status.is_success()
    })
}

fn client_key(response: &Response) -> Option<ClientKey> {
    let via = response.headers.via().ok()?;
    let method = response.headers.cseq().ok()?.method;
    Some((via.branch()?.to_owned(), method))
}
