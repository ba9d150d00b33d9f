//! A call's media session: opened, started, listened to, and missed when it falls silent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_call::LegEvent;
use tandem_media::io::{NullSink, Silence};
use tandem_media::{
    Component, LocalSocket, MediaEvent, MediaSession, NegotiateError, Negotiated,
    Output as MediaOutput, SessionConfig, StreamId, StreamInput, TransportConfig,
};
use tandem_sip::message::StatusCode;
use tandem_types::media::{Direction, StreamKind};
use tandem_types::{MediaDescription, MediaKind};

use super::active::{ActiveCall, Liveness, Waiting};
use super::desk::Desk;
use super::servers::Servers;
use super::{Audio, COULD_NOT_BEGIN, MediaPorts, Output};
use crate::Event;

/// How long a far end that fell silent has to answer over signalling before the call counts as lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How long after the accept it is asked first, if it had fallen silent before.
const FIRST_ASK: Duration = Duration::from_secs(3);
/// How often it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(8);

impl ActiveCall {
    /// Takes the user's sound path, for when both sides have said yes.
    pub(super) fn give_audio(&mut self, audio: Audio) {
        self.source = Some(audio.source);
        self.sink = Some(audio.sink);
    }

    /// Lets the user hear.
    pub(super) fn attach_sink(&mut self) {
        if let Some(media) = &mut self.media
            && let Some(sink) = self.sink.take()
        {
            media.set_sink(sink);
        }
    }

    /// Lets the two hear each other.
    pub(super) fn attach_audio(&mut self) {
        self.attach_sink();
        if let Some(media) = &mut self.media
            && let Some(source) = self.source.take()
        {
            media.set_source(source);
            self.played = false;
        }
    }

    pub(super) fn handle_media_opened(
        &mut self,
        now: Instant,
        ports: &[MediaPorts],
        desk: &mut Desk,
    ) {
        if ports.is_empty() {
            self.verdict = Some(COULD_NOT_BEGIN);
            if self.session.is_some() {
                let status = StatusCode::SERVER_INTERNAL_ERROR;
                let _ = self.with_agent(desk, |agent, session| agent.reject(now, session, status));
            } else {
                self.waiting = Waiting::Nothing;
                self.leg_event(
                    now,
                    LegEvent::Ended {
                        reason: COULD_NOT_BEGIN,
                    },
                );
            }
            return;
        }
        let config = SessionConfig {
            source: Box::new(Silence),
            sink: Box::new(NullSink),
            muted: self.snapshot().muted || self.quiet,
            transport: TransportConfig {
                certificate: desk.certificate(),
                relay_only: desk.is_relayed_always(self.account),
                nat64: desk.servers(self.account).and_then(Servers::translator),
                ..TransportConfig::default()
            },
        };
        let mut media = MediaSession::new(now, desk.unix_time(now), config, (desk.entropy)());
        for (ports, rank) in ports.iter().zip(0..) {
            for (component, address) in [(Component::Rtp, ports.rtp), (Component::Rtcp, ports.rtcp)]
            {
                media.add_socket(
                    now,
                    LocalSocket {
                        component,
                        address,
                        rank,
                    },
                );
            }
        }
        self.media = Some(media);
        self.begin_gathering(now, desk);
        self.go_on(now, desk);
    }

    pub(super) fn handle_media_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
        desk: &mut Desk,
    ) {
        if let Some(media) = &mut self.media {
            media.handle_datagram(now, local, from, bytes);
        }
        self.take_media_outputs(now, desk);
    }

    pub(super) fn handle_media_stream(
        &mut self,
        now: Instant,
        id: StreamId,
        input: StreamInput<'_>,
        desk: &mut Desk,
    ) {
        if let Some(media) = &mut self.media {
            media.handle_stream(now, id, input);
        }
        self.take_media_outputs(now, desk);
    }

    /// From now on plays what `offer`, ours, allows to come before its answer (RFC 3264 §5.1).
    pub(super) fn listen(&mut self, now: Instant, offer: &MediaDescription) {
        if let Some(media) = &mut self.media {
            media.listen(now, offer);
        }
    }

    /// Begins, or changes, what flows.
    pub(super) fn start_media(&mut self, now: Instant, negotiated: Negotiated) {
        self.judge_keys(&negotiated.security);
        let encryption = negotiated.encryption();
        self.weakest = Some(
            self.weakest
                .map_or(encryption, |before| before.min(encryption)),
        );
        self.negotiated = Some(negotiated);
        self.apply_direction(now);
    }

    /// While this side holds, or wants to, nothing flows: the far end is told `sendonly`, and gets no
    /// microphone. Keys are the exception that `sendonly` allows: while some wait, they flow, and silence
    /// between them.
    pub(super) fn apply_direction(&mut self, now: Instant) {
        let Some(negotiated) = &self.negotiated else {
            return;
        };
        let mut effective = negotiated.clone();
        if self.quiet {
            let keys = self.snapshot.keys.waiting() && negotiated.direction.sends();
            effective.direction = Direction::of(keys, false);
        }
        if let Some(media) = &mut self.media {
            media.set_muted(self.snapshot.muted || self.quiet);
            let started = media.start(now, effective);
            if let Err(error) = started {
                tracing::warn!(call = %self.id(), %error, "media goes on as it was");
            }
        }
        self.note_answered_way();
    }

    pub(super) fn take_media_outputs(&mut self, now: Instant, desk: &mut Desk) -> bool {
        let mut moved = false;
        while let Some(output) = self.media.as_mut().and_then(MediaSession::poll_output) {
            moved = true;
            match output {
                MediaOutput::Transmit(datagram) => {
                    let call = self.id().clone();
                    desk.push(Output::Media { call, datagram });
                }
                MediaOutput::Stream(command) => {
                    let call = self.id().clone();
                    desk.push(Output::MediaStream { call, command });
                }
                MediaOutput::Transport(event) => self.take_transport_event(now, event, desk),
                MediaOutput::Event(event) => self.take_media_event(now, event, desk),
            }
        }
        if !self.played
            && self
                .media
                .as_ref()
                .is_some_and(MediaSession::source_finished)
        {
            self.played = true;
            desk.tell(Event::Played {
                call: self.id().clone(),
            });
        }
        moved
    }

    fn take_media_event(&mut self, now: Instant, event: MediaEvent, desk: &mut Desk) {
        let call = self.id().clone();
        match event {
            MediaEvent::FirstAudio => {
                self.heard = true;
                let after_accept = match self.accepted_at {
                    Some(accepted) => now.saturating_duration_since(accepted),
                    None => Duration::ZERO,
                };
                desk.tell(Event::FirstAudio { call, after_accept });
            }
            MediaEvent::Dtmf(digit) => desk.tell(Event::Dtmf { call, digit }),
            MediaEvent::DtmfSent(digit) => {
                self.snapshot.keys.played = self.snapshot.keys.played.saturating_add(1);
                desk.tell(Event::DtmfSent { call, digit });
                if !self.snapshot.keys.waiting() {
                    if self.quiet {
                        self.apply_direction(now);
                    }
                    self.publish(desk);
                }
            }
            // ICE asks by itself, on the way that the media takes.
            MediaEvent::Silent { .. } if self.has_ice() => {}
            MediaEvent::Silent { .. } => self.ask_whether_alive(now, desk),
            MediaEvent::Heard => {
                self.liveness = Liveness::Heard;
                self.note_way(now);
            }
            // The signalling says goodbye as well, and with a reason.
            MediaEvent::RemoteBye => {}
            _ => {}
        }
    }

    /// Silence alone proves nothing: a far end may have nothing to say. Signalling tells.
    fn ask_whether_alive(&mut self, now: Instant, desk: &mut Desk) {
        if self.accepted_at.is_none() {
            self.liveness = Liveness::Unasked;
            return;
        }
        self.liveness = Liveness::Asked {
            until: now + ANSWER_LIMIT,
        };
        let _ = self.with_agent(desk, |agent, session| agent.probe(now, session));
    }

    /// An early announcement may have ended long before the accept; from now on its silence counts.
    pub(super) fn ask_after_accept(&mut self, now: Instant) {
        if self.liveness == Liveness::Unasked {
            self.liveness = Liveness::Quiet {
                again: now + FIRST_ASK,
            };
        }
    }

    pub(super) fn note_alive(&mut self, now: Instant) {
        match self.liveness {
            Liveness::Heard | Liveness::Unasked => {}
            Liveness::Asked { .. } | Liveness::Lost { .. } | Liveness::Quiet { .. } => {
                self.liveness = Liveness::Quiet {
                    again: now + ASK_AGAIN,
                };
                self.note_way(now);
            }
        }
    }

    pub(super) fn check_liveness(&mut self, now: Instant, desk: &mut Desk) {
        match self.liveness {
            Liveness::Asked { until } if until <= now => {
                self.liveness = Liveness::Lost {
                    again: now + ASK_AGAIN,
                };
                self.leg_event(now, LegEvent::TransportLost);
            }
            Liveness::Lost { again } if again <= now => {
                self.liveness = Liveness::Lost {
                    again: now + ASK_AGAIN,
                };
                let _ = self.with_agent(desk, |agent, session| agent.probe(now, session));
            }
            Liveness::Quiet { again } if again <= now => self.ask_whether_alive(now, desk),
            Liveness::Heard
            | Liveness::Unasked
            | Liveness::Asked { .. }
            | Liveness::Lost { .. }
            | Liveness::Quiet { .. } => {}
        }
    }

    /// The call cannot go on with what the far end wants of its media.
    pub(super) fn give_up_media(&mut self, now: Instant, error: NegotiateError, desk: &mut Desk) {
        self.verdict = Some(self.reason_of_failure(error, desk));
        let _ = self.with_agent(desk, |agent, session| agent.hang_up(now, session, None));
    }
}

/// Whether a description puts its reader on hold: its audio does not want to receive, by direction or by
/// the unspecified address of old (RFC 3264 §8.4, RFC 2543).
pub(super) fn holds_us(description: &MediaDescription) -> bool {
    let audio = |kind: &StreamKind| *kind == StreamKind::Known(MediaKind::Audio);
    let mut live = description
        .streams
        .iter()
        .filter(|stream| audio(&stream.kind))
        .filter_map(|stream| {
            stream
                .transport
                .as_ref()
                .map(|transport| (stream, transport))
        });
    live.next().is_some_and(|(stream, transport)| {
        let nowhere = transport.rtp.ip().is_unspecified() && transport.ice.is_none();
        !stream.direction.receives() || nowhere
    })
}
