//! What a call tells its owner and the log.

use std::collections::BTreeSet;
use std::time::Instant;

use tandem_call::{CallEvent, CallState, HoldWish};
use tandem_store::EndedCall;
use tandem_types::{EndReason, MediaKind};

use super::active::{ALIVE_INTERVAL, ActiveCall, STATS_INTERVAL};
use super::desk::Desk;
use super::{LogEntry, Output};
use crate::{Event, LocalHold};

impl ActiveCall {
    /// Tells the app what the call looks like now.
    pub(super) fn publish(&mut self, desk: &mut Desk) {
        self.refresh();
        desk.tell(Event::Call(self.snapshot.clone()));
    }

    pub(super) fn take_call_event(&mut self, now: Instant, event: CallEvent, desk: &mut Desk) {
        match event {
            CallEvent::StateChanged(picture) => {
                self.snapshot.state = picture.state;
                self.hold_wanted = match picture.hold_wish {
                    Some(wish) => wish == HoldWish::Hold,
                    None => picture.local_hold,
                };
                self.hold_agreed = picture.hold_wish.is_none();
                self.snapshot.hold = self.local_hold();
                self.note_talking(now, desk);
                self.follow_hold(now, &picture);
                if picture.accepted && self.accepted_at.is_none() {
                    self.note_accepted(now, desk);
                }
                let rings = match picture.state {
                    CallState::Ringing | CallState::EarlyMedia | CallState::Incoming => true,
                    CallState::Dialing
                    | CallState::Connecting
                    | CallState::Active { .. }
                    | CallState::Held { .. }
                    | CallState::Reconnecting { .. }
                    | CallState::Ending
                    | CallState::Ended(_) => false,
                };
                if rings && !self.rung {
                    self.rung = true;
                    let wall = self.moment(now, desk);
                    desk.log(LogEntry::Ringing(self.id().clone(), wall));
                }
                self.publish(desk);
            }
            CallEvent::HoldRefused(wish) => {
                self.hold_refused = Some(wish);
                desk.tell(Event::HoldRefused {
                    call: self.id().clone(),
                    wish,
                });
            }
            CallEvent::Ended(summary) => self.finish(now, summary.reason, desk),
        }
    }

    /// Tells of this side's hold when it is not as it was told last: a wish that was taken back while the
    /// far end was asked is known here, not by the machine.
    pub(super) fn note_hold(&mut self, desk: &mut Desk) {
        let hold = self.local_hold();
        if hold != self.snapshot.hold && !self.over {
            self.snapshot.hold = hold;
            self.publish(desk);
        }
    }

    const fn local_hold(&self) -> LocalHold {
        match (self.hold_refused, self.hold_wanted) {
            (_, true) if !self.hold_agreed || self.hold_in_flight => {
                LocalHold::Asked(HoldWish::Hold)
            }
            (_, false) if !self.hold_agreed || self.hold_in_flight => {
                LocalHold::Asked(HoldWish::Resume)
            }
            (Some(wish), _) => LocalHold::Refused(wish),
            (None, true) => LocalHold::On,
            (None, false) => LocalHold::Off,
        }
    }

    /// The sound stops when the user wants to hold, not when the far end agrees, and goes on when it agreed
    /// to go on.
    fn follow_hold(&mut self, now: Instant, picture: &tandem_call::CallSnapshot) {
        let quiet = picture.local_hold || picture.hold_wish == Some(HoldWish::Hold);
        if quiet != self.quiet && !picture.state.is_ending_or_ended() {
            self.quiet = quiet;
            self.apply_direction(now);
        }
    }

    /// Once: the clock on the wall may be set later, and the timer on the screen goes on all the same.
    fn note_talking(&mut self, now: Instant, desk: &Desk) {
        let talking = match self.snapshot.state {
            CallState::Active { .. } | CallState::Held { .. } | CallState::Reconnecting { .. } => {
                true
            }
            CallState::Dialing
            | CallState::Ringing
            | CallState::EarlyMedia
            | CallState::Incoming
            | CallState::Connecting
            | CallState::Ending
            | CallState::Ended(_) => false,
        };
        if talking && self.snapshot.talking_since.is_none() {
            self.snapshot.talking_since = Some(self.moment(now, desk));
        }
    }

    fn note_accepted(&mut self, now: Instant, desk: &mut Desk) {
        self.accepted_at = Some(now);
        self.next_stats = Some(now + STATS_INTERVAL);
        self.next_alive = Some(now + ALIVE_INTERVAL);
        let wall = self.moment(now, desk);
        self.snapshot.accepted = Some(wall);
        self.attach_audio();
        self.ask_after_accept(now);
        desk.log(LogEntry::Accepted(self.id().clone(), wall));
    }

    pub(super) fn finish(&mut self, now: Instant, reason: EndReason, desk: &mut Desk) {
        if self.over {
            return;
        }
        self.over = true;
        if let Some(media) = &mut self.media {
            media.close(now);
        }
        self.take_media_outputs(now, desk);
        self.refresh();
        self.media = None;
        self.snapshot.state = CallState::Ended(reason);
        let ended = EndedCall {
            at: self.moment(now, desk),
            reason,
            media: BTreeSet::from([MediaKind::Audio]),
            quality: self.snapshot.quality,
            // Half a call in the clear is a call in the clear.
            encryption: self.weakest.unwrap_or(self.snapshot.encryption),
            trust: self.snapshot.trust,
            sender_device: None,
        };
        desk.push(Output::CloseMedia {
            call: self.id().clone(),
        });
        desk.log(LogEntry::Finish(self.id().clone(), ended));
        desk.tell(Event::Call(self.snapshot.clone()));
    }

    fn refresh(&mut self) {
        if let Some(media) = &self.media {
            self.snapshot.quality = media.stats();
        }
        if let Some(negotiated) = &self.negotiated {
            self.snapshot.codec = Some(negotiated.codec.token());
            self.snapshot.encryption = negotiated.encryption();
        }
    }

    pub(super) fn tell_stats(&mut self, desk: &mut Desk) {
        self.refresh();
        let quality = self.snapshot.quality;
        if let Some(media) = &mut self.media {
            let sample = media.sample();
            let stats = crate::CallStats {
                quality,
                level_in: sample.level_in_dbov,
                level_out: sample.level_out_dbov,
            };
            desk.tell(Event::Stats {
                call: self.id().clone(),
                stats,
            });
        }
    }
}
