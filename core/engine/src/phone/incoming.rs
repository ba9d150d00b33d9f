//! Somebody calls: who they are, and whether their call may ring.

use std::time::Instant;

use tandem_media::{NegotiateError, negotiate};
use tandem_sip::agent::{Incoming, SessionId};
use tandem_sip::message::{NameAddr, StatusCode};
use tandem_types::media::Direction;
use tandem_types::{AccountId, Address, CallId, EndReason, MediaDescription, Pii};

use super::active::ActiveCall;
use super::{LogEntry, Output, Phone};

/// The longest name that is shown and kept, in characters.
const LONGEST_NAME: usize = 80;
/// Stands for a caller whose address is of a scheme nobody can be called back by (RFC 6761: such a name
/// never resolves).
const UNKNOWN: &str = "sip:unknown@unknown.invalid";

impl Phone {
    pub(super) fn take_incoming(&mut self, now: Instant, account: AccountId, incoming: &Incoming) {
        let session = incoming.session;
        if !self.takes_calls {
            self.refuse(now, account, session, StatusCode::TEMPORARILY_UNAVAILABLE);
            return;
        }
        let offer = incoming.offer.clone();
        let problem = self.problem_with(account, offer.as_ref());
        if problem.is_some_and(|problem| problem != NegotiateError::EncryptionRequired) {
            self.refuse(now, account, session, StatusCode::NOT_ACCEPTABLE_HERE);
            return;
        }
        let Ok(slot) = self.desk.slot(account) else {
            return;
        };
        let caller = slot.caller(incoming);
        let peer = address_of(caller);
        let name = name_of(caller);
        let id = CallId::random(&mut *(self.desk.entropy)());
        let leg = self.leg();
        let desk = &mut self.desk;
        let call_id = id.clone();
        let mut call = ActiveCall::incoming(now, call_id, leg, account, peer, session, offer, desk);
        call.set_peer_name(name);
        desk.log(LogEntry::Begin(call.new_row()));
        if problem.is_some() {
            // Nothing rings; the history says why somebody could not get through.
            call.finish(now, EndReason::EncryptionRequired, desk);
            self.refuse(now, account, session, StatusCode::NOT_ACCEPTABLE_HERE);
            return;
        }
        if self.calls.len() >= desk.config.max_calls {
            // Nothing rings, but whoever called is in the history.
            call.finish(now, EndReason::Busy, desk);
            self.refuse(now, account, session, StatusCode::BUSY_HERE);
            return;
        }
        if let Ok(slot) = desk.slot(account) {
            slot.sessions.insert(session, id.clone());
        }
        desk.push(Output::OpenMedia {
            call: id.clone(),
            account,
        });
        self.calls.insert(id, call);
    }

    fn refuse(&mut self, now: Instant, account: AccountId, session: SessionId, status: StatusCode) {
        if let Ok(slot) = self.desk.slot(account) {
            // That it is over already is no fault.
            let _ = slot.agent.reject(now, session, status);
        }
    }

    /// Why nobody here could ever accept an offer, or make one, before anything rings.
    fn problem_with(
        &mut self,
        account: AccountId,
        offer: Option<&MediaDescription>,
    ) -> Option<NegotiateError> {
        let local = self.desk.any_transport();
        let capabilities = self.desk.capabilities(account);
        match offer {
            Some(offer) => {
                let both = Direction::SendRecv;
                negotiate::answer(offer, &capabilities, &local, both, None).err()
            }
            None => negotiate::protections(&capabilities, &local)
                .is_empty()
                .then_some(NegotiateError::EncryptionRequired),
        }
    }
}

/// An address the screen can show and the log can read back. From may hold any URI at all.
fn address_of(caller: &NameAddr) -> Address {
    let text = caller.uri.to_string();
    text.parse()
        .unwrap_or_else(|_| Address::Sip(UNKNOWN.to_owned()))
}

/// The caller's name as text: no controls, nothing that turns the line around, and not endless.
fn name_of(caller: &NameAddr) -> Option<Pii<String>> {
    let shown = |c: &char| !c.is_control() && !is_direction_mark(*c);
    let name = caller.display.as_deref()?;
    let name: String = name.chars().filter(shown).take(LONGEST_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| Pii::new(name.to_owned()))
}

/// Unicode's marks, embeddings, overrides and isolates of writing direction (UAX #9).
const fn is_direction_mark(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}
