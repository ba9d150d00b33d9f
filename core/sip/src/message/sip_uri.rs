//! `sip:` and `sips:` URIs (RFC 3261 §19.1).

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::{Host, Params, SyntaxError, escape, host};

/// A SIP or SIPS URI.
///
/// Parsed text is kept and printed as it was written until a part is changed. Parts that may be escaped are
/// held in their escaped form; the setters take plain text and escape it.
#[derive(Clone)]
pub struct SipUri {
    secure: bool,
    user: Option<String>,
    password: Option<String>,
    host: Host,
    port: Option<u16>,
    parameters: Params,
    headers: Vec<(String, String)>,
    written: Option<Box<str>>,
}

impl SipUri {
    /// `sip:host`.
    pub const fn new(host: Host) -> Self {
        Self {
            secure: false,
            user: None,
            password: None,
            host,
            port: None,
            parameters: Params::new(),
            headers: Vec::new(),
            written: None,
        }
    }

    /// Whether it is `sips:`.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The user part as written, escapes in place.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The user part in plain text.
    pub fn user_text(&self) -> Option<Cow<'_, str>> {
        self.user().map(escape::unescape)
    }

    /// The password as written. RFC 3261 §19.1.1 advises against it; never logged.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, if it is said.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters, with values as written.
    pub const fn parameters(&self) -> &Params {
        &self.parameters
    }

    /// The value of a parameter in plain text; empty for one without `=`.
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.parameters.get(name).map(escape::unescape)
    }

    /// Header fields for a request built from the URI: names and values as written.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `transport=`, as written.
    pub fn transport(&self) -> Option<&str> {
        self.parameters.get("transport")
    }

    /// Whether `;lr` marks a loose router (RFC 3261 §16.12).
    pub fn lr(&self) -> bool {
        self.parameters.contains("lr")
    }

    /// `maddr=`: where to send instead of to the host.
    pub fn maddr(&self) -> Option<Host> {
        let value = self.parameters.get("maddr")?;
        value
            .parse()
            .ok()
            .or_else(|| host::ipv6(value).ok().map(Host::V6))
    }

    /// With this user part, given in plain text.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        self.written = None;
        self.user = (!user.is_empty()).then(|| escape::escape(user, escape::is_user));
        self
    }

    /// Without user part and password.
    #[must_use]
    pub fn without_user(mut self) -> Self {
        self.written = None;
        self.user = None;
        self.password = None;
        self
    }

    /// As `sips:`, or as `sip:`.
    #[must_use]
    pub fn with_secure(mut self, secure: bool) -> Self {
        self.written = None;
        self.secure = secure;
        self
    }

    /// With this host.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.written = None;
        self.host = host;
        self
    }

    /// With this port, or without one.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> Self {
        self.written = None;
        self.port = port;
        self
    }

    /// With this parameter, its value in plain text.
    #[must_use]
    pub fn with_parameter(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.written = None;
        let value = value.map(|value| escape::escape(value, escape::is_param));
        self.parameters.put(escape::token(name), value);
        self
    }

    /// Without this parameter.
    #[must_use]
    pub fn without_parameter(mut self, name: &str) -> Self {
        self.written = None;
        self.parameters.remove(name);
        self
    }

    /// Without any parameter.
    #[must_use]
    pub fn without_parameters(mut self) -> Self {
        self.written = None;
        self.parameters = Params::new();
        self
    }

    /// Without its header fields, which a Request-URI may not have (RFC 3261 §19.1.1).
    #[must_use]
    pub fn without_headers(mut self) -> Self {
        self.written = None;
        self.headers.clear();
        self
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4).
    ///
    /// The header component is compared as text after unescaping, not by each field's own grammar.
    pub fn equivalent(&self, other: &Self) -> bool {
        let normal = |part: &Option<String>| part.as_deref().map(escape::normal);
        self.secure == other.secure
            && normal(&self.user) == normal(&other.user)
            && normal(&self.password) == normal(&other.password)
            && self.host == other.host
            && self.port == other.port
            && self.parameters_match(other)
            && self.sorted_headers() == other.sorted_headers()
    }

    fn parameters_match(&self, other: &Self) -> bool {
        // These never match their absence, not even where they say the default. RFC 3261 lists `user`,
        // `ttl`, `method` and `maddr`; that `transport` is one of them only its examples show.
        const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        let value = |uri: &Self, name: &str| {
            uri.parameters
                .get(name)
                .map(|value| escape::normal(value).to_ascii_lowercase())
        };
        let shared_agree = self.parameters.iter().all(|(name, _)| {
            let theirs = value(other, name);
            theirs.is_none() || theirs == value(self, name)
        });
        shared_agree
            && NEVER_IGNORED
                .iter()
                .all(|name| value(self, name) == value(other, name))
    }

    fn sorted_headers(&self) -> Vec<(String, String)> {
        let normal = |(name, value): (&str, &str)| {
            (
                escape::normal(name).to_ascii_lowercase(),
                escape::normal(value),
            )
        };
        let mut headers: Vec<_> = self.headers().map(normal).collect();
        headers.sort_unstable();
        headers
    }

    /// Everything but how it was written.
    #[allow(
        clippy::type_complexity,
        reason = "borrowed fields, for `Eq` and `Hash` only"
    )]
    fn parts(
        &self,
    ) -> (
        bool,
        Option<&str>,
        Option<&str>,
        &Host,
        Option<u16>,
        String,
        &[(String, String)],
    ) {
        let parameters = self.parameters.to_string();
        (
            self.secure,
            self.user(),
            self.password(),
            &self.host,
            self.port,
            parameters,
            &self.headers,
        )
    }
}

impl Eq for SipUri {}

impl PartialEq for SipUri {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Hash for SipUri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Debug for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure {
            "sips:[personal]"
        } else {
            "sip:[personal]"
        })
    }
}

impl FromStr for SipUri {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyntaxError::NoScheme)?;
        let secure = scheme.eq_ignore_ascii_case("sips");
        if !secure && !scheme.eq_ignore_ascii_case("sip") {
            return Err(SyntaxError::NoScheme);
        }
        // The user part may hold `;`, `?` and `/`, so the `@` is looked for first (RFC 4475 §3.1.1.9).
        let (userinfo, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) = userinfo.map_or(Ok((None, None)), parse_userinfo)?;
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, parse_headers(headers)?),
            None => (rest, Vec::new()),
        };
        let (host_port, parameters) = match rest.split_once(';') {
            Some((host_port, parameters)) => (host_port, parse_parameters(parameters)?),
            None => (rest, Params::new()),
        };
        if host_port.contains([' ', '\t']) {
            return Err(SyntaxError::BadCharacter);
        }
        let (host, port) = host::host_and_port(host_port)?;
        let written = Some(text.into());
        Ok(Self {
            secure,
            user,
            password,
            host,
            port,
            parameters,
            headers,
            written,
        })
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(written) = &self.written {
            return f.write_str(written);
        }
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.parameters)?;
        for (at, (name, value)) in self.headers.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

fn parse_userinfo(text: &str) -> Result<(Option<String>, Option<String>), SyntaxError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    if user.is_empty() {
        return Err(SyntaxError::Empty);
    }
    escape::check(user, escape::is_user)?;
    escape::check(password.unwrap_or_default(), escape::is_password)?;
    Ok((Some(user.to_owned()), password.map(ToOwned::to_owned)))
}

fn parse_parameters(text: &str) -> Result<Params, SyntaxError> {
    let mut parameters = Params::new();
    for part in text.split(';') {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        };
        if name.is_empty() {
            return Err(SyntaxError::Empty);
        }
        escape::check(name, escape::is_param)?;
        escape::check(value.unwrap_or_default(), escape::is_param)?;
        parameters.append(name, value);
    }
    Ok(parameters)
}

fn parse_headers(text: &str) -> Result<Vec<(String, String)>, SyntaxError> {
    let mut headers = Vec::new();
    for part in text.split('&') {
        let (name, value) = part.split_once('=').ok_or(SyntaxError::Empty)?;
        if name.is_empty() {
            return Err(SyntaxError::Empty);
        }
        escape::check(name, escape::is_header)?;
        escape::check(value, escape::is_header)?;
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(headers)
}
