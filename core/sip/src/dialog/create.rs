//! How a dialog begins, on either side (RFC 3261 §12.1).

use super::request::request_target;
use super::{Dialog, DialogError, DialogId, DialogRole, MAX_ROUTES};
use crate::message::{Headers, Method, NameAddr, Request, Response, Uri};

impl Dialog {
    /// The caller's side, from the INVITE and a 101–299 response to it (§12.1.2).
    ///
    /// A response without Contact, which §12.1.1 forbids and some devices send, or with one that cannot be
    /// read, leaves the Request-URI as the remote target: a 2xx must be acknowledged in any case.
    ///
    /// # Errors
    /// [`DialogError`] for a response no dialog can be made of.
    pub fn caller(invite: &Request, response: &Response) -> Result<Self, DialogError> {
        let local = invite.headers.from()?;
        let remote = response.headers.to()?;
        let sequence = invite.headers.cseq()?.number;
        let mut routes = record_routes(&response.headers)?;
        routes.reverse();
        Ok(Self {
            id: DialogId {
                call_id: invite.headers.call_id()?,
                local_tag: local.tag().unwrap_or_default().to_owned(),
                remote_tag: remote.tag().unwrap_or_default().to_owned(),
            },
            role: DialogRole::Caller,
            local,
            remote,
            remote_target: contact(&response.headers)
                .ok()
                .flatten()
                .unwrap_or_else(|| invite.uri.clone()),
            routes,
            local_sequence: sequence,
            remote_sequence: None,
            takes_updates: allows_update(&response.headers).unwrap_or_default(),
        })
    }

    /// The callee's side, from the INVITE and the tag its responses will carry (§12.1.1).
    /// `first_sequence` is where our own requests begin.
    ///
    /// # Errors
    /// [`DialogError`] for an INVITE no dialog can be made of: answer 400.
    pub fn callee(
        invite: &Request,
        local_tag: &str,
        first_sequence: u32,
    ) -> Result<Self, DialogError> {
        let remote = invite.headers.from()?;
        let local = invite.headers.to()?.with_tag(local_tag);
        let target = contact(&invite.headers)?;
        let remote_target = target.unwrap_or_else(|| remote.uri.clone());
        Ok(Self {
            id: DialogId {
                call_id: invite.headers.call_id()?,
                local_tag: local_tag.to_owned(),
                remote_tag: remote.tag().unwrap_or_default().to_owned(),
            },
            role: DialogRole::Callee,
            local,
            remote,
            remote_target,
            routes: record_routes(&invite.headers)?,
            local_sequence: first_sequence,
            remote_sequence: Some(invite.headers.cseq()?.number),
            takes_updates: allows_update(&invite.headers).unwrap_or_default(),
        })
    }

    /// The 2xx confirms what a provisional response began: its Record-Route and Contact count now
    /// (§13.2.2.4).
    ///
    /// # Errors
    /// [`DialogError`] for a response no dialog can be made of.
    pub fn confirm(&mut self, response: &Response) -> Result<(), DialogError> {
        let mut routes = record_routes(&response.headers)?;
        routes.reverse();
        self.routes = routes;
        self.refresh_target(&response.headers)
    }

    /// Takes the Contact of a target refresh: a re-INVITE or UPDATE, or the 2xx to one (§12.2.1.2).
    ///
    /// # Errors
    /// [`DialogError::Header`] for a Contact that cannot be read.
    pub fn refresh_target(&mut self, headers: &Headers) -> Result<(), DialogError> {
        if let Some(target) = contact(headers)? {
            self.remote_target = target;
        }
        if let Some(takes) = allows_update(headers) {
            self.takes_updates = takes;
        }
        Ok(())
    }
}

/// Whether the sender takes UPDATE (RFC 3311 §4); `None` if it does not say.
fn allows_update(headers: &Headers) -> Option<bool> {
    let allowed = headers.allow().ok().flatten()?;
    Some(allowed.contains(&Method::UPDATE))
}

fn record_routes(headers: &Headers) -> Result<Vec<NameAddr>, DialogError> {
    let routes = headers.record_routes()?;
    if routes.len() > MAX_ROUTES {
        return Err(DialogError::TooManyRoutes);
    }
    Ok(routes)
}

fn contact(headers: &Headers) -> Result<Option<Uri>, DialogError> {
    Ok(headers
        .contacts()?
        .first()
        .map(|contact| request_target(&contact.uri)))
}
