//! One call: its machine, its leg's session, its media, and the picture a screen has of it.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tandem_call::{Call, CallDirection, HoldWish, LegEvent, Output as CallOutput};
use tandem_media::io::{AudioSink, AudioSource};
use tandem_media::{MediaSession, Negotiated, Protection};
use tandem_sip::agent::SessionId;
use tandem_sip::message::Uri;
use tandem_store::{NewCall, Trust, UnixMillis};
use tandem_types::{
    AccountId, Address, CallId, CallQuality, Encryption, EndReason, LegId, MediaDescription,
    MediaKind, Pii, Protocol,
};

use super::desk::Desk;
use super::verifying::Verifying;
use super::way::Way;
use super::{Audio, LogEntry};
use crate::{CallSnapshot, KeyCount, LocalHold};

/// How often the app hears how a call sounds.
pub(super) const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// How often the row of a running call is refreshed, so that an interrupted one has an end that is about
/// right.
pub(super) const ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// What waits for the media sockets to open, or for the addresses to tell.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Waiting {
    #[default]
    Nothing,
    /// The INVITE.
    ToDial,
    /// Another INVITE, after a refusal of the first one's media.
    ToDialAgain,
    /// The answer to theirs.
    ToAnswer,
}

/// Whether the far end is known to be there while nothing is heard of its media.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Liveness {
    /// Media is coming in, or never came so far.
    #[default]
    Heard,
    /// Silence, and no answered call yet to ask in.
    Unasked,
    /// Silence; it was asked by signalling, and has until then to answer.
    Asked { until: Instant },
    /// It did not answer; asked again then.
    Lost { again: Instant },
    /// Silent, but it answered; asked again then.
    Quiet { again: Instant },
}

pub(super) struct ActiveCall {
    pub(super) machine: Call,
    pub(super) leg: LegId,
    pub(super) account: AccountId,
    peer: Address,
    pub(super) target: Option<Uri>,
    pub(super) session: Option<SessionId>,
    pub(super) waiting: Waiting,
    pub(super) media: Option<MediaSession>,
    /// The microphone, until both sides said yes: nothing of it leaves before.
    pub(super) source: Option<Box<dyn AudioSource>>,
    /// The ear, until there is something to hear.
    pub(super) sink: Option<Box<dyn AudioSink>>,
    /// Our last description, offer or answer: a later offer keeps its streams.
    pub(super) local: Option<MediaDescription>,
    /// The offer in our INVITE or re-INVITE that waits for its answer.
    pub(super) our_offer: Option<MediaDescription>,
    /// Our offer that the far end asked for, by an INVITE without one: its ACK brings the answer.
    pub(super) asked_offer: Option<MediaDescription>,
    /// Their offer that waits for ours.
    pub(super) their_offer: Option<MediaDescription>,
    pub(super) negotiated: Option<Negotiated>,
    /// What else to offer should the far end refuse.
    pub(super) protections: VecDeque<Protection>,
    /// The far end took the call, and was offered another protection before it counts.
    pub(super) accept_waits: bool,
    /// The least protection the call ever had.
    pub(super) weakest: Option<Encryption>,
    /// What the far end was told last: that this side holds, or not.
    pub(super) holding: bool,
    /// Whether the microphone is closed because this side holds or wants to.
    pub(super) quiet: bool,
    /// A re-offer for a hold or a resume is on its way.
    pub(super) hold_in_flight: bool,
    /// The last wish the far end refused, until the next wish.
    pub(super) hold_refused: Option<HoldWish>,
    /// Whether this side holds, or wants to.
    pub(super) hold_wanted: bool,
    /// The far end agreed to that.
    pub(super) hold_agreed: bool,
    /// The far end takes no keys, or as many as wait are too many: for whoever asked last.
    pub(super) keys_refused: bool,
    pub(super) remote_hold: bool,
    /// Why the call cannot go on, where this side knows better than the last SIP status.
    pub(super) verdict: Option<EndReason>,
    pub(super) accepted_at: Option<Instant>,
    /// Whether the far end, or somebody on its behalf, ever said that it is being tried.
    pub(super) reached: bool,
    pub(super) heard: bool,
    pub(super) played: bool,
    pub(super) liveness: Liveness,
    pub(super) next_stats: Option<Instant>,
    pub(super) next_alive: Option<Instant>,
    pub(super) snapshot: CallSnapshot,
    /// The latest moment that was written down: a clock that is set back must not end a call before it
    /// began.
    latest: UnixMillis,
    pub(super) rung: bool,
    pub(super) over: bool,
    pub(super) verifying: Verifying,
    pub(super) way: Way,
}

impl ActiveCall {
    #[expect(
        clippy::too_many_arguments,
        reason = "the facts of a call are what they are"
    )]
    pub(super) fn outgoing(
        now: Instant,
        id: CallId,
        leg: LegId,
        account: AccountId,
        peer: Address,
        target: Uri,
        audio: Audio,
        desk: &Desk,
    ) -> Self {
        let machine = Call::outgoing(now, id.clone(), desk.config.call.clone(), [leg]);
        let mut call = Self::new(
            now,
            id,
            leg,
            account,
            peer,
            machine,
            CallDirection::Outgoing,
            desk,
        );
        call.target = Some(target);
        call.source = Some(audio.source);
        call.sink = Some(audio.sink);
        call
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the facts of a call are what they are"
    )]
    pub(super) fn incoming(
        now: Instant,
        id: CallId,
        leg: LegId,
        account: AccountId,
        peer: Address,
        session: SessionId,
        offer: Option<MediaDescription>,
        desk: &Desk,
    ) -> Self {
        let machine = Call::incoming(now, id.clone(), leg, desk.config.call.clone());
        let mut call = Self::new(
            now,
            id,
            leg,
            account,
            peer,
            machine,
            CallDirection::Incoming,
            desk,
        );
        call.session = Some(session);
        call.reached = true;
        call.remote_hold = offer.as_ref().is_some_and(super::media::holds_us);
        call.their_offer = offer;
        call
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the facts of a call are what they are"
    )]
    fn new(
        now: Instant,
        id: CallId,
        leg: LegId,
        account: AccountId,
        peer: Address,
        machine: Call,
        direction: CallDirection,
        desk: &Desk,
    ) -> Self {
        let started = desk.wall(now);
        let snapshot = CallSnapshot {
            id,
            account,
            peer: Pii::new(peer.to_string()),
            peer_name: None,
            direction,
            state: machine.state(),
            talking_since: None,
            started,
            accepted: None,
            codec: None,
            encryption: Encryption::None,
            safety_phrase: None,
            trust: Trust::Unverified,
            muted: false,
            hold: LocalHold::Off,
            keys: KeyCount::default(),
            quality: CallQuality::default(),
        };
        Self {
            machine,
            leg,
            account,
            peer,
            target: None,
            session: None,
            waiting: Waiting::Nothing,
            media: None,
            source: None,
            sink: None,
            local: None,
            our_offer: None,
            asked_offer: None,
            their_offer: None,
            negotiated: None,
            protections: VecDeque::new(),
            accept_waits: false,
            weakest: None,
            holding: false,
            quiet: false,
            hold_in_flight: false,
            hold_refused: None,
            hold_wanted: false,
            hold_agreed: true,
            keys_refused: false,
            remote_hold: false,
            verdict: None,
            accepted_at: None,
            reached: false,
            heard: false,
            played: false,
            liveness: Liveness::Heard,
            next_stats: None,
            next_alive: None,
            snapshot,
            latest: started,
            rung: false,
            over: false,
            verifying: Verifying::Nothing,
            way: Way::default(),
        }
    }

    pub(super) const fn id(&self) -> &CallId {
        &self.snapshot.id
    }

    pub(super) const fn snapshot(&self) -> &CallSnapshot {
        &self.snapshot
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The moment by the clock on the wall, never before one that was written down.
    pub(super) fn moment(&mut self, now: Instant, desk: &Desk) -> UnixMillis {
        self.latest = self.latest.max(desk.wall(now));
        self.latest
    }

    pub(super) fn set_peer_name(&mut self, name: Option<Pii<String>>) {
        self.snapshot.peer_name = name;
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        self.snapshot.muted = muted;
        if let Some(media) = &mut self.media {
            // Keys may flow while this side holds; the microphone may not.
            media.set_muted(muted || self.quiet);
        }
    }

    /// The row the call begins with.
    pub(super) fn new_row(&self) -> NewCall {
        NewCall {
            id: self.id().clone(),
            direction: match self.snapshot.direction {
                CallDirection::Incoming => tandem_store::CallDirection::Incoming,
                CallDirection::Outgoing => tandem_store::CallDirection::Outgoing,
            },
            peer: Pii::new(self.peer.clone()),
            person: None,
            person_name: self.snapshot.peer_name.clone(),
            account: Some(self.account),
            protocol: Protocol::Sip,
            media: BTreeSet::from([MediaKind::Audio]),
            started: self.snapshot.started,
        }
    }

    /// Reports what happened to the leg.
    pub(super) fn leg_event(&mut self, now: Instant, event: LegEvent) {
        self.machine.handle_leg(now, self.leg, event);
    }

    /// Carries out what the machine and the media ask for. True if there was anything.
    pub(super) fn settle(&mut self, now: Instant, desk: &mut Desk) -> bool {
        let mut moved = false;
        while let Some(output) = self.machine.poll_output() {
            moved = true;
            match output {
                CallOutput::Leg(leg, command) if leg == self.leg => {
                    self.carry_out(now, command, desk);
                }
                // A leg this phone never made.
                CallOutput::Leg(..) => {}
                CallOutput::Event(event) => self.take_call_event(now, event, desk),
            }
        }
        moved |= self.take_media_outputs(now, desk);
        self.note_hold(desk);
        self.note_phrase(desk);
        moved
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, desk: &mut Desk) {
        self.machine.handle_timeout(now);
        if let Some(media) = &mut self.media {
            media.handle_timeout(now);
        }
        self.check_liveness(now, desk);
        self.check_restart(now, desk);
        self.check_gathering(now, desk);
        if self.next_stats.is_some_and(|at| at <= now) {
            self.next_stats = Some(now + STATS_INTERVAL);
            self.tell_stats(desk);
        }
        if self.next_alive.is_some_and(|at| at <= now) {
            self.next_alive = Some(now + ALIVE_INTERVAL);
            let wall = self.moment(now, desk);
            desk.log(LogEntry::Alive(
                self.id().clone(),
                wall,
                self.snapshot.quality,
            ));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let media = self.media.as_ref().and_then(MediaSession::poll_timeout);
        let asked = match self.liveness {
            Liveness::Heard | Liveness::Unasked => None,
            Liveness::Asked { until } => Some(until),
            Liveness::Lost { again } | Liveness::Quiet { again } => Some(again),
        };
        [
            self.machine.poll_timeout(),
            media,
            asked,
            self.next_stats,
            self.next_alive,
            self.way.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Ends a call whose own code is not asked any more: it panicked, or has no time to say goodbye.
    pub(super) fn abandon(&mut self, now: Instant, reason: EndReason, desk: &mut Desk) {
        if let Some(session) = self.session
            && let Ok(slot) = desk.slot(self.account)
        {
            let _ = slot.agent.hang_up(now, session, None);
            slot.sessions.remove(&session);
        }
        self.media = None;
        self.finish(now, reason, desk);
    }
}
