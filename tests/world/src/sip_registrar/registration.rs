//! REGISTER (RFC 3261 §10.3).

use std::time::Instant;

use tandem_sip::message::{Request, Response, StatusCode, name};

use super::Registrar;
use super::bindings::Refused;
use super::flow::Flow;
use super::gate::Side;
use super::transaction::ServerKey;

impl Registrar {
    pub(super) fn handle_register(
        &mut self,
        now: Instant,
        key: &ServerKey,
        request: &Request,
        flow: Flow,
    ) {
        let Some(proven) = self.authenticate(now, Side::Server, key, request) else {
            return;
        };
        let to = request.headers.to().ok();
        let asked = to.as_ref().and_then(|to| to.uri.as_sip()?.user());
        let response = if asked.is_none_or(|user| self.config.user(user).is_none()) {
            Response::answer(request, StatusCode::NOT_FOUND)
        } else if asked != Some(proven.as_str()) {
            Response::answer(request, StatusCode::FORBIDDEN)
        } else {
            self.register(now, &proven, request, flow)
        };
        self.respond(now, key, response);
    }

    fn register(&mut self, now: Instant, user: &str, request: &Request, flow: Flow) -> Response {
        match self
            .bindings
            .register(now, user, request, flow, &self.config)
        {
            Ok(()) => {
                let mut response = Response::answer(request, StatusCode::OK);
                for contact in self.bindings.listed(user, now) {
                    response.headers.push(name::CONTACT, contact);
                }
                response
            }
            Err(Refused::TooBrief) => {
                let shortest = self.config.min_expires.as_secs().to_string();
                Response::answer(request, StatusCode::INTERVAL_TOO_BRIEF)
                    .with_header(name::MIN_EXPIRES, shortest)
            }
            Err(Refused::Because(status)) => Response::answer(request, status),
        }
    }
}
