//! Why a description cannot be read, understood or written.

/// Why a description cannot be read, understood or written. Lines count from 1, m-lines from 0.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More text than [`MAX_SIZE`](super::MAX_SIZE).
    #[error("the session description is too long")]
    TooLong,
    /// More m-lines than [`MAX_MEDIA`](super::MAX_MEDIA).
    #[error("the session description has too many m-lines")]
    TooManyMedia,
    /// More attributes, or other lines, in one section than [`MAX_ATTRIBUTES`](super::MAX_ATTRIBUTES).
    #[error("a section of the session description has too many lines")]
    TooManyAttributes,
    /// More formats in one m-line than [`MAX_FORMATS`](super::MAX_FORMATS).
    #[error("an m-line has too many formats")]
    TooManyFormats,
    /// The text does not begin with `v=0`.
    #[error("not a session description of version 0")]
    NotSdp,
    /// There is no `o=` line, so that changes cannot be told from repetitions.
    #[error("the session description has no origin")]
    NoOrigin,
    /// A line is not `letter=value`, or its value not what the letter asks for.
    #[error("line {line} of the session description is malformed")]
    BadLine {
        /// Its number, from 1.
        line: usize,
    },
    /// A live m-line has no `c=`, neither of its own nor from the session.
    #[error("m-line {index} has no connection address")]
    NoConnection {
        /// Its position, from 0.
        index: usize,
    },
    /// A live m-line's `c=` holds a domain name, which this sans-IO room cannot look up.
    ///
    /// RFC 8866 §5.7 allows names there, though hardly any phone or PBX writes one. The caller may look up
    /// [`unresolved_names`](super::SessionDescription::unresolved_names),
    /// [`resolve`](super::SessionDescription::resolve) them and try again.
    #[error("m-line {index} names its address instead of giving it")]
    UnresolvedAddress {
        /// Its position, from 0.
        index: usize,
    },
    /// An m-line's ICE name or password is empty, too long, or no text that STUN can carry.
    #[error("the ICE credentials of m-line {index} are malformed")]
    BadIceCredentials {
        /// Its position, from 0.
        index: usize,
    },
    /// More candidates in one m-line than [`MAX_CANDIDATES`](super::MAX_CANDIDATES), or one that is too long.
    #[error("m-line {index} has too many ICE candidates, or too long ones")]
    CandidatesTooLarge {
        /// Its position, from 0.
        index: usize,
    },
    /// More keys or fingerprints in one m-line than [`MAX_KEYS`](super::MAX_KEYS).
    #[error("m-line {index} has too many keys")]
    TooManyKeys {
        /// Its position, from 0.
        index: usize,
    },
    /// An answer has more streams than its offer, or one of another kind in its place.
    #[error("the answer does not fit m-line {index} of the offer")]
    AnswerDoesNotFit {
        /// The first position that does not fit, from 0.
        index: usize,
    },
    /// An answered stream is protected otherwise than its m-line's protocol says.
    #[error("the answer protects m-line {index} otherwise than the offer")]
    OtherProtection {
        /// Its position, from 0.
        index: usize,
    },
    /// A stream to be described has the address 0.0.0.0 or ::, which means hold to older phones
    /// (RFC 3264 §8.4).
    #[error("stream {index} has no address that the far end could send to")]
    UnspecifiedAddress {
        /// Its position, from 0.
        index: usize,
    },
}
