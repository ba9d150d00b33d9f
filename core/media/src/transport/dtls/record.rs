//! The form of DTLS records, before anything believes them (RFC 6347 §4.1, RFC 5246 §6.2).
//!
//! Until keys exist nothing in a record is authenticated. What cannot be part of a handshake is dropped here
//! without a word, as RFC 6347 §4.1.2.7 asks: the endpoint would answer some of it with a fatal alert.

/// Bytes of a record's header.
const HEADER: usize = 13;
/// Bytes of a handshake message's header, fragment fields included (RFC 6347 §4.2.2).
const HANDSHAKE_HEADER: usize = 12;
/// Records looked at in one datagram.
const MAX_RECORDS: usize = 32;
/// Body of an encrypted record: plaintext of 2¹⁴ and what a cipher adds (RFC 5246 §6.2.3).
const MAX_BODY: usize = (1 << 14) + 2048;
/// The longest handshake message taken: a chain of a few RSA certificates has room.
pub(super) const MAX_MESSAGE: u32 = 16_000;
/// Messages of one side in a handshake, with room for some this build does not know.
pub(super) const MAX_SEQUENCE: u16 = 16;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// DTLS 1.2, as this side writes it. The peer may write 1.0 on its first records.
const VERSION: [u8; 2] = [0xfe, 0xfd];
const VERSION_1_0: [u8; 2] = [0xfe, 0xff];

/// A record of good form.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Record<'a> {
    /// Pieces of handshake messages in the clear.
    Handshake(Vec<Fragment<'a>>),
    /// The peer encrypts from here on.
    ChangeCipherSpec,
    /// An alert in the clear, which anybody may have written.
    Alert {
        /// Whether it claims to be fatal.
        fatal: bool,
        /// RFC 5246 §7.2.
        description: u8,
    },
    /// An encrypted record, whole. Only its keys can tell what it is.
    Protected {
        /// Alert, handshake or application data.
        kind: u8,
        /// With its header.
        whole: &'a [u8],
    },
}

/// A piece of a handshake message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fragment<'a> {
    /// The message's type.
    pub(super) kind: u8,
    /// The whole message's length.
    pub(super) length: u32,
    /// The message's number.
    pub(super) sequence: u16,
    /// Where this piece begins.
    pub(super) offset: u32,
    /// The piece.
    pub(super) body: &'a [u8],
}

/// The records of a datagram that have a good form. What follows a record of broken length is lost with
/// it; a record of bad form is left out alone.
pub(super) fn check_records(datagram: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let mut rest = datagram;
    for _ in 0..MAX_RECORDS {
        let Some((header, after)) = rest.split_first_chunk::<HEADER>() else {
            break;
        };
        let [kind, major, minor, epoch_high, epoch_low, .., high, low] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (Some((body, after)), Some(whole)) =
            (after.split_at_checked(length), rest.get(..HEADER + length))
        else {
            break;
        };
        rest = after;
        let version_is_known = [VERSION, VERSION_1_0].contains(&[major, minor]);
        if version_is_known && (1..=MAX_BODY).contains(&length) {
            let epoch = u16::from_be_bytes([epoch_high, epoch_low]);
            records.extend(check_record(kind, epoch, body, whole));
        }
    }
    records
}

fn check_record<'a>(kind: u8, epoch: u16, body: &'a [u8], whole: &'a [u8]) -> Option<Record<'a>> {
    match (epoch, kind) {
        (0, CHANGE_CIPHER_SPEC) => (body == [1]).then_some(Record::ChangeCipherSpec),
        (0, HANDSHAKE) => fragments(body).map(Record::Handshake),
        (0, ALERT) => match *body {
            [level @ 1..=2, description] => Some(Record::Alert {
                fatal: level == 2,
                description,
            }),
            _ => None,
        },
        // There is no renegotiation, so there is no second epoch.
        (1, ALERT | HANDSHAKE | APPLICATION_DATA) => Some(Record::Protected { kind, whole }),
        _ => None,
    }
}

/// The messages, or pieces of them, in one record; `None` if any breaks the bounds.
fn fragments(mut body: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let mut found = Vec::new();
    while !body.is_empty() {
        let (header, rest) = body.split_first_chunk::<HANDSHAKE_HEADER>()?;
        let [kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *header;
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        let sequence = u16::from_be_bytes([s0, s1]);
        let offset = u32::from_be_bytes([0, o0, o1, o2]);
        let size = u32::from_be_bytes([0, f0, f1, f2]);
        let within = offset.checked_add(size)? <= length;
        // An empty piece of a message that is not empty brings nothing and costs memory.
        let says_something = size > 0 || length == 0;
        if !within || !says_something || length > MAX_MESSAGE || sequence >= MAX_SEQUENCE {
            return None;
        }
        let (piece, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        found.push(Fragment {
            kind,
            length,
            sequence,
            offset,
            body: piece,
        });
        body = rest;
    }
    Some(found)
}

/// One whole handshake message as a record of epoch 0 with this record number.
pub(super) fn handshake_record(number: u64, kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let [_, length @ ..] = length;
    let mut message = Vec::with_capacity(HANDSHAKE_HEADER + body.len());
    message.push(kind);
    message.extend(length);
    message.extend(sequence.to_be_bytes());
    message.extend([0; 3]);
    message.extend(length);
    message.extend(body);
    record(HANDSHAKE, number, &message)
}

/// The peer's change of cipher as a record of epoch 0 with this record number.
pub(super) fn change_cipher_spec_record(number: u64) -> Vec<u8> {
    record(CHANGE_CIPHER_SPEC, number, &[1])
}

fn record(kind: u8, number: u64, body: &[u8]) -> Vec<u8> {
    let [_, _, number @ ..] = number.to_be_bytes();
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut record = Vec::with_capacity(HEADER + body.len());
    record.push(kind);
    record.extend(VERSION);
    record.extend([0; 2]);
    record.extend(number);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

/// Adds `offset` to the record numbers of epoch 0 in a datagram of this side's own.
///
/// They are not authenticated, so a flight in the clear can be sent again under numbers that the far end's
/// replay window has not seen (RFC 6347 §4.2.4), without the endpoint and its limit of seven. Returns the
/// highest number of epoch 0 that the datagram has now.
pub(super) fn renumber(datagram: &mut [u8], offset: u64) -> Option<u64> {
    let mut highest = None;
    let mut rest = datagram;
    while let Some((header, after)) = rest.split_first_chunk_mut::<HEADER>() {
        let [_, _, _, e0, e1, n0, n1, n2, n3, n4, n5, high, low] = header;
        if [*e0, *e1] == [0, 0] {
            let number = u64::from_be_bytes([0, 0, *n0, *n1, *n2, *n3, *n4, *n5]);
            let number = number.saturating_add(offset);
            [_, _, *n0, *n1, *n2, *n3, *n4, *n5] = number.to_be_bytes();
            highest = highest.max(Some(number));
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((_, after)) = after.split_at_mut_checked(length) else {
            break;
        };
        rest = after;
    }
    highest
}

/// The cookie of a HelloVerifyRequest, if that is what a datagram begins with (RFC 6347 §4.2.1).
pub(super) fn verify_request_cookie(datagram: &[u8]) -> Option<Vec<u8>> {
    let records = check_records(datagram);
    let Some(Record::Handshake(fragments)) = records.first() else {
        return None;
    };
    match fragments.first()? {
        Fragment {
            kind: 3,
            body: [_, _, length, cookie @ ..],
            ..
        } if cookie.len() == usize::from(*length) => Some(cookie.to_vec()),
        _ => None,
    }
}

/// The cookie in a ClientHello's body; `None` if the hello is too short to have one (RFC 6347 §4.2.1).
pub(super) fn client_hello_cookie(body: &[u8]) -> Option<&[u8]> {
    let (_, cookie, _) = around_cookie(body)?;
    Some(cookie)
}

/// The ClientHello that its sender would have written without a cookie.
pub(super) fn client_hello_without_cookie(body: &[u8]) -> Option<Vec<u8>> {
    let (before, _, after) = around_cookie(body)?;
    Some([before, &[0], after].concat())
}

/// What comes before a ClientHello's cookie and its length, the cookie, and what comes after it.
fn around_cookie(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    /// Version and random.
    const FIXED: usize = 34;
    let session = usize::from(*body.get(FIXED)?);
    let (before, rest) = body.split_at_checked(FIXED + 1 + session)?;
    let (&length, rest) = rest.split_first()?;
    let (cookie, after) = rest.split_at_checked(usize::from(length))?;
    Some((before, cookie, after))
}

/// The body of a HelloVerifyRequest (RFC 6347 §4.2.1). Its version says nothing about the one that is agreed on.
pub(super) fn verify_request(cookie: &[u8]) -> Vec<u8> {
    let length = u8::try_from(cookie.len()).unwrap_or(u8::MAX);
    [&VERSION[..], &[length], cookie].concat()
}
