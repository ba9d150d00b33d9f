//! Values of the smaller header fields.

use std::fmt;
use std::str::FromStr;

use super::lex::{self, Grouping};
use super::{Method, Params, SyntaxError};

/// CSeq: where a request stands in its dialog (RFC 3261 §20.16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CSeq {
    /// Below 2³¹ (RFC 3261 §8.1.1.5).
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl FromStr for CSeq {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (number, method) = lex::trim(text)
            .split_once(lex::is_space)
            .ok_or(SyntaxError::Empty)?;
        let number = lex::number_u32(number)?;
        if number >= 1 << 31 {
            return Err(SyntaxError::BadNumber);
        }
        Ok(Self {
            number,
            method: lex::trim(method).parse()?,
        })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// RAck: the provisional response a PRACK acknowledges (RFC 3262 §7.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RAck {
    /// The response's RSeq.
    pub response: u32,
    /// The response's CSeq.
    pub cseq: CSeq,
}

impl FromStr for RAck {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (response, cseq) = lex::trim(text)
            .split_once(lex::is_space)
            .ok_or(SyntaxError::Empty)?;
        Ok(Self {
            response: lex::number_u32(response)?,
            cseq: cseq.parse()?,
        })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.response, self.cseq)
    }
}

/// Content-Type: `type/subtype;params` (RFC 3261 §20.15).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaType {
    /// `application`, as written.
    pub kind: String,
    /// `sdp`, as written.
    pub subtype: String,
    /// `boundary`, `charset`, …
    pub params: Params,
}

impl MediaType {
    /// Whether it is `name`, such as `application/sdp`, whatever the case and parameters.
    pub fn is(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// Whether `name` falls under it, `*` taken as a wildcard: how Accept is read (RFC 3261 §20.1).
    pub fn covers(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            (self.kind == "*" || self.kind.eq_ignore_ascii_case(kind))
                && (self.subtype == "*" || self.subtype.eq_ignore_ascii_case(subtype))
        })
    }
}

impl FromStr for MediaType {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = lex::trim(text);
        let (kind, rest) = text.split_once('/').ok_or(SyntaxError::Empty)?;
        let (subtype, params) = match rest.find(';').and_then(|at| rest.split_at_checked(at)) {
            Some((subtype, params)) => (subtype, params),
            None => (rest, ""),
        };
        let (kind, subtype) = (lex::trim(kind), lex::trim(subtype));
        if !lex::is_token(kind) || !lex::is_token(subtype) {
            return Err(SyntaxError::BadToken);
        }
        let params = Params::parse_header(params)?;
        Ok(Self {
            kind: kind.to_owned(),
            subtype: subtype.to_owned(),
            params,
        })
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params)
    }
}

/// A word with parameters: Event, Subscription-State, Content-Disposition, Session-Expires, …
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameterized {
    /// The word before the first `;`, as written.
    pub value: String,
    /// What follows it.
    pub params: Params,
}

impl Parameterized {
    /// Whether the word is `name`, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        self.value.eq_ignore_ascii_case(name)
    }
}

impl FromStr for Parameterized {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = lex::trim(text);
        let (value, params) = match text.find(';').and_then(|at| text.split_at_checked(at)) {
            Some((value, params)) => (lex::trim(value), params),
            None => (text, ""),
        };
        if !lex::is_token(value) {
            return Err(SyntaxError::BadToken);
        }
        Ok(Self {
            value: value.to_owned(),
            params: Params::parse_header(params)?,
        })
    }
}

impl fmt::Display for Parameterized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.value, self.params)
    }
}

/// Reason: why a request was sent, one value of possibly many (RFC 3326).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// `SIP`, `Q.850`, …
    pub protocol: String,
    /// `cause` and `text`.
    pub params: Params,
}

impl Reason {
    /// A reason of protocol `SIP` with a status and the words for it: `SIP;cause=200;text="…"`.
    pub fn sip(cause: u16, text: &str) -> Self {
        let params = Params::new().with("cause", Some(&cause.to_string()));
        Self {
            protocol: "SIP".to_owned(),
            params: params.with("text", Some(&lex::quote(text))),
        }
    }

    /// The number: a status for `SIP`, an ITU-T cause for `Q.850`.
    pub fn cause(&self) -> Option<u16> {
        self.params.get("cause")?.parse().ok()
    }

    /// The words that go with it.
    pub fn text(&self) -> Option<String> {
        self.params.text("text").map(std::borrow::Cow::into_owned)
    }
}

impl FromStr for Reason {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let Parameterized { value, params } = text.parse()?;
        Ok(Self {
            protocol: value,
            params,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.protocol, self.params)
    }
}

/// Retry-After: when to come back (RFC 3261 §20.33).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetryAfter {
    /// Seconds from now.
    pub seconds: u32,
    /// `duration` and others; the comment is dropped.
    pub params: Params,
}

impl FromStr for RetryAfter {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = lex::trim(text);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (seconds, rest) = text.split_at_checked(digits).unwrap_or((text, ""));
        let rest = lex::trim(rest);
        let params = if rest.starts_with('(') {
            let after = lex::find(rest, Grouping::Comments, |c| c == ';')?;
            after.and_then(|at| rest.get(at..)).unwrap_or_default()
        } else {
            rest
        };
        Ok(Self {
            seconds: lex::number_u32(seconds)?,
            params: Params::parse_header(params)?,
        })
    }
}

/// Warning: one value of possibly many (RFC 3261 §20.43).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// Three digits; 399 is "miscellaneous".
    pub code: u16,
    /// Who warns: a host or a pseudonym.
    pub agent: String,
    /// Words for a person, unquoted.
    pub text: String,
}

impl FromStr for Warning {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (code, rest) = lex::trim(text)
            .split_once(lex::is_space)
            .ok_or(SyntaxError::Empty)?;
        let (agent, words) = lex::trim(rest)
            .split_once(lex::is_space)
            .ok_or(SyntaxError::Empty)?;
        let words = lex::trim(words);
        let code = u16::try_from(lex::number(code)?).map_err(|_| SyntaxError::BadNumber)?;
        if !(100..1000).contains(&code) {
            return Err(SyntaxError::BadNumber);
        }
        if !lex::is_quoted_string(words) {
            return Err(SyntaxError::Unclosed);
        }
        Ok(Self {
            code,
            agent: agent.to_owned(),
            text: lex::unquote(words).into_owned(),
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:03} {} {}",
            self.code,
            self.agent,
            lex::quote(&self.text)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_have_a_ceiling() {
        assert_eq!(
            "1 INVITE".parse(),
            Ok(CSeq {
                number: 1,
                method: Method::INVITE
            })
        );
        assert_eq!(
            "0009\t\t INVITE".parse::<CSeq>().unwrap().to_string(),
            "9 INVITE"
        );
        assert!("2147483647 BYE".parse::<CSeq>().is_ok());
        assert_eq!(
            "2147483648 BYE".parse::<CSeq>(),
            Err(SyntaxError::BadNumber)
        );
        assert_eq!(
            "36893488147419103232 X".parse::<CSeq>(),
            Err(SyntaxError::BadNumber)
        );
        assert_eq!("-1 BYE".parse::<CSeq>(), Err(SyntaxError::BadNumber));
        assert_eq!("1".parse::<CSeq>(), Err(SyntaxError::Empty));
        assert_eq!("776656 1 INVITE".parse::<RAck>().unwrap().cseq.number, 1);
    }

    #[test]
    fn media_types_compare_without_case_and_accept_knows_wildcards() {
        let sdp: MediaType = "Application / SDP ; charset=utf-8".parse().unwrap();
        assert!(sdp.is("application/sdp") && !sdp.is("application/isup"));
        assert!(
            "*/*"
                .parse::<MediaType>()
                .unwrap()
                .covers("application/sdp")
        );
        assert!(
            "application/*"
                .parse::<MediaType>()
                .unwrap()
                .covers("application/sdp")
        );
        assert!(
            !"text/*"
                .parse::<MediaType>()
                .unwrap()
                .covers("application/sdp")
        );
        assert!("text".parse::<MediaType>().is_err());
    }

    #[test]
    fn reasons_and_warnings_read_back() {
        let reason = Reason::sip(200, "Call completed elsewhere");
        assert_eq!(
            reason.to_string(),
            "SIP;cause=200;text=\"Call completed elsewhere\""
        );
        assert_eq!(reason.to_string().parse(), Ok(reason.clone()));
        assert_eq!(
            (reason.cause(), reason.text().as_deref()),
            (Some(200), Some("Call completed elsewhere"))
        );
        let warning: Warning = "307 isi.edu \"Session parameter 'foo' not understood\""
            .parse()
            .unwrap();
        assert_eq!(warning.code, 307);
        assert_eq!(warning.to_string().parse(), Ok(warning));
    }

    #[test]
    fn retry_after_reads_past_its_comment() {
        let retry: RetryAfter = "18000 (in; a meeting);duration=3600".parse().unwrap();
        assert_eq!(
            (retry.seconds, retry.params.get("duration")),
            (18000, Some("3600"))
        );
        assert_eq!("120".parse::<RetryAfter>().unwrap().seconds, 120);
        assert!("soon".parse::<RetryAfter>().is_err());
    }
}
