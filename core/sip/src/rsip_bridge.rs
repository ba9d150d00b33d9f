//! Conversions from and to the types of `rsip` 0.4, for programs that already speak them.
//!
//! A conversion loses nothing that a message says, or fails with a [`BridgeError`]. What changes is spelling:
//! header names lose their compact form and odd case, folded values come on one line. `rsip` cannot hold
//! methods outside its list, URIs that are not SIP, header fields in URIs, IPv6 addresses (it prints them
//! without brackets) and header bytes that are not UTF-8.
//!
//! A response whose phrase is not the usual one of its code becomes `StatusCode::Other`, the only form in
//! which `rsip` keeps a phrase: compare by `code()`.

use std::str::FromStr as _;

use crate::message::{
    BuildError, Headers, Host, Method, Request, Response, SipUri, StatusCode, SyntaxError, Uri,
    canonical_name,
};

/// What one side holds and the other cannot.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// A header name or value that cannot stand in a message.
    #[error("a header field that cannot be sent: {0}")]
    Build(#[from] BuildError),
    /// A header field that `rsip` would read as something else.
    #[error("a header field that rsip cannot hold")]
    Header,
    /// An IPv6 address: `rsip` prints it without brackets.
    #[error("an IPv6 address, which rsip cannot print")]
    Ipv6,
    /// A method that `rsip` has no name for.
    #[error("a method that rsip does not know")]
    Method,
    /// A status outside 100–699.
    #[error("not a SIP status")]
    Status,
    /// Text of an `rsip` value that is no SIP.
    #[error("not SIP: {0}")]
    Syntax(#[from] SyntaxError),
    /// A URI that says something the other side has no place for.
    #[error("a URI that the other side cannot hold")]
    Uri,
    /// Not SIP/2.0.
    #[error("not SIP/2.0")]
    Version,
}

impl TryFrom<&Uri> for rsip::Uri {
    type Error = BridgeError;

    fn try_from(uri: &Uri) -> Result<Self, BridgeError> {
        match uri {
            Uri::Sip(uri) => uri.try_into(),
            Uri::Tel(_) | Uri::Other(_) => Err(BridgeError::Uri),
        }
    }
}

impl TryFrom<&SipUri> for rsip::Uri {
    type Error = BridgeError;

    fn try_from(uri: &SipUri) -> Result<Self, BridgeError> {
        if uri.headers().next().is_some() {
            return Err(BridgeError::Uri);
        }
        let scheme = if uri.is_secure() {
            rsip::Scheme::Sips
        } else {
            rsip::Scheme::Sip
        };
        let auth = uri.user().map(|user| rsip::Auth {
            user: user.to_owned(),
            password: uri.password().map(ToOwned::to_owned),
        });
        let host = match uri.host() {
            Host::Name(name) => rsip::Host::Domain(name.as_str().into()),
            Host::V4(address) => rsip::Host::IpAddr((*address).into()),
            Host::V6(_) => return Err(BridgeError::Ipv6),
        };
        Ok(Self {
            scheme: Some(scheme),
            auth,
            host_with_port: rsip::HostWithPort {
                host,
                port: uri.port().map(Into::into),
            },
            params: uri
                .parameters()
                .iter()
                .map(|(name, value)| param(name, value))
                .collect(),
            headers: Vec::new(),
        })
    }
}

/// Typed where `rsip` prints the same back, else its name and value as they are. The case of a transport may
/// change: it means nothing.
fn param(name: &str, value: Option<&str>) -> rsip::Param {
    let lower = name.to_ascii_lowercase();
    let value_of = |value: Option<&str>| value.map_or(String::new(), |value| format!("={value}"));
    let same = |param: &rsip::Param| match param {
        rsip::Param::Transport(_) => true,
        rsip::Param::Other(..) => false,
        typed => typed.to_string() == format!(";{lower}{}", value_of(value)),
    };
    let typed = rsip::Param::try_from((name, value)).ok().filter(same);
    typed.unwrap_or_else(|| rsip::Param::Other(name.into(), value.map(Into::into)))
}

impl TryFrom<&rsip::Uri> for Uri {
    type Error = BridgeError;

    fn try_from(uri: &rsip::Uri) -> Result<Self, BridgeError> {
        let scheme = match &uri.scheme {
            Some(rsip::Scheme::Sip) => "sip",
            Some(rsip::Scheme::Sips) => "sips",
            Some(rsip::Scheme::Other(_)) | None => return Err(BridgeError::Uri),
        };
        if !uri.headers.is_empty() {
            return Err(BridgeError::Uri);
        }
        let auth = uri
            .auth
            .as_ref()
            .map_or(String::new(), |auth| format!("{auth}@"));
        let host = match uri.host() {
            rsip::Host::Domain(domain) => domain.to_string(),
            rsip::Host::IpAddr(address) => Host::from(*address).to_string(),
        };
        let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
        let params: String = uri.params.iter().map(ToString::to_string).collect();
        let read = SipUri::from_str(&format!("{scheme}:{auth}{host}{port}{params}"))?;
        // A part of a hand-made value may hold what separates parts: then another URI was read.
        let user = uri.auth.as_ref().map(|auth| auth.user.as_str());
        let password = uri.auth.as_ref().and_then(|auth| auth.password.as_deref());
        let same = read.user() == user
            && read.password() == password
            && read.host().to_string().eq_ignore_ascii_case(&host)
            && read.port() == uri.port().map(|port| u16::from(*port))
            && read.parameters().len() == uri.params.len()
            && read.headers().next().is_none();
        if same {
            Ok(Self::Sip(read))
        } else {
            Err(BridgeError::Uri)
        }
    }
}

impl TryFrom<&Method> for rsip::Method {
    type Error = BridgeError;

    fn try_from(method: &Method) -> Result<Self, BridgeError> {
        match Self::from_str(method.as_str()) {
            // It reads methods without regard to case; RFC 3261 §7.1 does not.
            Ok(known) if known.to_string() == method.as_str() => Ok(known),
            Ok(_) | Err(_) => Err(BridgeError::Method),
        }
    }
}

impl From<&rsip::Method> for Method {
    fn from(method: &rsip::Method) -> Self {
        match method {
            rsip::Method::Ack => Self::ACK,
            rsip::Method::Bye => Self::BYE,
            rsip::Method::Cancel => Self::CANCEL,
            rsip::Method::Info => Self::INFO,
            rsip::Method::Invite => Self::INVITE,
            rsip::Method::Message => Self::MESSAGE,
            rsip::Method::Notify => Self::NOTIFY,
            rsip::Method::Options => Self::OPTIONS,
            rsip::Method::PRack => Self::PRACK,
            rsip::Method::Publish => Self::PUBLISH,
            rsip::Method::Refer => Self::REFER,
            rsip::Method::Register => Self::REGISTER,
            rsip::Method::Subscribe => Self::SUBSCRIBE,
            rsip::Method::Update => Self::UPDATE,
        }
    }
}

impl TryFrom<&Headers> for rsip::Headers {
    type Error = BridgeError;

    fn try_from(headers: &Headers) -> Result<Self, BridgeError> {
        if headers.is_empty() {
            return Ok(Self::default());
        }
        // rsip makes a header from its name only while it reads a message.
        let mut text = String::from("OPTIONS sip:a SIP/2.0\r\n");
        let mut expected = Vec::with_capacity(headers.len());
        for header in headers {
            let value = String::from_utf8(header.value().into_owned());
            let value = value.map_err(|_| BridgeError::Header)?;
            let name = canonical_name(header.name());
            text.extend([name, ": ", &value, "\r\n"]);
            expected.push((name, value));
        }
        text.push_str("\r\n");
        let read = rsip::Request::try_from(text)
            .map_err(|_| BridgeError::Header)?
            .headers;
        let same = |(header, (name, value)): (&rsip::Header, &(&str, String))| {
            let held = header_parts(header);
            held.is_some_and(|held| held.0.eq_ignore_ascii_case(name) && held.1 == *value)
        };
        let all = read.iter().count() == expected.len() && read.iter().zip(&expected).all(same);
        if all {
            Ok(read)
        } else {
            Err(BridgeError::Header)
        }
    }
}

impl TryFrom<&rsip::Headers> for Headers {
    type Error = BridgeError;

    fn try_from(headers: &rsip::Headers) -> Result<Self, BridgeError> {
        let mut read = Self::new();
        for header in headers.iter() {
            let (name, value) = header_parts(header).ok_or(BridgeError::Header)?;
            read.try_push(&name, value)?;
        }
        Ok(read)
    }
}

/// Every rsip header prints itself as `name: value`.
fn header_parts(header: &rsip::Header) -> Option<(String, String)> {
    if let rsip::Header::Other(name, value) = header {
        return Some((name.clone(), value.clone()));
    }
    let text = header.to_string();
    let (name, value) = text.split_once(": ")?;
    Some((name.to_owned(), value.to_owned()))
}

impl TryFrom<&Request> for rsip::Request {
    type Error = BridgeError;

    fn try_from(request: &Request) -> Result<Self, BridgeError> {
        if !request.version().eq_ignore_ascii_case("SIP/2.0") {
            return Err(BridgeError::Version);
        }
        Ok(Self {
            method: (&request.method).try_into()?,
            uri: (&request.uri).try_into()?,
            version: rsip::Version::V2,
            headers: (&request.headers).try_into()?,
            body: request.body.clone(),
        })
    }
}

impl TryFrom<&rsip::Request> for Request {
    type Error = BridgeError;

    fn try_from(request: &rsip::Request) -> Result<Self, BridgeError> {
        if request.version != rsip::Version::V2 {
            return Err(BridgeError::Version);
        }
        let uri = Uri::try_from(&request.uri)?;
        let mut read = Self::new((&request.method).into(), uri);
        read.headers = (&request.headers).try_into()?;
        read.body.clone_from(&request.body);
        Ok(read)
    }
}

impl TryFrom<&Response> for rsip::Response {
    type Error = BridgeError;

    fn try_from(response: &Response) -> Result<Self, BridgeError> {
        let code = response.status.code();
        let phrase =
            std::str::from_utf8(response.reason_bytes()).map_err(|_| BridgeError::Status)?;
        let status_code = match rsip::StatusCode::from(code) {
            rsip::StatusCode::Other(..) => rsip::StatusCode::Other(code, phrase.to_owned()),
            known if phrase == response.status.default_reason() => known,
            _ => rsip::StatusCode::Other(code, phrase.to_owned()),
        };
        Ok(Self {
            status_code,
            version: rsip::Version::V2,
            headers: (&response.headers).try_into()?,
            body: response.body.clone(),
        })
    }
}

impl TryFrom<&rsip::Response> for Response {
    type Error = BridgeError;

    fn try_from(response: &rsip::Response) -> Result<Self, BridgeError> {
        if response.version != rsip::Version::V2 {
            return Err(BridgeError::Version);
        }
        let status = StatusCode::new(response.status_code.code()).ok_or(BridgeError::Status)?;
        let mut read = Self::new(status);
        if let rsip::StatusCode::Other(_, phrase) = &response.status_code {
            if phrase.chars().any(char::is_control) {
                return Err(BridgeError::Status);
            }
            read = read.with_reason(phrase);
        }
        read.headers = (&response.headers).try_into()?;
        read.body.clone_from(&response.body);
        Ok(read)
    }
}
