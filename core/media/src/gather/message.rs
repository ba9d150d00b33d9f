//! STUN messages (RFC 8489 §5), read strictly and within bounds.
//!
//! `rtc-stun` decodes and encodes; this adds what it leaves to its callers: the length must be the datagram's, what
//! follows MESSAGE-INTEGRITY is not trusted, a fingerprint must be right, and addresses have their whole length.

use std::net::{IpAddr, SocketAddr};

use rtc_stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_LIFETIME, ATTR_MAPPED_ADDRESS,
    ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::fingerprint::fingerprint_value;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, MAGIC_COOKIE,
    Message, MessageType, Method, TransactionId,
};
use thiserror::Error;

/// A larger message is not read: the longest that is of use carries one datagram of media.
pub const MAX_MESSAGE: usize = 4096;
/// Attributes looked at in one message.
const MAX_ATTRIBUTES: usize = 32;
const HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;

/// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §18.11), and its number in the drafts, which coturn 4.6 still knows it by. Whoever knows
/// neither, or one, passes over the other. `rtc-stun` has no names for them.
pub(super) const ATTR_ADDITIONAL_ADDRESS_FAMILY: AttrType = AttrType(0x8000);
pub(super) const ATTR_ADDITIONAL_ADDRESS_FAMILY_DRAFT: AttrType = AttrType(0x8032);

/// Why bytes are no STUN message.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum StunError {
    /// No STUN header, or its length is not that of the message.
    #[error("not a STUN message")]
    Header,
    /// Longer than [`MAX_MESSAGE`].
    #[error("the STUN message is too long")]
    TooLong,
    /// An attribute reaches beyond the end, or there are too many.
    #[error("the STUN message's attributes are damaged")]
    Attributes,
    /// It has a FINGERPRINT that is not its own.
    #[error("the STUN message's fingerprint is wrong")]
    Fingerprint,
}

/// The two bits of a message's class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StunClass {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The answer yes.
    Success,
    /// The answer no.
    Error,
}

/// A received message.
#[derive(Clone, Debug)]
pub struct StunMessage {
    message: Message,
    /// How many attributes stand before the first integrity attribute; all when there is none.
    trusted: usize,
}

impl StunMessage {
    /// Reads one message that fills `bytes` from end to end.
    ///
    /// # Errors
    /// It is not one, or not within bounds.
    pub fn parse(bytes: &[u8]) -> Result<Self, StunError> {
        let length = match bytes {
            [0..=63, _, high, low, ..] => u16::from_be_bytes([*high, *low]),
            _ => return Err(StunError::Header),
        };
        if bytes.len() > MAX_MESSAGE {
            return Err(StunError::TooLong);
        }
        if usize::from(length) + HEADER != bytes.len() || !length.is_multiple_of(4) {
            return Err(StunError::Header);
        }
        let cookie = MAGIC_COOKIE.to_be_bytes();
        if bytes.get(4..8) != Some(cookie.as_slice()) {
            return Err(StunError::Header);
        }
        count_attributes(bytes)?;
        let mut message = Message::new();
        message
            .unmarshal_binary(bytes)
            .map_err(|_| StunError::Attributes)?;
        let integrity = |kind: AttrType| {
            [ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256].contains(&kind)
        };
        let mut kinds = message.attributes.0.iter().map(|attribute| attribute.typ);
        let trusted = kinds.position(integrity);
        let trusted = trusted.unwrap_or(message.attributes.0.len());
        let read = Self { message, trusted };
        read.check_fingerprint()?;
        Ok(read)
    }

    /// Request, indication, success or error.
    pub fn class(&self) -> StunClass {
        match self.message.typ.class {
            CLASS_INDICATION => StunClass::Indication,
            CLASS_SUCCESS_RESPONSE => StunClass::Success,
            CLASS_ERROR_RESPONSE => StunClass::Error,
            // Two bits: what is left is CLASS_REQUEST.
            _ => StunClass::Request,
        }
    }

    /// What it is about: Binding, Allocate, …
    pub fn method(&self) -> Method {
        self.message.typ.method
    }

    /// Which request it belongs to.
    pub fn transaction(&self) -> TransactionId {
        self.message.transaction_id
    }

    /// The value of the first attribute of this kind that integrity covers, if the message has integrity at all.
    pub fn value(&self, kind: AttrType) -> Option<&[u8]> {
        let mut trusted = self.message.attributes.0.iter().take(self.trusted);
        let found = trusted.find(|attribute| attribute.typ == kind)?;
        Some(&found.value)
    }

    /// The value as text, if it is any.
    pub fn text(&self, kind: AttrType) -> Option<&str> {
        std::str::from_utf8(self.value(kind)?).ok()
    }

    /// ERROR-CODE, 300 to 699.
    pub fn error_code(&self) -> Option<u16> {
        let [_, _, class @ 3..=6, number @ 0..=99, ..] = self.value(ATTR_ERROR_CODE)? else {
            return None;
        };
        Some(u16::from(*class) * 100 + u16::from(*number))
    }

    /// LIFETIME, seconds.
    pub fn lifetime(&self) -> Option<u32> {
        let value = self.value(ATTR_LIFETIME)?;
        value.try_into().ok().map(u32::from_be_bytes)
    }

    /// Where the server sees us: XOR-MAPPED-ADDRESS, or from an RFC 3489 server MAPPED-ADDRESS.
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        let hidden = self.addresses(ATTR_XORMAPPED_ADDRESS).next();
        hidden.or_else(|| self.plain_address(ATTR_MAPPED_ADDRESS))
    }

    /// ALTERNATE-SERVER.
    pub fn alternate_server(&self) -> Option<SocketAddr> {
        self.plain_address(ATTR_ALTERNATE_SERVER)
    }

    /// Every XOR-…-ADDRESS of this kind that can be sent to.
    pub fn addresses(&self, kind: AttrType) -> impl Iterator<Item = SocketAddr> {
        let trusted = self.message.attributes.0.iter().take(self.trusted);
        let these = trusted.filter(move |attribute| attribute.typ == kind);
        these.filter_map(|attribute| read_address(&attribute.value, &self.mask()))
    }

    /// The first integrity attribute of this kind.
    pub(super) fn integrity(&self, kind: AttrType) -> Option<Integrity<'_>> {
        let mut start = HEADER;
        for attribute in &self.message.attributes.0 {
            let end = start + ATTRIBUTE_HEADER + padded(attribute.value.len());
            if attribute.typ == kind {
                return Some(Integrity {
                    head: self.message.raw.get(..2)?,
                    length: u16::try_from(end - HEADER).ok()?.to_be_bytes(),
                    body: self.message.raw.get(4..start)?,
                    value: &attribute.value,
                });
            }
            start = end;
        }
        None
    }

    fn check_fingerprint(&self) -> Result<(), StunError> {
        let Some(at) = self
            .message
            .attributes
            .0
            .iter()
            .position(|attribute| attribute.typ == ATTR_FINGERPRINT)
        else {
            return Ok(());
        };
        let fingerprint = self.message.attributes.0.get(at);
        let value = fingerprint.and_then(|f| f.value.first_chunk::<4>());
        let before = self.message.raw.len().checked_sub(8);
        let before = before.and_then(|end| self.message.raw.get(..end));
        // RFC 8489 §14.7: it is the last one.
        let is_last = at + 1 == self.message.attributes.0.len();
        let right = value
            .zip(before)
            .is_some_and(|(value, before)| u32::from_be_bytes(*value) == fingerprint_value(before));
        if is_last && right {
            Ok(())
        } else {
            Err(StunError::Fingerprint)
        }
    }

    fn plain_address(&self, kind: AttrType) -> Option<SocketAddr> {
        read_address(self.value(kind)?, &[0; 16])
    }

    fn mask(&self) -> [u8; 16] {
        mask(&self.message.transaction_id)
    }
}

/// An integrity attribute and what it covers: the message before it, with the header's length as it was when the
/// attribute was made (RFC 8489 §14.5).
pub(super) struct Integrity<'a> {
    pub(super) head: &'a [u8],
    pub(super) length: [u8; 2],
    pub(super) body: &'a [u8],
    pub(super) value: &'a [u8],
}

/// A message to send.
#[derive(Debug)]
pub(super) struct Builder {
    message: Message,
}

impl Builder {
    pub(super) fn request(method: Method, id: TransactionId) -> Self {
        Self::new(MessageType::new(method, CLASS_REQUEST), id)
    }

    pub(super) fn indication(method: Method, id: TransactionId) -> Self {
        Self::new(MessageType::new(method, CLASS_INDICATION), id)
    }

    fn new(kind: MessageType, id: TransactionId) -> Self {
        let mut message = Message::new();
        message.typ = kind;
        message.transaction_id = id;
        message.write_header();
        Self { message }
    }

    pub(super) fn add(&mut self, kind: AttrType, value: &[u8]) {
        self.message.add(kind, value);
    }

    /// Adds an XOR-…-ADDRESS.
    pub(super) fn add_address(&mut self, kind: AttrType, address: SocketAddr) {
        let mask = mask(&self.message.transaction_id);
        let [port_high, port_low, ..] = mask;
        let port = address.port() ^ u16::from_be_bytes([port_high, port_low]);
        let family = if address.is_ipv4() { 1 } else { 2 };
        let mut value = vec![0, family];
        value.extend(port.to_be_bytes());
        let xor = |octets: &[u8]| -> Vec<u8> {
            octets
                .iter()
                .zip(mask)
                .map(|(byte, mask)| byte ^ mask)
                .collect()
        };
        match address.ip() {
            IpAddr::V4(ip) => value.extend(xor(&ip.octets())),
            IpAddr::V6(ip) => value.extend(xor(&ip.octets())),
        }
        self.message.add(kind, &value);
    }

    /// What an integrity attribute of `size` bytes, added next, covers: the bytes so far with the length it brings about.
    pub(super) fn covered(&self, size: usize) -> Vec<u8> {
        let mut covered = self.message.raw.clone();
        let length = covered.len() - HEADER + ATTRIBUTE_HEADER + size;
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        for (to, from) in covered.iter_mut().skip(2).zip(length) {
            *to = from;
        }
        covered
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.message.raw
    }
}

/// How much room a value takes.
fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// What XOR-…-ADDRESS is masked with (RFC 8489 §14.2).
fn mask(id: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    let bytes = MAGIC_COOKIE.to_be_bytes().into_iter().chain(id.0);
    for (to, from) in mask.iter_mut().zip(bytes) {
        *to = from;
    }
    mask
}

/// An address that a packet can be sent to.
fn read_address(value: &[u8], mask: &[u8; 16]) -> Option<SocketAddr> {
    let [_, family, port_high, port_low, ip @ ..] = value else {
        return None;
    };
    let [mask_high, mask_low, ..] = mask;
    let port = u16::from_be_bytes([port_high ^ mask_high, port_low ^ mask_low]);
    let ip: Vec<u8> = ip.iter().zip(mask.iter()).map(|(b, m)| b ^ m).collect();
    let exact = value.len() - 4 == ip.len();
    let ip = match family {
        1 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        _ => return None,
    };
    let usable = exact && port != 0 && !ip.is_unspecified() && !ip.is_multicast();
    usable.then(|| SocketAddr::new(ip.to_canonical(), port))
}

/// Walks over the attributes without keeping any: nothing is allocated for a message that is not read.
fn count_attributes(bytes: &[u8]) -> Result<(), StunError> {
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    for _ in 0..MAX_ATTRIBUTES {
        let [_, _, high, low, after @ ..] = rest else {
            let ended = rest.is_empty();
            return ended.then_some(()).ok_or(StunError::Attributes);
        };
        let length = padded(usize::from(u16::from_be_bytes([*high, *low])));
        rest = after.get(length..).ok_or(StunError::Attributes)?;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(StunError::Attributes)
    }
}
