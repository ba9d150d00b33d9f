//! One side of one dialog's offers and answers (RFC 3264), as far as SDP itself is concerned.

use std::mem;
use std::net::IpAddr;

use tandem_types::media::Stream;
use tandem_types::{Direction, Entropy, MediaDescription};

use super::bundle::{self, is_bundle_only};
use super::codecs::about;
use super::description::{Attribute, MediaSection, Origin, SessionDescription};
use super::error::SdpError;
use super::from_media::{direction_word, from_media, live_transport, media_word};
use super::profile::Profile;
use super::to_media::{direction, known_kind};

/// Writes this side's descriptions of one session, from the first offer or answer to the last.
#[derive(Clone, Debug)]
pub struct SdpSession {
    session_id: u64,
    version: u64,
    address: IpAddr,
    /// What was sent last: the next version is compared with it.
    last: Option<SessionDescription>,
    /// This side's m-lines of the session as it stands.
    places: Vec<MediaSection>,
    /// The same from before an offer that is still open.
    places_before: Vec<MediaSection>,
}

impl SdpSession {
    /// A new session. `address` is only for `o=`, where it stays the same for good (RFC 3264 §8), even when
    /// the phone moves to another network.
    pub fn new(address: IpAddr, entropy: &mut dyn Entropy) -> Self {
        // RFC 3264 §5 wants numbers below 2⁶³; the version has room to grow either way.
        Self {
            session_id: entropy.next_u64() >> 2,
            version: 1,
            address,
            last: None,
            places: Vec::new(),
            places_before: Vec::new(),
        }
    }

    /// What this side said last.
    pub const fn last(&self) -> Option<&SessionDescription> {
        self.last.as_ref()
    }

    /// An offer, first or later, in a request or in the answer to a request without one.
    ///
    /// The m-lines of the session stay where they are: streams that `media` no longer has are kept with
    /// port 0, and the protocol of each stays as first agreed. The version grows only if something changed,
    /// so that a session refresh repeats itself (RFC 4028 §7.4).
    pub fn offer(&mut self, media: &MediaDescription) -> Result<SessionDescription, SdpError> {
        check_addresses(media)?;
        let mut offer = from_media(media, &self.origin());
        for (index, before) in self.places.iter().enumerate() {
            match offer.media.get_mut(index) {
                Some(section) => keep_place(section, before, media.streams.get(index)),
                None => offer.media.push(rejection(before)),
            }
        }
        bundle::prune(&mut offer);
        self.places_before = mem::replace(&mut self.places, offer.media.clone());
        Ok(self.publish(offer))
    }

    /// The last offer was refused as a whole (488, 491, a cancelled re-INVITE): the session stands as it
    /// did before it, and m-lines that it would have added keep no place. Its version is used up.
    pub fn offer_refused(&mut self) {
        self.places.clone_from(&self.places_before);
    }

    /// The answer to `offer`: as many m-lines, in the same order, with the same protocols and ids.
    ///
    /// Streams that `media` lacks or rejects are rejected with the offer's own formats; a direction that
    /// the offer does not allow is narrowed (RFC 3264 §6.1). `media` must have the kinds of the offer in the
    /// offer's order.
    pub fn answer(
        &mut self,
        offer: &SessionDescription,
        media: &MediaDescription,
    ) -> Result<SessionDescription, SdpError> {
        check_addresses(media)?;
        if media.streams.len() > offer.media.len() {
            return Err(SdpError::AnswerDoesNotFit {
                index: offer.media.len(),
            });
        }
        let mut answer = from_media(media, &self.origin());
        let mut drafts = mem::take(&mut answer.media).into_iter();
        for (index, offered) in offer.media.iter().enumerate() {
            let section = match (drafts.next(), media.streams.get(index)) {
                (Some(draft), Some(stream)) => {
                    answer_section(offer, offered, draft, stream, index)?
                }
                (_, _) => rejection(offered),
            };
            answer.media.push(section);
        }
        bundle::prune(&mut answer);
        self.places.clone_from(&answer.media);
        self.places_before.clone_from(&answer.media);
        Ok(self.publish(answer))
    }

    fn origin(&self) -> Origin {
        Origin::new("-", self.session_id, self.version, self.address)
    }

    fn publish(&mut self, mut description: SessionDescription) -> SessionDescription {
        if let Some(last) = &self.last {
            if last.says_the_same_as(&description) {
                return last.clone();
            }
            self.version = self.version.saturating_add(1);
            description.origin = self.origin();
        }
        self.last = Some(description.clone());
        description
    }
}

/// An address to send to is an address, except under ICE.
fn check_addresses(media: &MediaDescription) -> Result<(), SdpError> {
    for (index, stream) in media.streams.iter().enumerate() {
        let nowhere = live_transport(stream).is_some_and(|transport| {
            transport.rtp.ip().is_unspecified() && transport.ice.is_none()
        });
        if nowhere {
            return Err(SdpError::UnspecifiedAddress { index });
        }
    }
    Ok(())
}

/// Gives a later offer's m-line the protocol it had before, and its formats if it is over.
fn keep_place(section: &mut MediaSection, before: &MediaSection, stream: Option<&Stream>) {
    if !section.media.eq_ignore_ascii_case(&before.media) {
        return;
    }
    match stream.and_then(live_transport) {
        Some(transport) => {
            let fits = Profile::of(&before.protocol)
                .is_some_and(|p| p.carries(transport) && p.feedback == transport.feedback);
            if fits {
                section.protocol.clone_from(&before.protocol);
            }
        }
        None => *section = rejection(before),
    }
}

fn answer_section(
    offer: &SessionDescription,
    offered: &MediaSection,
    mut draft: MediaSection,
    stream: &Stream,
    index: usize,
) -> Result<MediaSection, SdpError> {
    let named = media_word(&stream.kind);
    if !named.eq_ignore_ascii_case(&offered.media) {
        return Err(SdpError::AnswerDoesNotFit { index });
    }
    let Some(transport) =
        live_transport(stream).filter(|_| !offered.is_rejected() || is_bundle_only(offered))
    else {
        return Ok(rejection(offered));
    };
    let profile = Profile::of(&offered.protocol).filter(|_| known_kind(&offered.media).is_some());
    if !profile.is_some_and(|profile| profile.carries(transport)) {
        return Err(SdpError::OtherProtection { index });
    }
    draft.protocol.clone_from(&offered.protocol);
    let said = direction_word(stream.direction);
    let allowed = Direction::answer_to(direction(offer, offered), stream.direction);
    for attribute in draft
        .attributes
        .iter_mut()
        .filter(|attribute| attribute.is(said))
    {
        *attribute = Attribute::flag(direction_word(allowed));
    }
    draft.attributes.retain(|attribute| !attribute.is("mid"));
    draft.attributes.extend(mid_of(offered));
    Ok(draft)
}

/// The m-line that rejects `offered`: port 0 and the same formats (RFC 3264 §6). Their maps are repeated,
/// since there are parsers that want one even here.
fn rejection(offered: &MediaSection) -> MediaSection {
    let listed = |value: &str| {
        offered.formats.iter().any(|format| {
            format
                .parse()
                .is_ok_and(|payload_type| about(value, payload_type).is_some())
        })
    };
    let maps = offered
        .attributes_named("rtpmap")
        .filter(|value| listed(value));
    let mut attributes: Vec<Attribute> = maps.map(|map| Attribute::new("rtpmap", map)).collect();
    attributes.extend(mid_of(offered));
    MediaSection {
        media: offered.media.clone(),
        port: 0,
        port_count: None,
        protocol: offered.protocol.clone(),
        formats: offered.formats.clone(),
        connection: None,
        lines: Vec::new(),
        attributes,
    }
}

fn mid_of(section: &MediaSection) -> Option<Attribute> {
    Some(Attribute::new("mid", bundle::mid(section)?))
}
