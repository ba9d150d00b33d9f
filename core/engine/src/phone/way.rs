//! The way a call's packets take: sought, open, lost, and sought anew.
//!
//! ```text
//!   sockets open ── gather ──► gathered ── descriptions agreed ──► checks, keys ──► open
//!                                                                                   │ ▲
//!                                 re-INVITE with new credentials ◄── restart needed ▼ │
//!                                                                              lost ──┘
//! ```
//!
//! Without ICE a way is open as soon as both sides know each other's address. The next way is sought beside the
//! one in use, so asking for a restart interrupts nothing.

use std::time::{Duration, Instant};

use tandem_call::LegEvent;
use tandem_media::{TransportEvent, TransportFailure, negotiate};
use tandem_types::media::{IceDescription, IceUpdate, Stream, StreamKind};
use tandem_types::{Encryption, EndReason, MediaDescription, MediaKind};

use super::active::ActiveCall;
use super::desk::Desk;
use super::gathering::Gathering;

/// When a restart that could not be asked for, or was refused, is tried again (RFC 3261 §14.1 draws from 2.1 to
/// 4 s for a glare).
const RESTART_AGAIN: Duration = Duration::from_secs(3);
/// Candidates taken of one description and what follows it; the transport reads no more either.
const MAX_CANDIDATES: usize = 64;

/// How far a call is with its way.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Whether what this side will tell is complete.
    pub(super) gathering: Gathering,
    /// Both sides said yes, so that an open way counts.
    agreed: bool,
    connected: bool,
    secured: bool,
    lost: bool,
    /// A re-INVITE with new credentials waits for its answer.
    restarting: bool,
    restart_at: Option<Instant>,
}

impl Way {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let times = [self.restart_at, self.gathering.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// Nobody is called any more; what was gathered stays.
    pub(super) fn start_over(&mut self) {
        *self = Self {
            gathering: self.gathering,
            ..Self::default()
        };
    }
}

impl ActiveCall {
    /// Whether both sides do ICE, which then knows better than silence whether the far end is there.
    pub(super) fn has_ice(&self) -> bool {
        self.negotiated
            .as_ref()
            .is_some_and(|agreed| agreed.ice.is_some())
    }

    /// Both sides said yes to each other: the way counts once it is open, and no other fork takes it over.
    pub(super) fn agree_on_way(&mut self, now: Instant) {
        self.way.agreed = true;
        if let Some(media) = &mut self.media {
            media.settle();
        }
        self.note_way(now);
    }

    /// An answer came. Before the accept it may be another fork's, and what is known of the way to the one before says
    /// nothing of this one's.
    pub(super) fn note_answered_way(&mut self) {
        let Some(media) = self.media.as_ref().filter(|_| !self.way.agreed) else {
            return;
        };
        self.way.connected = media.is_connected();
        self.way.secured = media
            .encryption()
            .is_some_and(|encryption| encryption != Encryption::None);
        self.way.lost &= self.way.connected;
    }

    /// Says that media can flow, if it can.
    pub(super) fn note_way(&mut self, now: Instant) {
        let keyed = self.way.secured
            || self
                .negotiated
                .as_ref()
                .is_some_and(|agreed| agreed.encryption() == Encryption::None);
        if self.way.agreed && self.way.connected && keyed && !self.way.lost {
            self.leg_event(now, LegEvent::TransportConnected);
        }
    }

    pub(super) fn take_transport_event(
        &mut self,
        now: Instant,
        event: TransportEvent,
        desk: &mut Desk,
    ) {
        match event {
            TransportEvent::GatheringDone => self.note_gathered(now, desk),
            // Descriptions wait for all of them (half trickle, RFC 8838 §16).
            TransportEvent::Candidate(_) => self.note_candidate(now, desk),
            TransportEvent::Connected => {
                self.way.connected = true;
                self.way.lost = false;
                self.note_way(now);
            }
            TransportEvent::Secured { certificates, .. } => {
                self.way.secured = true;
                if let Some(shown) = certificates {
                    self.take_certificates(&shown.local, &shown.remote, desk);
                }
                self.note_way(now);
            }
            TransportEvent::PathLost { .. } => {
                self.way.lost = true;
                self.leg_event(now, LegEvent::TransportLost);
            }
            TransportEvent::PathBack | TransportEvent::PathChanged => {
                self.way.lost = false;
                self.way.restart_at = None;
                self.note_way(now);
            }
            TransportEvent::RestartNeeded => self.restart_ice(now, desk),
            TransportEvent::Failed(failure) => self.give_up_way(now, failure, desk),
            _ => {}
        }
    }

    /// Candidates that the far end found after it had described its media. Those of a caller who is not answered
    /// yet wait for the answer in its offer.
    pub(super) fn take_candidates(&mut self, now: Instant, updates: &[IceUpdate]) {
        let offered = self.their_offer.as_mut().and_then(audio_mut);
        let ours = self.local.as_ref().and_then(audio);
        let mid = offered
            .as_deref()
            .or(ours)
            .and_then(|stream| stream.mid.clone());
        let is_audio = |update: &&IceUpdate| {
            let named = update.mid.as_ref().zip(mid.as_ref());
            named.is_none_or(|(theirs, ours)| theirs == ours)
        };
        let updates = updates.iter().filter(is_audio);
        let transport = offered.and_then(|stream| stream.transport.as_mut());
        if let Some(ice) = transport.and_then(|transport| transport.ice.as_mut()) {
            for update in updates {
                if !is_of(update, ice) {
                    continue;
                }
                // Each INFO repeats what was told before (RFC 8840 §4.4).
                let is_new = |line: &&String| !ice.candidates.contains(line);
                let room = MAX_CANDIDATES.saturating_sub(ice.candidates.len());
                let new: Vec<_> = update
                    .candidates
                    .iter()
                    .filter(is_new)
                    .take(room)
                    .cloned()
                    .collect();
                ice.candidates.extend(new);
            }
            return;
        }
        let Some(media) = &mut self.media else {
            return;
        };
        for update in updates {
            let fragment = update.username_fragment.as_deref();
            for line in update.candidates.iter().take(MAX_CANDIDATES) {
                if let Err(error) = media.add_remote_candidate(now, line, fragment) {
                    tracing::debug!(%error, "a candidate is left out");
                }
            }
        }
    }

    pub(super) fn check_restart(&mut self, now: Instant, desk: &mut Desk) {
        if self.way.restart_at.is_some_and(|at| at <= now) {
            self.way.restart_at = None;
            self.restart_ice(now, desk);
        }
    }

    /// A re-INVITE was refused: one that asked for a restart is asked again, as long as the way is lost.
    pub(super) fn note_restart_refused(&mut self, now: Instant) {
        if std::mem::take(&mut self.way.restarting) && self.way.lost {
            self.way.restart_at = now.checked_add(RESTART_AGAIN);
        }
    }

    /// The far end's `offer` may restart ICE: the answer then comes with new credentials.
    pub(super) fn follow_restart(&mut self, now: Instant, offer: &MediaDescription) {
        let restarts = |agreed| negotiate::restarts_ice(offer, agreed);
        if self.negotiated.as_ref().is_some_and(restarts)
            && let Some(media) = &mut self.media
            && let Err(error) = media.restart(now)
        {
            tracing::warn!(call = %self.id(), %error, "ICE is not restarted");
        }
    }

    /// Asks the far end to look for another way, with a re-INVITE of new credentials (RFC 8839 §4.4.1.1.1).
    fn restart_ice(&mut self, now: Instant, desk: &mut Desk) {
        if !self.way.agreed || self.machine.state().is_ending_or_ended() {
            return;
        }
        let restarted = self.media.as_mut().map(|media| media.restart(now));
        if let Some(Err(error)) = restarted {
            tracing::warn!(call = %self.id(), %error, "ICE is not restarted");
            return;
        }
        let busy = self.our_offer.is_some() || self.asked_offer.is_some();
        let offer = self.later_offer(self.holding, desk).filter(|_| !busy);
        let asked = offer.map(|offer| {
            let asked = self.with_agent(desk, |agent, session| {
                agent.reinvite(now, session, Some(offer.clone()))
            });
            if asked.is_ok() {
                self.our_offer = Some(offer.clone());
                self.local = Some(offer);
            }
            asked.is_ok()
        });
        self.way.restarting = asked == Some(true);
        if !self.way.restarting {
            self.way.restart_at = now.checked_add(RESTART_AGAIN);
        }
    }

    /// The transport cannot go on as agreed.
    fn give_up_way(&mut self, now: Instant, failure: TransportFailure, desk: &mut Desk) {
        tracing::warn!(call = %self.id(), %failure, "the transport failed");
        if !self.way.agreed {
            // One fork of several, maybe; what is accepted in the end counts.
            return;
        }
        let verdict = match failure {
            // The signalling says goodbye as well, and with a reason; if it does not, the way is lost soon.
            TransportFailure::Closed => return,
            TransportFailure::NoPath => EndReason::NetworkLost,
            _ => EndReason::MediaIncompatible,
        };
        self.verdict = Some(verdict);
        let _ = self.with_agent(desk, |agent, session| agent.hang_up(now, session, None));
    }
}

fn is_audio(stream: &Stream) -> bool {
    stream.kind == StreamKind::Known(MediaKind::Audio) && stream.transport.is_some()
}

fn audio(description: &MediaDescription) -> Option<&Stream> {
    description.streams.iter().find(|stream| is_audio(stream))
}

fn audio_mut(description: &mut MediaDescription) -> Option<&mut Stream> {
    description
        .streams
        .iter_mut()
        .find(|stream| is_audio(stream))
}

/// Whether the candidates belong to the generation that was described.
fn is_of(update: &IceUpdate, described: &IceDescription) -> bool {
    let fragment = update.username_fragment.as_ref();
    fragment.is_none_or(|fragment| *fragment == described.username_fragment)
}
