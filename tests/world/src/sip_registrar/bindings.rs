//! The location service: where each user can be reached, and for how long (RFC 3261 §10.3).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tandem_sip::message::{Contacts, NameAddr, Request, SipUri, StatusCode, Uri};

use super::config::Config;
use super::flow::Flow;

/// Bindings one user may have.
const MAX_BINDINGS: usize = 16;

/// Where a user can be reached.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// The contact's address, as registered.
    pub uri: Uri,
    /// The way the registration came, which is the way back (RFC 5626 §5.3).
    pub flow: Flow,
    contact: NameAddr,
    expires: Instant,
    call_id: String,
    cseq: u32,
    /// `+sip.instance` and `reg-id` (RFC 5626 §4.2): a new flow of one phone replaces its old one.
    instance: Option<(String, String)>,
}

/// Everybody's bindings.
#[derive(Debug, Default)]
pub(super) struct Bindings(BTreeMap<String, Vec<Binding>>);

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// An expiry below the minimum.
    TooBrief,
    /// Any other, with its status.
    Because(StatusCode),
}

impl Bindings {
    /// Applies an authenticated REGISTER: all of it or nothing.
    pub fn register(
        &mut self,
        now: Instant,
        user: &str,
        request: &Request,
        flow: Flow,
        config: &Config,
    ) -> Result<(), Refused> {
        let bad = |_| Refused::Because(StatusCode::BAD_REQUEST);
        let call_id = request.headers.call_id().map_err(bad)?;
        let cseq = request.headers.cseq().map_err(bad)?.number;
        let wish = request.headers.expires().map_err(bad)?;
        let mut bindings = self.of(user, now);
        let contacts = match request.headers.contacts().map_err(bad)? {
            Contacts::All if wish == Some(0) => {
                self.0.remove(user);
                return Ok(());
            }
            Contacts::All => return Err(Refused::Because(StatusCode::BAD_REQUEST)),
            Contacts::List(contacts) => contacts,
        };
        for contact in contacts {
            let instance = instance_of(&contact);
            let same = |binding: &Binding| {
                binding.uri.equivalent(&contact.uri)
                    || (instance.is_some() && binding.instance == instance)
            };
            let outdated = |b: &Binding| same(b) && b.call_id == call_id && b.cseq >= cseq;
            if bindings.iter().any(outdated) {
                return Err(Refused::Because(StatusCode::SERVER_INTERNAL_ERROR));
            }
            bindings.retain(|binding| !same(binding));
            let seconds = contact.expires().or(wish).unwrap_or(3_600);
            if seconds == 0 {
                continue;
            }
            let granted = Duration::from_secs(seconds.into()).min(config.max_expires);
            if granted < config.min_expires {
                return Err(Refused::TooBrief);
            }
            if bindings.len() >= MAX_BINDINGS {
                return Err(Refused::Because(StatusCode::FORBIDDEN));
            }
            bindings.push(Binding {
                uri: contact.uri.clone(),
                flow,
                contact,
                expires: now + granted,
                call_id: call_id.clone(),
                cseq,
                instance,
            });
        }
        self.0.insert(user.to_owned(), bindings);
        Ok(())
    }

    /// A user's bindings that have not expired.
    pub fn of(&self, user: &str, now: Instant) -> Vec<Binding> {
        let bindings = self.0.get(user).into_iter().flatten();
        bindings
            .filter(|binding| binding.expires > now)
            .cloned()
            .collect()
    }

    /// The Contact values that a 200 to REGISTER lists.
    pub fn listed(&self, user: &str, now: Instant) -> Vec<String> {
        let value = |binding: Binding| {
            let left = binding.expires.duration_since(now).as_secs_f64().round() as u64;
            let mut contact = binding.contact;
            contact.params.set("expires", Some(&left.to_string()));
            contact.to_string()
        };
        self.of(user, now).into_iter().map(value).collect()
    }

    /// The way to a contact that registered.
    pub fn flow_to(&self, uri: &SipUri, now: Instant) -> Option<Flow> {
        let known = |b: &&Binding| {
            b.expires > now
                && b.uri
                    .as_sip()
                    .is_some_and(|contact| contact.equivalent(uri))
        };
        self.0
            .values()
            .flatten()
            .find(known)
            .map(|binding| binding.flow)
    }

    /// Forgets what was registered over a connection that is gone.
    pub fn forget_flow(&mut self, flow: Flow) {
        for bindings in self.0.values_mut() {
            bindings.retain(|binding| binding.flow != flow);
        }
    }
}

fn instance_of(contact: &NameAddr) -> Option<(String, String)> {
    let instance = contact.params.get("+sip.instance")?;
    let reg_id = contact.params.get("reg-id")?;
    Some((instance.to_owned(), reg_id.to_owned()))
}
