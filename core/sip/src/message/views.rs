//! Typed views of header fields, read when asked for.
//!
//! A field that must be there gives `Result<T, _>`, one that may be missing `Result<Option<T>, _>`, a list
//! `Result<Vec<T>, _>` (empty if the field is missing).

use super::header::name;
use super::lex::{self, Grouping};
use super::{
    CSeq, HeaderError, HeaderFault, Headers, MediaType, Method, NameAddr, Parameterized, RAck,
    Reason, RetryAfter, SyntaxError, Via, Warning,
};

/// What the Contact fields of a message say (RFC 3261 §20.10).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Contacts {
    /// `*`: every binding, in a REGISTER that removes them.
    All,
    /// The addresses in order; empty if there is no Contact.
    List(Vec<NameAddr>),
}

impl Contacts {
    /// The first address.
    pub fn first(&self) -> Option<&NameAddr> {
        match self {
            Self::All => None,
            Self::List(list) => list.first(),
        }
    }

    /// The addresses; none for `*`.
    pub fn into_list(self) -> Vec<NameAddr> {
        match self {
            Self::All => Vec::new(),
            Self::List(list) => list,
        }
    }
}

/// Fields every message has (RFC 3261 §8.1.1).
impl Headers {
    /// The top Via: who sent the message to us, or, in a response, ourselves.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let first = self
            .all(name::VIA)
            .next()
            .ok_or(HeaderError::missing(name::VIA))?;
        let text = first.text();
        let error = |fault| HeaderError::syntax(name::VIA, fault);
        let end = lex::find(&text, Grouping::Comments, |c| c == ',').map_err(error)?;
        text.get(..end.unwrap_or(text.len()))
            .unwrap_or(&text)
            .parse()
            .map_err(error)
    }

    /// Every Via, top first. Empty elements are an error here (RFC 4475 §3.1.2.1).
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        let error = |fault| HeaderError::syntax(name::VIA, fault);
        let mut vias = Vec::new();
        for header in self.all(name::VIA) {
            let text = header.text();
            for part in lex::split(&text, ',', Grouping::Comments).map_err(error)? {
                vias.push(part.parse().map_err(error)?);
            }
        }
        if vias.is_empty() {
            Err(HeaderError::missing(name::VIA))
        } else {
            Ok(vias)
        }
    }

    /// Who the request says it is from.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.required(name::FROM)
    }

    /// Who the request is for.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.required(name::TO)
    }

    /// The call's id: `word [@ word]`.
    pub fn call_id(&self) -> Result<String, HeaderError> {
        let text = self
            .single(name::CALL_ID)?
            .ok_or(HeaderError::missing(name::CALL_ID))?;
        if text.is_empty() {
            return Err(HeaderError::syntax(name::CALL_ID, SyntaxError::Empty));
        }
        // Wider than `word`: whatever is visible can be compared, and that is all that is done with it.
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(HeaderError::syntax(
                name::CALL_ID,
                SyntaxError::BadCharacter,
            ));
        }
        Ok(text.into_owned())
    }

    /// The request's number and method.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.required(name::CSEQ)
    }

    /// Hops left, 0–255 (RFC 3261 §20.22).
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        let number = self.number(name::MAX_FORWARDS)?;
        let narrow = |n: u64| {
            u8::try_from(n)
                .map_err(|_| HeaderError::syntax(name::MAX_FORWARDS, SyntaxError::BadNumber))
        };
        number.map(narrow).transpose()
    }

    /// The body's length. Repeated fields that agree are one.
    pub fn content_length(&self) -> Result<Option<u64>, HeaderError> {
        let mut length = None;
        for header in self.all(name::CONTENT_LENGTH) {
            let number = lex::number(&header.text())
                .map_err(|fault| HeaderError::syntax(name::CONTENT_LENGTH, fault))?;
            if length.is_some_and(|length| length != number) {
                let fault = HeaderFault::Repeated;
                return Err(HeaderError {
                    name: name::CONTENT_LENGTH,
                    fault,
                });
            }
            length = Some(number);
        }
        Ok(length)
    }
}

/// Routing and registration.
impl Headers {
    /// Where the sender can be reached; `*` in a REGISTER.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        let values = self.values(name::CONTACT)?;
        if let [star] = values.as_slice()
            && star == "*"
        {
            return Ok(Contacts::All);
        }
        self.list(name::CONTACT).map(Contacts::List)
    }

    /// The hops the request still has to take.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::ROUTE)
    }

    /// The proxies that want to stay on the path.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::RECORD_ROUTE)
    }

    /// The route for requests after a registration (RFC 3608).
    pub fn service_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::SERVICE_ROUTE)
    }

    /// The proxies between registrar and user (RFC 3327).
    pub fn path(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::PATH)
    }

    /// Who the network says is calling (RFC 3325).
    pub fn asserted_identities(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name::P_ASSERTED_IDENTITY)
    }

    /// Where a transfer goes (RFC 3515).
    pub fn refer_to(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.parsed(name::REFER_TO)
    }

    /// Who transfers (RFC 3892).
    pub fn referred_by(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.parsed(name::REFERRED_BY)
    }

    /// How long the request or binding lasts, in seconds; beyond 2³²−1 it is that (RFC 3261 §20.19).
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(name::EXPIRES)
    }

    /// The shortest registration the registrar takes, in seconds.
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(name::MIN_EXPIRES)
    }

    /// When to try again.
    pub fn retry_after(&self) -> Result<Option<RetryAfter>, HeaderError> {
        self.parsed(name::RETRY_AFTER)
    }

    /// How often a flow wants a keep-alive, in seconds (RFC 5626 §10).
    pub fn flow_timer(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(name::FLOW_TIMER)
    }

    /// One string per challenge of a 401, scheme first. Lines with several challenges are cut apart.
    pub fn www_authenticate(&self) -> Vec<String> {
        self.challenges(name::WWW_AUTHENTICATE)
    }

    /// The same for a 407.
    pub fn proxy_authenticate(&self) -> Vec<String> {
        self.challenges(name::PROXY_AUTHENTICATE)
    }

    /// Credentials for the server, one string a line.
    pub fn authorization(&self) -> Vec<String> {
        self.all(name::AUTHORIZATION)
            .map(|header| header.text().into_owned())
            .collect()
    }

    /// Credentials for proxies, one string a line.
    pub fn proxy_authorization(&self) -> Vec<String> {
        self.all(name::PROXY_AUTHORIZATION)
            .map(|header| header.text().into_owned())
            .collect()
    }
}

/// Capabilities, bodies and the rest.
impl Headers {
    /// What the body is.
    pub fn content_type(&self) -> Result<Option<MediaType>, HeaderError> {
        self.parsed(name::CONTENT_TYPE)
    }

    /// How the body is encoded; `identity` is left out.
    pub fn content_encodings(&self) -> Result<Vec<String>, HeaderError> {
        let mut tokens = self.tokens(name::CONTENT_ENCODING)?;
        tokens.retain(|token| !token.eq_ignore_ascii_case("identity"));
        Ok(tokens)
    }

    /// What the body is for; `handling=optional` says it may be ignored (RFC 3261 §20.11).
    pub fn content_disposition(&self) -> Result<Option<Parameterized>, HeaderError> {
        self.parsed(name::CONTENT_DISPOSITION)
    }

    /// The bodies the sender takes. `None` if it does not say; then SDP is meant (RFC 3261 §20.1).
    pub fn accept(&self) -> Result<Option<Vec<MediaType>>, HeaderError> {
        if !self.contains(name::ACCEPT) {
            return Ok(None);
        }
        self.list(name::ACCEPT).map(Some)
    }

    /// The methods the sender takes; `None` if it does not say.
    pub fn allow(&self) -> Result<Option<Vec<Method>>, HeaderError> {
        if !self.contains(name::ALLOW) {
            return Ok(None);
        }
        self.list(name::ALLOW).map(Some)
    }

    /// The extensions the sender knows.
    pub fn supported(&self) -> Result<Vec<String>, HeaderError> {
        self.tokens(name::SUPPORTED)
    }

    /// The extensions the receiver must know.
    pub fn require(&self) -> Result<Vec<String>, HeaderError> {
        self.tokens(name::REQUIRE)
    }

    /// The extensions that proxies must know.
    pub fn proxy_require(&self) -> Result<Vec<String>, HeaderError> {
        self.tokens(name::PROXY_REQUIRE)
    }

    /// The extensions of a 420 that the receiver did not know.
    pub fn unsupported(&self) -> Result<Vec<String>, HeaderError> {
        self.tokens(name::UNSUPPORTED)
    }

    /// Why the request was sent (RFC 3326).
    pub fn reasons(&self) -> Result<Vec<Reason>, HeaderError> {
        self.list(name::REASON)
    }

    /// The first reason of protocol SIP, or else the first; `None` if there is none or it cannot be read.
    pub fn reason(&self) -> Option<Reason> {
        let reasons = self.reasons().ok()?;
        let sip = reasons
            .iter()
            .position(|r| r.protocol.eq_ignore_ascii_case("SIP"));
        reasons.into_iter().nth(sip.unwrap_or(0))
    }

    /// Warnings, as in a 488.
    pub fn warnings(&self) -> Result<Vec<Warning>, HeaderError> {
        self.list(name::WARNING)
    }

    /// The event package.
    pub fn event(&self) -> Result<Option<Parameterized>, HeaderError> {
        self.parsed(name::EVENT)
    }

    /// How a subscription stands.
    pub fn subscription_state(&self) -> Result<Option<Parameterized>, HeaderError> {
        self.parsed(name::SUBSCRIPTION_STATE)
    }

    /// The session timer: seconds, and `refresher` among the parameters (RFC 4028).
    pub fn session_expires(&self) -> Result<Option<(u32, Parameterized)>, HeaderError> {
        let value: Option<Parameterized> = self.parsed(name::SESSION_EXPIRES)?;
        let seconds = |value: Parameterized| {
            let number = lex::number_u32(&value.value)
                .map_err(|fault| HeaderError::syntax(name::SESSION_EXPIRES, fault))?;
            Ok((number, value))
        };
        value.map(seconds).transpose()
    }

    /// The shortest session timer, in seconds (RFC 4028).
    pub fn min_se(&self) -> Result<Option<u32>, HeaderError> {
        let value: Option<Parameterized> = self.parsed(name::MIN_SE)?;
        let seconds = |value: Parameterized| {
            lex::number_u32(&value.value).map_err(|fault| HeaderError::syntax(name::MIN_SE, fault))
        };
        value.map(seconds).transpose()
    }

    /// The number of a reliable provisional response (RFC 3262).
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        let narrow = |n: u64| {
            u32::try_from(n).map_err(|_| HeaderError::syntax(name::RSEQ, SyntaxError::BadNumber))
        };
        self.number(name::RSEQ)?.map(narrow).transpose()
    }

    /// Which response a PRACK acknowledges.
    pub fn rack(&self) -> Result<Option<RAck>, HeaderError> {
        self.parsed(name::RACK)
    }

    /// What the sender runs: User-Agent, or Server in a response.
    pub fn product(&self) -> Option<String> {
        let header = self
            .text(name::USER_AGENT)
            .or_else(|| self.text(name::SERVER))?;
        Some(header.into_owned())
    }
}

impl Headers {
    fn number(&self, name: &'static str) -> Result<Option<u64>, HeaderError> {
        let text = self.single(name)?;
        text.map(|text| lex::number(&text).map_err(|f| HeaderError::syntax(name, f)))
            .transpose()
    }

    fn seconds(&self, name: &'static str) -> Result<Option<u32>, HeaderError> {
        let Some(text) = self.single(name)? else {
            return Ok(None);
        };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(HeaderError::syntax(name, SyntaxError::BadNumber));
        }
        Ok(Some(text.parse().unwrap_or(u32::MAX)))
    }

    fn tokens(&self, name: &'static str) -> Result<Vec<String>, HeaderError> {
        let tokens = self.values(name)?;
        match tokens.iter().all(|token| lex::is_token(token)) {
            true => Ok(tokens),
            false => Err(HeaderError::syntax(name, SyntaxError::BadToken)),
        }
    }

    /// RFC 3261 §20.44 wants a line for each challenge; RFC 7235 §4.1 allows several on one.
    fn challenges(&self, name: &'static str) -> Vec<String> {
        let mut challenges: Vec<String> = Vec::new();
        for header in self.all(name) {
            let text = header.text();
            let mut fresh = true;
            for part in lex::split(&text, ',', Grouping::Quotes).unwrap_or_else(|_| vec![&text]) {
                match challenges.last_mut() {
                    Some(last) if !fresh && !begins_challenge(part) => {
                        last.push_str(", ");
                        last.push_str(part);
                    }
                    Some(_) | None => challenges.push(part.to_owned()),
                }
                fresh = false;
            }
        }
        challenges
    }
}

/// Whether a list element opens a challenge: `scheme` or `scheme name=…`, not `name = …`.
fn begins_challenge(part: &str) -> bool {
    let (word, rest) = part.split_once(lex::is_space).unwrap_or((part, ""));
    lex::is_token(word) && !lex::trim(rest).starts_with('=')
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
