//! STUN is authenticated before an agent sees it.
//!
//! The agent looks for role conflicts before it looks at USERNAME and MESSAGE-INTEGRITY, and for
//! USE-CANDIDATE anywhere in a message: one forged request would turn its role, one attribute appended on
//! the way would nominate. So a message is checked here first, and only the part that its
//! MESSAGE-INTEGRITY covers goes on.

use rtc_crypto::RTCCrypto;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::Message;

/// A longer check is none: real ones stay below 200 bytes.
const MAX_LENGTH: usize = 1280;
/// Attributes looked at in one message.
const MAX_ATTRIBUTES: usize = 32;

const HEADER: usize = 20;
const COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const USE_CANDIDATE: u16 = 0x0025;
const INTEGRITY_LENGTH: usize = 20;

/// What a check is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// The peer asks.
    Request,
    /// The peer answers.
    Success,
}

/// A well-formed Binding message that claims to be authentic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check<'a> {
    pub(super) class: Class,
    /// The part that the integrity covers, the integrity's own attribute included.
    covered: &'a [u8],
    username: Option<&'a str>,
    /// Nominates the pair.
    pub(super) nominates: bool,
}

impl<'a> Check<'a> {
    /// Reads a message. `None`: not a Binding request or success, malformed, or without integrity.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEADER)?;
        let [t1, t2, l1, l2, c1, c2, c3, c4, ..] = *head else {
            return None;
        };
        let class = match u16::from_be_bytes([t1, t2]) {
            BINDING_REQUEST => Class::Request,
            BINDING_SUCCESS => Class::Success,
            _ => return None,
        };
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        let whole = [c1, c2, c3, c4] == COOKIE && length == body.len() && length.is_multiple_of(4);
        if !whole || bytes.len() > MAX_LENGTH {
            return None;
        }
        let (mut rest, mut username, mut nominates) = (body, None, false);
        for _ in 0..MAX_ATTRIBUTES {
            let (&[k1, k2, v1, v2], after) = rest.split_first_chunk::<4>()?;
            let kind = u16::from_be_bytes([k1, k2]);
            let length = usize::from(u16::from_be_bytes([v1, v2]));
            let value = after.get(..length)?;
            rest = after.get(length.next_multiple_of(4)..)?;
            match kind {
                MESSAGE_INTEGRITY if length == INTEGRITY_LENGTH => {
                    let covered = bytes.get(..bytes.len() - rest.len())?;
                    return Some(Self {
                        class,
                        covered,
                        username,
                        nominates,
                    });
                }
                MESSAGE_INTEGRITY => return None,
                USERNAME => username = Some(std::str::from_utf8(value).ok()?),
                USE_CANDIDATE => nominates = true,
                _ => {}
            }
        }
        None
    }

    /// The two halves of its USERNAME: the receiver's fragment and the sender's (RFC 8445 §7.2.2).
    pub(super) fn fragments(&self) -> Option<(&'a str, &'a str)> {
        self.username?.split_once(':')
    }

    /// The message without what its integrity does not cover, if it was made with `password`.
    pub(super) fn authentic(&self, password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
        let mut raw = self.covered.to_vec();
        let length = u16::try_from(raw.len().checked_sub(HEADER)?).ok()?;
        raw.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
        let mut message = Message {
            raw,
            ..Message::default()
        };
        message.decode().ok()?;
        MessageIntegrity::check(&mut message, password.as_bytes(), crypto).ok()?;
        Some(message.raw)
    }
}
