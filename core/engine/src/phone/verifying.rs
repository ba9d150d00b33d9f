//! Whether the two ends of a call have compared their keys.
//!
//! ```text
//!   certificates ──► DerivePhrase ──► phrase on the screen ──► the two compare ──► trust, in the call's row
//!                     (20 ms, by the driver)
//! ```
//!
//! What the phrase is worth rests on the order of offer and answer (see [`SafetyPhrase`]): the caller's side
//! offered, and the first keys that were agreed on are the last ones, whether anybody proved to have them or not.
//! Anywhere else there is no phrase.

use std::collections::BTreeSet;
use std::time::Instant;

use tandem_call::CallDirection;
use tandem_media::AgreedSecurity;
use tandem_store::Trust;
use tandem_types::CallId;
use tandem_types::media::Fingerprint;

use super::active::ActiveCall;
use super::desk::Desk;
use super::{Output, Phone, PhoneError};
use crate::SafetyPhrase;

/// How far a call is with its phrase.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Verifying {
    /// No certificates yet.
    #[default]
    Nothing,
    /// The phrase is being made.
    Deriving,
    /// It is there: the snapshot has it.
    Derived,
    /// As [`Never`](Self::Never), and the app is yet to be told that what it shows counts no more.
    TakenBack,
    /// The order of offer and answer does not hold, or keys changed: there is none, for good.
    Never,
}

impl Phone {
    /// The phrase that [`Output::DerivePhrase`] asked for; `None` where none can be made of these certificates.
    pub fn handle_phrase(&mut self, now: Instant, call: &CallId, phrase: Option<SafetyPhrase>) {
        self.with_call(now, call, |call, desk| call.take_phrase(phrase, desk));
    }

    /// The two have compared their phrases: `matches` says whether they read the same words. Stands in the
    /// call's row when it ends; may be said again.
    ///
    /// # Errors
    /// No such call, or one without a phrase.
    pub fn verify(&mut self, now: Instant, call: &CallId, matches: bool) -> Result<(), PhoneError> {
        let done = self.guarded(now, call, |call, desk| call.verify(matches, desk));
        self.settle(now);
        done.ok_or(PhoneError::NoSuchCall)?
    }
}

impl ActiveCall {
    /// A callee that was asked for an offer showed its key first.
    pub(super) const fn note_showed_key_first(&mut self) {
        self.verifying = Verifying::Never;
    }

    /// Judges what was agreed on, before it takes the place of what holds: who may still choose a key after seeing
    /// those of both ends could search for one that makes the phrases equal.
    pub(super) fn judge_keys(&mut self, agreed: &AgreedSecurity) {
        let before = self.negotiated.as_ref().map(|before| &before.security);
        // Until the accept each fork of a call answers with keys of its own, to an offer that is out already.
        let may_differ = match self.snapshot.direction {
            CallDirection::Outgoing => self.accepted_at.is_none(),
            CallDirection::Incoming => false,
        };
        let holds = match before {
            Some(before) if !may_differ => match (shown(before), shown(agreed)) {
                (Some(before), Some(now)) => before == now,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            },
            Some(_) | None => shown(agreed).is_none_or(is_one_certificate),
        };
        if !holds {
            self.take_phrase_back();
        }
    }

    /// There is no phrase any more, nor will there be.
    fn take_phrase_back(&mut self) {
        self.verifying = match self.verifying {
            Verifying::Nothing | Verifying::Deriving | Verifying::Never => Verifying::Never,
            Verifying::Derived | Verifying::TakenBack => Verifying::TakenBack,
        };
        self.snapshot.safety_phrase = None;
        // That somebody did not trust it stays.
        if self.snapshot.trust == Trust::Verified {
            self.snapshot.trust = Trust::Unverified;
        }
    }

    /// Tells the app that the phrase it shows counts no more.
    pub(super) fn note_phrase(&mut self, desk: &mut Desk) {
        if self.verifying == Verifying::TakenBack {
            self.verifying = Verifying::Never;
            self.publish(desk);
        }
    }

    /// The certificates of the association that protects the media from now on.
    pub(super) fn take_certificates(
        &mut self,
        local: &Fingerprint,
        remote: &Fingerprint,
        desk: &mut Desk,
    ) {
        match self.verifying {
            Verifying::Nothing => {}
            Verifying::TakenBack | Verifying::Never => return,
            Verifying::Deriving | Verifying::Derived => {
                // A second association: whoever is there now, it was not compared.
                self.take_phrase_back();
                self.note_phrase(desk);
                return;
            }
        }
        self.verifying = Verifying::Deriving;
        let (caller, callee) = match self.snapshot.direction {
            CallDirection::Outgoing => (local, remote),
            CallDirection::Incoming => (remote, local),
        };
        desk.push(Output::DerivePhrase {
            call: self.id().clone(),
            caller: caller.clone(),
            callee: callee.clone(),
        });
    }

    /// The call is placed again: whoever showed a certificate so far is not who is called next.
    pub(super) fn forget_certificates(&mut self, desk: &mut Desk) {
        let (next, was_shown) = match self.verifying {
            Verifying::Nothing => (Verifying::Nothing, false),
            Verifying::Derived => (Verifying::Nothing, true),
            Verifying::TakenBack => (Verifying::Never, true),
            // The phrase of the one before would come, and be taken for the next one's.
            Verifying::Deriving | Verifying::Never => (Verifying::Never, false),
        };
        self.take_phrase_back();
        self.verifying = next;
        if was_shown {
            self.publish(desk);
        }
    }

    fn take_phrase(&mut self, phrase: Option<SafetyPhrase>, desk: &mut Desk) {
        if self.verifying != Verifying::Deriving {
            return;
        }
        self.verifying = match phrase {
            Some(_) => Verifying::Derived,
            None => Verifying::Never,
        };
        self.snapshot.safety_phrase = phrase;
        self.publish(desk);
    }

    fn verify(&mut self, matches: bool, desk: &mut Desk) -> Result<(), PhoneError> {
        if self.snapshot.safety_phrase.is_none() {
            return Err(PhoneError::NoPhrase);
        }
        self.snapshot.trust = if matches {
            Trust::Verified
        } else {
            Trust::Distrusted
        };
        self.publish(desk);
        Ok(())
    }
}

/// The certificates that the far end says it has one of; `None` where it has shown none.
fn shown(security: &AgreedSecurity) -> Option<&[Fingerprint]> {
    match security {
        AgreedSecurity::Dtls { fingerprints, .. } => Some(fingerprints),
        AgreedSecurity::Plain | AgreedSecurity::Sdes { .. } => None,
    }
}

/// Whether these can all be digests of one certificate: each by another hash. Whoever shows several chooses later.
fn is_one_certificate(fingerprints: &[Fingerprint]) -> bool {
    let hashes = fingerprints
        .iter()
        .map(|print| print.hash.to_ascii_lowercase());
    hashes.collect::<BTreeSet<_>>().len() == fingerprints.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::phone::testing;
    use tandem_media::{Capabilities, LocalTransport, Negotiated, Protection, negotiate};
    use tandem_types::media::Direction;

    fn fingerprint(byte: u8) -> Fingerprint {
        Fingerprint {
            hash: "sha-256".to_owned(),
            bytes: vec![byte; 32],
        }
    }

    /// What the phone asks to be derived, the way a driver would answer it.
    fn derive(phone: &mut Phone, now: Instant) -> Vec<(Fingerprint, Fingerprint)> {
        let mut asked = Vec::new();
        while let Some(output) = phone.poll_output() {
            if let Output::DerivePhrase {
                call,
                caller,
                callee,
            } = output
            {
                phone.handle_phrase(now, &call, SafetyPhrase::derive(&caller, &callee));
                asked.push((caller, callee));
            }
        }
        asked
    }

    fn secured(phone: &mut Phone, now: Instant, call: &CallId, remote: u8) {
        phone.with_call(now, call, |call, desk| {
            call.take_certificates(&fingerprint(1), &fingerprint(remote), desk);
        });
    }

    #[test]
    fn a_phrase_is_compared_and_new_keys_undo_it() {
        let now = Instant::now();
        let (mut phone, call) = testing::calling(now);
        assert_eq!(phone.verify(now, &call, true), Err(PhoneError::NoPhrase));
        secured(&mut phone, now, &call, 2);
        // This side called, so its key comes first.
        assert_eq!(derive(&mut phone, now), [(fingerprint(1), fingerprint(2))]);
        let shown = |phone: &Phone| {
            let call = phone.calls().next().unwrap();
            (call.safety_phrase.is_some(), call.trust)
        };
        assert_eq!(shown(&phone), (true, Trust::Unverified));
        phone.verify(now, &call, false).unwrap();
        assert_eq!(shown(&phone), (true, Trust::Distrusted));
        phone.verify(now, &call, true).unwrap();
        assert_eq!(shown(&phone), (true, Trust::Verified));
        // A second association, with whomever: what was compared is not what is used now.
        secured(&mut phone, now, &call, 3);
        assert!(derive(&mut phone, now).is_empty());
        assert_eq!(shown(&phone), (false, Trust::Unverified));
        assert_eq!(phone.verify(now, &call, true), Err(PhoneError::NoPhrase));
    }

    #[test]
    fn who_is_called_next_gets_a_phrase_of_its_own_and_never_that_of_the_one_before() {
        let now = Instant::now();
        let (mut phone, call) = testing::calling(now);
        secured(&mut phone, now, &call, 2);
        derive(&mut phone, now);
        let forgets = |phone: &mut Phone| {
            phone.with_call(now, &call, ActiveCall::forget_certificates);
            phone.calls().next().unwrap().safety_phrase.is_none()
        };
        assert!(forgets(&mut phone));
        secured(&mut phone, now, &call, 3);
        // Its phrase is still being made when the call is placed again.
        assert!(forgets(&mut phone));
        assert_eq!(derive(&mut phone, now), [(fingerprint(1), fingerprint(3))]);
        secured(&mut phone, now, &call, 4);
        assert!(derive(&mut phone, now).is_empty());
        assert!(phone.calls().next().unwrap().safety_phrase.is_none());
    }

    #[test]
    fn what_was_compared_stands_in_the_row() {
        let now = Instant::now();
        let (mut phone, call) = testing::calling(now);
        secured(&mut phone, now, &call, 2);
        derive(&mut phone, now);
        phone.verify(now, &call, true).unwrap();
        phone.stop(now);
        let mut row = None;
        let mut told = None;
        while let Some(output) = phone.poll_output() {
            match output {
                Output::Log(crate::phone::LogEntry::Finish(_, end)) => row = Some(end.trust),
                Output::Event(Event::Call(call)) => told = Some(call.trust),
                _ => {}
            }
        }
        assert_eq!((row, told), (Some(Trust::Verified), Some(Trust::Verified)));
    }

    #[test]
    fn who_showed_its_key_first_gets_no_phrase() {
        let now = Instant::now();
        let (mut phone, call) = testing::calling(now);
        phone.with_call(now, &call, |call, _| call.note_showed_key_first());
        secured(&mut phone, now, &call, 2);
        assert!(derive(&mut phone, now).is_empty());
    }

    /// What is agreed on with somebody who shows these certificates; none: in plain.
    fn agreed(remote: &[u8]) -> Negotiated {
        let at = "192.0.2.2:4000".parse().unwrap();
        let mut theirs = LocalTransport::plain(at, at);
        theirs.fingerprint = remote.first().map(|byte| fingerprint(*byte));
        let protection = match remote {
            [] => Protection::Plain,
            [..] => Protection::Dtls { feedback: true },
        };
        let capabilities = Capabilities::default();
        let both = Direction::SendRecv;
        let offer = negotiate::offer(&capabilities, &theirs, protection, both);
        let mut ours = LocalTransport::plain(at, at);
        ours.fingerprint = Some(fingerprint(1));
        let answered = negotiate::answer(&offer, &capabilities, &ours, both, None);
        let (_, mut agreed) = answered.unwrap();
        if let AgreedSecurity::Dtls { fingerprints, .. } = &mut agreed.security {
            *fingerprints = remote.iter().copied().map(fingerprint).collect();
        }
        agreed
    }

    /// A call in which these certificates are agreed on, one after the other; the second ones after the accept
    /// where `accepted`. The phrase that is left once the last of them has proved itself.
    fn with_keys(direction: CallDirection, accepted: bool, keys: &[&[u8]]) -> bool {
        let now = Instant::now();
        let (mut phone, call) = testing::calling(now);
        for remote in keys {
            phone.with_call(now, &call, |call, _| {
                call.snapshot.direction = direction;
                call.start_media(now, agreed(remote));
                call.accepted_at = accepted.then_some(now);
            });
        }
        if let Some([.., proved]) = keys.last().copied() {
            secured(&mut phone, now, &call, *proved);
        }
        derive(&mut phone, now);
        let call = phone.calls().next().unwrap();
        call.safety_phrase.is_some()
    }

    #[test]
    fn keys_that_were_agreed_on_count_before_anybody_proves_to_have_them() {
        use CallDirection::{Incoming, Outgoing};
        assert!(with_keys(Incoming, true, &[&[2]]));
        assert!(with_keys(Incoming, true, &[&[2], &[2]]), "a hold");
        // Whoever is in the middle shows the callee something to get its key, and then chooses.
        assert!(!with_keys(Incoming, true, &[&[3], &[2]]));
        assert!(!with_keys(Outgoing, true, &[&[3], &[2]]));
        // Two forks of a call.
        assert!(with_keys(Outgoing, false, &[&[3], &[2]]));
        // The callee would have shown its key first.
        assert!(!with_keys(Outgoing, true, &[&[], &[2]]));
        assert!(!with_keys(Incoming, true, &[&[], &[2]]));
        // A choice of several.
        assert!(!with_keys(Incoming, true, &[&[3, 2]]));
        assert!(!with_keys(Outgoing, false, &[&[3, 2]]));
    }

    #[test]
    fn a_phrase_ends_with_the_agreement_it_was_made_of_and_distrust_stays() {
        for (said, left) in [(true, Trust::Unverified), (false, Trust::Distrusted)] {
            let now = Instant::now();
            let (mut phone, call) = testing::calling(now);
            let agree = |phone: &mut Phone, remote: &[u8]| {
                phone.with_call(now, &call, |call, _| {
                    call.start_media(now, agreed(remote));
                    call.accepted_at = Some(now);
                });
            };
            agree(&mut phone, &[2]);
            secured(&mut phone, now, &call, 2);
            derive(&mut phone, now);
            phone.verify(now, &call, said).unwrap();
            while phone.poll_output().is_some() {}
            agree(&mut phone, &[3]);
            let mut told = None;
            while let Some(output) = phone.poll_output() {
                if let Output::Event(Event::Call(call)) = output {
                    told = Some((call.safety_phrase.is_some(), call.trust));
                }
            }
            assert_eq!(told, Some((false, left)));
            assert_eq!(phone.verify(now, &call, true), Err(PhoneError::NoPhrase));
        }
    }
}
