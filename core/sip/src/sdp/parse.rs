//! Text to lines. Lenient where phones are sloppy and the meaning is plain, bounded everywhere.

use std::str::FromStr;

use super::description::{Attribute, Connection, Line, MediaSection, Origin, SessionDescription};
use super::error::SdpError;

/// The longest description read, in bytes.
pub const MAX_SIZE: usize = 64 * 1024;
/// The most m-lines of one description.
pub const MAX_MEDIA: usize = 32;
/// The most attributes, and the most other lines, of the session or of one m-line.
pub const MAX_ATTRIBUTES: usize = 512;
/// The most formats of one m-line.
pub const MAX_FORMATS: usize = 128;

impl SessionDescription {
    /// Reads a description.
    ///
    /// Lines may end in CRLF, LF or CR; empty ones, and letters that RFC 8866 does not know, are skipped;
    /// `s=` and `t=` may be missing and lines of one section in any order. Text that is no UTF-8 is read
    /// with replacement characters: only names to be shown can hold such.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        if text.len() > MAX_SIZE {
            return Err(SdpError::TooLong);
        }
        let text = String::from_utf8_lossy(text);
        let mut lines = numbered_lines(&text);
        match lines.next() {
            Some((_, line)) if line.split_once('=').is_some_and(is_version_0) => {}
            Some(_) | None => return Err(SdpError::NotSdp),
        }
        read(lines)?.finish()
    }
}

/// The session's attributes and the m-lines of a body without the lines that make it a description
/// (RFC 8840 §9).
pub(super) fn parse_parts(text: &[u8]) -> Result<(Vec<Attribute>, Vec<MediaSection>), SdpError> {
    if text.len() > MAX_SIZE {
        return Err(SdpError::TooLong);
    }
    let text = String::from_utf8_lossy(text);
    let reader = read(numbered_lines(&text))?;
    Ok((reader.attributes, reader.media))
}

fn read<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Reader, SdpError> {
    let mut reader = Reader::default();
    for (line, text) in lines {
        let (letter, value) = split_line(text).ok_or(SdpError::BadLine { line })?;
        reader.line(line, letter, value)?;
    }
    Ok(reader)
}

impl FromStr for SessionDescription {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        Self::parse(text.as_bytes())
    }
}

#[derive(Default)]
struct Reader {
    origin: Option<Origin>,
    name: Option<String>,
    connection: Option<Connection>,
    lines: Vec<Line>,
    attributes: Vec<Attribute>,
    media: Vec<MediaSection>,
}

impl Reader {
    fn line(&mut self, number: usize, letter: char, value: &str) -> Result<(), SdpError> {
        let bad = SdpError::BadLine { line: number };
        match letter {
            'o' => {
                let origin = parse_origin(value).ok_or(bad)?;
                self.origin.get_or_insert(origin);
            }
            's' => {
                self.name.get_or_insert_with(|| value.trim().to_owned());
            }
            'm' => {
                if self.media.len() >= MAX_MEDIA {
                    return Err(SdpError::TooManyMedia);
                }
                self.media.push(parse_media(value, bad)?);
            }
            'c' => {
                let connection = parse_connection(value).ok_or(bad)?;
                // The further addresses of layered multicast are of no use to a call.
                match self.media.last_mut() {
                    Some(section) => section.connection.get_or_insert(connection),
                    None => self.connection.get_or_insert(connection),
                };
            }
            'a' => {
                let attribute = parse_attribute(value).ok_or(bad)?;
                let attributes = match self.media.last_mut() {
                    Some(section) => &mut section.attributes,
                    None => &mut self.attributes,
                };
                push_bounded(attributes, attribute)?;
            }
            'i' | 'b' | 'k' => {
                let lines = match self.media.last_mut() {
                    Some(section) => &mut section.lines,
                    None => &mut self.lines,
                };
                push_bounded(
                    lines,
                    Line {
                        letter,
                        value: value.to_owned(),
                    },
                )?;
            }
            'u' | 'e' | 'p' | 't' | 'r' | 'z' if self.media.is_empty() => {
                push_bounded(
                    &mut self.lines,
                    Line {
                        letter,
                        value: value.to_owned(),
                    },
                )?;
            }
            // A second v=, a session line after the first m-line, or a letter of the future.
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<SessionDescription, SdpError> {
        if !self.lines.iter().any(|line| line.letter == 't') {
            self.lines.push(Line::always());
        }
        Ok(SessionDescription {
            origin: self.origin.ok_or(SdpError::NoOrigin)?,
            name: self
                .name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "-".to_owned()),
            connection: self.connection,
            lines: self.lines,
            attributes: self.attributes,
            media: self.media,
        })
    }
}

/// The lines that are not empty, counted from 1 over all of them.
fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n')
        .enumerate()
        .flat_map(|(position, line)| line.split('\r').map(move |part| (position + 1, part)))
        .map(|(number, line)| (number, line.trim_end()))
        .filter(|(_, line)| !line.is_empty())
}

/// `x=value`; a space before the letter or around `=` is forgiven.
fn split_line(line: &str) -> Option<(char, &str)> {
    let (letter, value) = line.split_once('=')?;
    let mut letters = letter.trim().chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if !value.contains('\0') => Some((letter, value)),
        (_, _) => None,
    }
}

fn is_version_0((letter, value): (&str, &str)) -> bool {
    letter.trim() == "v" && value.trim() == "0"
}

/// `username id version IN IP4 address`; a username with spaces is forgiven.
fn parse_origin(value: &str) -> Option<Origin> {
    let mut words: Vec<&str> = value.split_whitespace().collect();
    let address = words.pop()?.to_owned();
    let address_type = words.pop()?.to_owned();
    let _network = words.pop()?;
    let version = words.pop()?.to_owned();
    let session_id = words.pop()?.to_owned();
    let username = match words.as_slice() {
        [] => "-".to_owned(),
        [_, ..] => words.join(" "),
    };
    Some(Origin {
        username,
        session_id,
        version,
        address_type,
        address,
    })
}

/// `IN IP4 address`.
fn parse_connection(value: &str) -> Option<Connection> {
    let mut words = value.split_whitespace();
    let (_network, address_type, address) = (words.next()?, words.next()?, words.next()?);
    Some(Connection {
        address_type: address_type.to_owned(),
        address: address.to_owned(),
    })
}

/// `name` or `name:value`.
fn parse_attribute(value: &str) -> Option<Attribute> {
    let (name, value) = match value.split_once(':') {
        Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
        None => (value.trim(), None),
    };
    (!name.is_empty()).then(|| Attribute {
        name: name.to_owned(),
        value,
    })
}

/// `audio 49170/2 RTP/AVP 0 8 97`.
fn parse_media(value: &str, bad: SdpError) -> Result<MediaSection, SdpError> {
    let mut words = value.split_whitespace();
    let (Some(media), Some(ports), Some(protocol)) = (words.next(), words.next(), words.next())
    else {
        return Err(bad);
    };
    let formats: Vec<String> = words.take(MAX_FORMATS + 1).map(str::to_owned).collect();
    if formats.len() > MAX_FORMATS {
        return Err(SdpError::TooManyFormats);
    }
    let (port, count) = match ports.split_once('/') {
        Some((port, count)) => (port, Some(count.parse::<u16>())),
        None => (ports, None),
    };
    let (Ok(port), Ok(port_count)) = (port.parse::<u16>(), count.transpose()) else {
        return Err(bad);
    };
    Ok(MediaSection {
        media: media.to_owned(),
        port,
        port_count,
        protocol: protocol.to_owned(),
        formats,
        connection: None,
        lines: Vec::new(),
        attributes: Vec::new(),
    })
}

fn push_bounded<T>(list: &mut Vec<T>, item: T) -> Result<(), SdpError> {
    if list.len() >= MAX_ATTRIBUTES {
        return Err(SdpError::TooManyAttributes);
    }
    list.push(item);
    Ok(())
}
