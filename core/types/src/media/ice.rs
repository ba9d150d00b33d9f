//! What ICE (RFC 8445) says in a description (RFC 8839, XEP-0176), and between two of them.

use crate::Pii;

/// What the writer says for ICE.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IceDescription {
    /// `a=ice-ufrag`.
    pub username_fragment: String,
    /// `a=ice-pwd`. Secret, so never logged.
    pub password: Pii<String>,
    /// Candidate lines as written after `a=candidate:`, in order.
    pub candidates: Vec<String>,
    /// The writer is ICE-lite.
    pub lite: bool,
    /// The writer takes candidates later than its description (`a=ice-options:trickle`, RFC 8838).
    pub trickle: bool,
    /// The writer follows RFC 8445 (`a=ice-options:ice2`): no aggressive nomination.
    pub ice2: bool,
    /// There will be no more candidates than these (`a=end-of-candidates`, RFC 8838 §8.2).
    pub end_of_candidates: bool,
}

impl IceDescription {
    /// Whether `later`, by the same writer, asks for an ICE restart (RFC 8839 §4.4.1.1.1): other credentials.
    /// A change of one of the two counts already.
    pub fn is_restarted_by(&self, later: &Self) -> bool {
        self.username_fragment != later.username_fragment || self.password != later.password
    }
}

/// Candidates that come after the description (RFC 8840, XEP-0176 `transport-info`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IceUpdate {
    /// Which stream they belong to, by its [`mid`](super::Stream::mid); `None` where the writer names none,
    /// as in a call of one stream.
    pub mid: Option<String>,
    /// The generation they belong to, by its credentials; `None` where the writer leaves them out.
    pub username_fragment: Option<String>,
    /// The password of that generation.
    pub password: Option<Pii<String>>,
    /// Candidate lines as written after `a=candidate:`, in order.
    pub candidates: Vec<String>,
    /// There will be no more of this stream.
    pub end_of_candidates: bool,
}
