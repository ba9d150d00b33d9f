//! Lists of formats: what we offer, what we share, what may arrive.

use tandem_types::media::{Codec, Stream};

use super::{AnswerOrder, Capabilities, PayloadFormat, ReceiveMap};
use crate::codecs::AudioCodec;

/// A peer may list any number of formats; nobody needs more than this.
const MAX_FORMATS: usize = 64;

/// Dynamic payload types (RFC 3551 §6), in the order we give them out. Not 102–127 first: some old gear
/// only knows 96–101.
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
const OPUS: u8 = 96;
const EVENT_48K: u8 = 97;
const EVENT_8K: u8 = 101;

/// `codecs` and the DTMF formats for their clocks, under the numbers that `used` gave them before, if any.
pub(super) fn offered_formats(codecs: &[AudioCodec], used: &[Codec]) -> Vec<Codec> {
    let mut formats: Vec<Codec> = Vec::new();
    let mut wanted: Vec<(Codec, u8)> = Vec::new();
    for codec in codecs {
        let preferred = codec.static_payload_type().unwrap_or(OPUS);
        wanted.push((audio_format(*codec, preferred), preferred));
    }
    for (clock_rate, preferred) in [(48_000, EVENT_48K), (8_000, EVENT_8K)] {
        if codecs.iter().any(|codec| codec.clock_rate() == clock_rate) {
            wanted.push((event_format(clock_rate, preferred), preferred));
        }
    }
    for (format, preferred) in wanted {
        if formats.iter().any(|other| other.same_encoding(&format)) {
            continue;
        }
        let before = used.iter().find(|old| old.same_encoding(&format));
        // A number once bound to a format stays bound for the whole session (RFC 3264 §8.3.2).
        let free = |number: &u8| {
            let taken = |other: &Codec| other.payload_type == *number;
            !formats.iter().any(taken) && !used.iter().any(taken)
        };
        let number = before
            .map(|old| old.payload_type)
            .or_else(|| Some(preferred).filter(free))
            .or_else(|| DYNAMIC.into_iter().find(free));
        if let Some(payload_type) = number {
            formats.push(Codec {
                payload_type,
                ..format
            });
        }
    }
    formats
}

/// What of an offered stream we take, under the offer's own numbers: codecs in the order that decides,
/// then DTMF for the clocks of those codecs.
pub(super) fn common_formats(offered: &Stream, capabilities: &Capabilities) -> Vec<Codec> {
    let offered = || offered.codecs.iter().take(MAX_FORMATS);
    let mut taken: Vec<AudioCodec> = Vec::new();
    let mut formats: Vec<Codec> = Vec::new();
    for format in offered() {
        if let Some(codec) = AudioCodec::of(format)
            && capabilities.codecs.contains(&codec)
            && !taken.contains(&codec)
        {
            taken.push(codec);
            formats.push(Codec {
                parameters: parameters(codec),
                ..format.clone()
            });
        }
    }
    if capabilities.answer_order == AnswerOrder::Own {
        let rank = |format: &Codec| {
            let codec = AudioCodec::of(format)?;
            capabilities.codecs.iter().position(|own| *own == codec)
        };
        formats.sort_by_key(|format| rank(format).unwrap_or(usize::MAX));
    }
    let mut clocks: Vec<u32> = Vec::new();
    for event in offered().filter(|format| format.is_telephone_event()) {
        let rate = event.clock_rate;
        if taken.iter().any(|codec| codec.clock_rate() == rate) && !clocks.contains(&rate) {
            clocks.push(rate);
            formats.push(Codec {
                parameters: Some(EVENTS.to_owned()),
                ..event.clone()
            });
        }
    }
    formats
}

/// What may arrive under which number.
pub(super) fn receivable(formats: &[Codec]) -> ReceiveMap {
    let meaning = |format: &Codec| {
        if format.is_telephone_event() {
            let clock_rate = format.clock_rate;
            return Some(PayloadFormat::TelephoneEvent { clock_rate });
        }
        AudioCodec::of(format).map(PayloadFormat::Audio)
    };
    formats
        .iter()
        .filter_map(|format| Some((format.payload_type, meaning(format)?)))
        .collect()
}

/// The sixteen DTMF keys.
const EVENTS: &str = "0-15";

fn parameters(codec: AudioCodec) -> Option<String> {
    match codec {
        AudioCodec::Opus => Some("minptime=10;useinbandfec=1".to_owned()),
        AudioCodec::G722 | AudioCodec::Pcmu | AudioCodec::Pcma => None,
    }
}

fn audio_format(codec: AudioCodec, payload_type: u8) -> Codec {
    Codec {
        payload_type,
        name: codec.encoding_name().to_owned(),
        clock_rate: codec.clock_rate(),
        channels: codec.channels(),
        parameters: parameters(codec),
    }
}

fn event_format(clock_rate: u32, payload_type: u8) -> Codec {
    Codec {
        payload_type,
        name: "telephone-event".to_owned(),
        clock_rate,
        channels: 1,
        parameters: Some(EVENTS.to_owned()),
    }
}
