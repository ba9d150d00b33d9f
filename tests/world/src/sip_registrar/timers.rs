//! Time: retransmissions, transactions that waited too long, and forgetting.

use std::time::Instant;

use tandem_sip::message::{Method, StatusCode};

use super::Registrar;
use super::transaction::{Cancel, ClientKey, PATIENCE, ServerKey, T2};

impl Registrar {
    /// When [`Registrar::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let servers = self
            .servers
            .values()
            .flat_map(|server| [server.resend.map(|resend| resend.at), server.ends]);
        let clients = self.clients.values().flat_map(|client| {
            [
                client.resend.map(|resend| resend.at),
                client.deadline,
                client.ends,
            ]
        });
        servers
            .chain(clients)
            .chain([self.outbox.due()])
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.outbox.release(now);
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        self.servers.retain(|_, server| !past(server.ends));
        self.clients.retain(|_, client| !past(client.ends));
        let servers: Vec<ServerKey> = self.servers.keys().cloned().collect();
        for key in servers {
            self.repeat_answer(now, &key);
        }
        let clients: Vec<ClientKey> = self.clients.keys().cloned().collect();
        for key in clients {
            self.repeat_request(now, &key);
            self.give_up_waiting(now, &key);
        }
    }

    fn repeat_answer(&mut self, now: Instant, key: &ServerKey) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        if let Some(resend) = server.resend.filter(|resend| resend.at <= now)
            && let Some(bytes) = server.last.clone()
        {
            server.resend = Some(resend.again(now, T2));
            let flow = server.flow;
            self.outbox.send(now, flow, bytes);
        }
    }

    fn repeat_request(&mut self, now: Instant, key: &ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if let Some(resend) = client.resend.filter(|resend| resend.at <= now) {
            // Only an unanswered INVITE keeps doubling (timer A); all else stops at T2 (timer E).
            let longest = if key.1 == Method::INVITE {
                PATIENCE
            } else {
                T2
            };
            client.resend = Some(resend.again(now, longest));
            let (to, bytes) = (client.to, client.request.to_bytes());
            self.outbox.send(now, to, bytes);
        }
    }

    fn give_up_waiting(&mut self, now: Instant, key: &ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        if client.proceeding && key.1 == Method::INVITE && client.cancel == Cancel::No {
            // It rang for too long (timer C): the fork is cancelled, and gets time to say so.
            client.cancel = Cancel::Wanted(Vec::new());
            client.deadline = Some(now + PATIENCE);
            return self.cancel_if_allowed(now, &key.0);
        }
        self.fail(now, key, StatusCode::REQUEST_TIMEOUT);
    }
}
