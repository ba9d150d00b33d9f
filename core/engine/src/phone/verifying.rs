//! Whether the two ends of a call have compared their keys.
//!
//! ```text
//!   certificates ──► DerivePhrase ──► phrase on the screen ──► the two compare ──► trust, in the call's row
//!                     (20 ms, by the driver)
//! ```
//!
//! What the phrase is worth rests on the order of offer and answer (see [`SafetyPhrase`]): the caller's side
//! offered, and the first keys are the last ones. Anywhere else there is no phrase.

use std::time::Instant;

use tandem_call::CallDirection;
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

    /// The certificates of the association that protects the media from now on.
    pub(super) fn take_certificates(
        &mut self,
        local: &Fingerprint,
        remote: &Fingerprint,
        desk: &mut Desk,
    ) {
        match self.verifying {
            Verifying::Nothing => {}
            Verifying::Never => return,
            Verifying::Deriving | Verifying::Derived => {
                // Other keys than those that were shown in order: whoever is there now, it was not compared.
                self.verifying = Verifying::Never;
                self.snapshot.safety_phrase = None;
                self.snapshot.trust = Trust::Unverified;
                self.publish(desk);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::phone::testing;

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
}
