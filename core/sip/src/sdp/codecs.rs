//! Formats: payload types, `a=rtpmap`, `a=fmtp` (RFC 8866 §6.6, §6.15), and the types that need neither.

use tandem_types::media::Codec;

use super::description::{Attribute, MediaSection};

/// The highest payload type RTP can carry.
const MAX_PAYLOAD_TYPE: u8 = 127;

/// The formats of an RTP m-line that are understood, in its order, each payload type once. Formats that
/// nothing explains are left out.
pub(super) fn read(section: &MediaSection) -> Vec<Codec> {
    let mut codecs: Vec<Codec> = Vec::new();
    for format in &section.formats {
        let Ok(payload_type) = format.parse::<u8>() else {
            continue;
        };
        if payload_type > MAX_PAYLOAD_TYPE
            || codecs
                .iter()
                .any(|codec| codec.payload_type == payload_type)
        {
            continue;
        }
        let Some((name, clock_rate, channels)) = encoding(section, payload_type) else {
            continue;
        };
        codecs.push(Codec {
            payload_type,
            name,
            clock_rate,
            channels,
            parameters: parameters(section, payload_type),
        });
    }
    codecs
}

/// Whether `codec` can be written.
pub(super) fn is_writable(codec: &Codec) -> bool {
    codec.payload_type <= MAX_PAYLOAD_TYPE && !codec.name.is_empty() && codec.clock_rate > 0
}

/// The attributes of `codec`. The map is written for static types, too: nobody minds and some want it.
pub(super) fn write(codec: &Codec, attributes: &mut Vec<Attribute>) {
    let Codec {
        payload_type,
        name,
        clock_rate,
        channels,
        parameters,
    } = codec;
    let map = match channels {
        0 | 1 => format!("{payload_type} {name}/{clock_rate}"),
        2.. => format!("{payload_type} {name}/{clock_rate}/{channels}"),
    };
    attributes.push(Attribute::new("rtpmap", map));
    if let Some(parameters) = parameters {
        attributes.push(Attribute::new(
            "fmtp",
            format!("{payload_type} {parameters}"),
        ));
    }
}

/// The part of an `a=rtpmap` or `a=fmtp` value that is about `payload_type`.
pub(super) fn about(value: &str, payload_type: u8) -> Option<&str> {
    let (number, rest) = value
        .trim_start()
        .split_once(|c: char| c.is_ascii_whitespace())?;
    (number.parse() == Ok(payload_type)).then(|| rest.trim())
}

fn encoding(section: &MediaSection, payload_type: u8) -> Option<(String, u32, u8)> {
    let mut maps = section
        .attributes_named("rtpmap")
        .filter_map(|map| about(map, payload_type));
    let Some(map) = maps.next() else {
        return static_encoding(payload_type);
    };
    let mut parts = map.split('/').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    // Video maps have no third part, and some write an empty or odd one.
    let channels = parts
        .next()
        .and_then(|count| count.parse().ok())
        .filter(|n| *n > 0);
    Some((name.to_owned(), clock_rate, channels.unwrap_or(1)))
}

fn parameters(section: &MediaSection, payload_type: u8) -> Option<String> {
    let all: Vec<&str> = section
        .attributes_named("fmtp")
        .filter_map(|value| about(value, payload_type))
        .filter(|value| !value.is_empty())
        .collect();
    (!all.is_empty()).then(|| all.join(";"))
}

/// The payload types that RFC 3551 §6 assigned for good: name, clock rate, channels.
fn static_encoding(payload_type: u8) -> Option<(String, u32, u8)> {
    let (name, clock_rate, channels) = match payload_type {
        0 => ("PCMU", 8_000, 1),
        3 => ("GSM", 8_000, 1),
        4 => ("G723", 8_000, 1),
        5 => ("DVI4", 8_000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8_000, 1),
        8 => ("PCMA", 8_000, 1),
        // 8000 by an error that became the rule (RFC 3551 §4.5.2).
        9 => ("G722", 8_000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8_000, 1),
        // 19 is the number CN had before RFC 3389.
        13 | 19 => ("CN", 8_000, 1),
        14 => ("MPA", 90_000, 1),
        15 => ("G728", 8_000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8_000, 1),
        25 => ("CelB", 90_000, 1),
        26 => ("JPEG", 90_000, 1),
        28 => ("nv", 90_000, 1),
        31 => ("H261", 90_000, 1),
        32 => ("MPV", 90_000, 1),
        33 => ("MP2T", 90_000, 1),
        34 => ("H263", 90_000, 1),
        _ => return None,
    };
    Some((name.to_owned(), clock_rate, channels))
}
