//! What a server asks for (`WWW-Authenticate`, `Proxy-Authenticate`; RFC 7616 §3.3, RFC 8760 §2).

use std::fmt;

use tandem_types::Pii;

use super::params::{SchemeParams, Writer, parse_schemes};
use super::{Algorithm, DigestError, Qop};

/// A Digest challenge that this side can answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// The protection space, which says which password is meant.
    pub realm: Pii<String>,
    /// The server's nonce, to be repeated as it is.
    pub nonce: String,
    /// Text to be repeated as it is; servers keep state in it.
    pub opaque: Option<String>,
    /// `None`: the challenge names none, which means MD5; the proof then names none either, as the oldest
    /// servers choke on it.
    pub algorithm: Option<Algorithm>,
    /// What the server offers to protect.
    pub qop: QopOffer,
    /// The last proof was right but its nonce too old: a new one needs no new password.
    pub stale: bool,
    /// The server would like the user's name hashed (RFC 7616 §3.4.4).
    pub userhash: bool,
}

/// The qualities of protection a challenge offers, unknown ones left out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QopOffer {
    /// `auth`.
    pub auth: bool,
    /// `auth-int`.
    pub auth_int: bool,
}

impl QopOffer {
    /// A server from before RFC 2617, which knows no `qop`.
    pub const NONE: Self = Self {
        auth: false,
        auth_int: false,
    };
    /// `qop="auth"`.
    pub const AUTH: Self = Self {
        auth: true,
        auth_int: false,
    };

    /// What to use: `auth` where offered, since a middlebox that touches the body breaks `auth-int`.
    pub(super) const fn choose(self) -> Option<Qop> {
        match (self.auth, self.auth_int) {
            (true, _) => Some(Qop::Auth),
            (false, true) => Some(Qop::AuthInt),
            (false, false) => None,
        }
    }
}

impl Challenge {
    /// Reads a single challenge, scheme included.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let schemes = parse_schemes(text)?;
        match schemes.as_slice() {
            [one] => Self::from_scheme(one),
            [] => Err(DigestError::Malformed("empty challenge")),
            [_, ..] => Err(DigestError::Malformed("more than one challenge")),
        }
    }

    /// All challenges that this side can answer, out of all header values of one response, each of which
    /// may hold several joined by commas. What is malformed or unknown is skipped: another header may still
    /// be fine, and if none is, [`Authenticator::answer`](super::Authenticator::answer) says so.
    pub fn parse_all<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        values
            .into_iter()
            .take(MAX_HEADERS)
            .filter_map(|value| parse_schemes(value).ok())
            .flatten()
            .filter_map(|scheme| Self::from_scheme(&scheme).ok())
            .collect()
    }

    /// The algorithm that applies.
    pub fn effective_algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::MD5)
    }

    fn from_scheme(scheme: &SchemeParams) -> Result<Self, DigestError> {
        if !scheme.scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::UnsupportedScheme);
        }
        let params = &scheme.params;
        let is_true = |name| {
            params
                .get(name)
                .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        };
        let algorithm = match params.get("algorithm") {
            None | Some("") => None,
            Some(name) => {
                Some(Algorithm::from_name(name.trim()).ok_or(DigestError::NoUsableChallenge)?)
            }
        };
        let qop = match params.get("qop").map(str::trim) {
            None | Some("") => QopOffer::NONE,
            Some(list) => {
                let has = |wanted: &str| {
                    list.split([',', ' ', '\t'])
                        .any(|qop| qop.eq_ignore_ascii_case(wanted))
                };
                let offer = QopOffer {
                    auth: has("auth"),
                    auth_int: has("auth-int"),
                };
                if offer == QopOffer::NONE {
                    return Err(DigestError::NoUsableChallenge);
                }
                offer
            }
        };
        let text = |name| params.get(name).map(str::to_owned);
        Ok(Self {
            realm: Pii::new(text("realm").ok_or(DigestError::Malformed("no realm"))?),
            nonce: text("nonce").ok_or(DigestError::Malformed("no nonce"))?,
            opaque: text("opaque"),
            algorithm,
            qop,
            stale: is_true("stale"),
            userhash: is_true("userhash"),
        })
    }

    /// The header's value, as a server writes it.
    pub fn to_header(&self) -> Result<String, DigestError> {
        let mut writer = Writer::new("Digest");
        writer
            .quoted("realm", self.realm.reveal())?
            .quoted("nonce", &self.nonce)?;
        if let Some(opaque) = &self.opaque {
            writer.quoted("opaque", opaque)?;
        }
        if let Some(algorithm) = self.algorithm {
            writer.token("algorithm", algorithm);
        }
        match (self.qop.auth, self.qop.auth_int) {
            (true, true) => drop(writer.quoted("qop", "auth,auth-int")?),
            (true, false) => drop(writer.quoted("qop", "auth")?),
            (false, true) => drop(writer.quoted("qop", "auth-int")?),
            (false, false) => {}
        }
        if self.stale {
            writer.token("stale", "true");
        }
        if self.userhash {
            writer.token("userhash", "true");
        }
        Ok(writer.finish())
    }
}

/// The most header fields of one response looked at.
const MAX_HEADERS: usize = 16;

impl fmt::Display for Qop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_of_rfc_3261_is_read_whole() {
        let challenge = Challenge::parse(
            "Digest realm=\"atlanta.example.com\", domain=\"sip:boxesbybob.com\", qop=\"auth\", \
             nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=MD5",
        )
        .unwrap();
        assert_eq!(challenge.realm.reveal(), "atlanta.example.com");
        assert_eq!(challenge.nonce, "f84f1cec41e6cbe5aea9c8e88d359");
        assert_eq!(challenge.opaque.as_deref(), Some(""));
        assert_eq!(challenge.algorithm, Some(Algorithm::MD5));
        assert_eq!(challenge.qop, QopOffer::AUTH);
        assert!(!challenge.stale && !challenge.userhash);
    }

    #[test]
    fn servers_that_bend_the_grammar_are_understood() {
        let read = |text: &str| Challenge::parse(text).unwrap();
        let bent =
            read("digest Realm=asterisk,NONCE=1f/a+=,algorithm=\"md5\",qop=auth,stale=\"TRUE\"");
        assert_eq!(
            (bent.realm.reveal().as_str(), bent.nonce.as_str()),
            ("asterisk", "1f/a+=")
        );
        assert_eq!(bent.algorithm, Some(Algorithm::MD5));
        assert!(bent.stale);
        assert_eq!(
            read("Digest realm=\"\", nonce=\"\", qop=\"\"").qop,
            QopOffer::NONE
        );
        let list = read("Digest realm=r, nonce=n, qop=\"auth-int , token , auth\"");
        assert_eq!(list.qop.choose(), Some(Qop::Auth));
        let only = read("Digest realm=r, nonce=n, qop=\"auth-int\"");
        assert_eq!(only.qop.choose(), Some(Qop::AuthInt));
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        let err = |text: &str| Challenge::parse(text).unwrap_err();
        assert_eq!(err("Basic realm=\"x\""), DigestError::UnsupportedScheme);
        assert_eq!(err("Digest nonce=x"), DigestError::Malformed("no realm"));
        assert_eq!(err("Digest realm=x"), DigestError::Malformed("no nonce"));
        assert_eq!(err(""), DigestError::Malformed("empty challenge"));
        assert_eq!(
            err("Digest realm=x, nonce=y, algorithm=AKAv1-MD5"),
            DigestError::NoUsableChallenge
        );
        assert_eq!(
            err("Digest realm=x, nonce=y, qop=\"privacy\""),
            DigestError::NoUsableChallenge
        );
    }

    #[test]
    fn a_written_challenge_reads_back() {
        let challenge = Challenge {
            realm: Pii::new("the \"best\" realm".to_owned()),
            nonce: "n=".to_owned(),
            opaque: Some("o\\p".to_owned()),
            algorithm: Some(Algorithm {
                session: true,
                ..Algorithm::SHA_256
            }),
            qop: QopOffer {
                auth: true,
                auth_int: true,
            },
            stale: true,
            userhash: true,
        };
        assert_eq!(
            Challenge::parse(&challenge.to_header().unwrap()),
            Ok(challenge)
        );
    }
}
