//! OPTIONS: what this side can do (RFC 3261 §11), and asking whether the far end is still there.

use std::time::Instant;

use super::AgentError;
use super::core::Core;
use super::in_dialog::Kind;
use super::info::{RECV_INFO, TRICKLE};
use super::session::{Phase, Session};
use crate::message::{Method, Request, Response, StatusCode, name};

/// What a 200 to OPTIONS says besides Allow (§11.2).
pub(super) fn describe(response: &mut Response) {
    response.headers.set(name::ACCEPT, "application/sdp");
    response.headers.set("Accept-Encoding", "identity");
    response.headers.set("Accept-Language", "en");
    response.headers.set(name::SUPPORTED, TRICKLE);
    response.headers.set(RECV_INFO, TRICKLE);
}

impl Core {
    /// The answer to an OPTIONS outside any dialog. `busy`: an INVITE would get 486 now, so this does (§11.2).
    pub(super) fn options_response(&self, request: &Request, busy: bool) -> Response {
        let status = if busy {
            StatusCode::BUSY_HERE
        } else {
            StatusCode::OK
        };
        let mut response = self.stateless_response(request, status);
        response.headers.set(name::ALLOW, Self::allow());
        describe(&mut response);
        let contact = self.contact(self.transport());
        response.headers.set(name::CONTACT, contact.to_string());
        response
    }
}

impl Session {
    /// Asks whether the far end still knows the session: by an UPDATE that changes nothing (RFC 3311 §5.1, as RFC 4028
    /// §7.4 has it), where it takes any, since Asterisk 22 leaves every OPTIONS in a call without an answer.
    pub(super) fn probe(&mut self, core: &mut Core, now: Instant) -> Result<(), AgentError> {
        if self.phase != Phase::Active {
            return Err(AgentError::WrongState);
        }
        let Some(dialog) = &mut self.dialog else {
            return Err(AgentError::WrongState);
        };
        let updates = dialog.takes_updates();
        let method = if updates {
            Method::UPDATE
        } else {
            Method::OPTIONS
        };
        let mut probe = dialog.request(method);
        let headers = &mut probe.request.headers;
        if updates {
            self.introduce(core, headers);
        } else {
            headers.set(name::ACCEPT, "application/sdp");
        }
        self.send_inside(core, now, Kind::Probe, probe)
    }
}
