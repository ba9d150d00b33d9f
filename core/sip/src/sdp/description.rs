//! A session description as lines with their values: nothing understood yet, nothing lost.
//!
//! `Debug` shows the shape only, as addresses, names and keys may not reach a log; `Display` is the wire.

use std::fmt;
use std::net::IpAddr;

/// A whole description (RFC 8866 §5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionDescription {
    /// `o=`.
    pub origin: Origin,
    /// `s=`; `-` where the writer left it out.
    pub name: String,
    /// `c=` of the session, for all media that have none.
    pub connection: Option<Connection>,
    /// The session's other lines (`i u e p b t r z k`) in the order read; `t=0 0` where the writer left it
    /// out.
    pub lines: Vec<Line>,
    /// `a=` lines of the session, in order.
    pub attributes: Vec<Attribute>,
    /// The m-lines, in order.
    pub media: Vec<MediaSection>,
}

/// `o=`: who described the session, and which revision this is (RFC 8866 §5.2).
///
/// Kept as text: the numbers of some writers exceed 64 bits.
#[derive(Clone, Eq, PartialEq)]
pub struct Origin {
    /// The writer's name for itself, mostly `-`.
    pub username: String,
    /// Constant over the session.
    pub session_id: String,
    /// Increases with every change (RFC 3264 §8).
    pub version: String,
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// An address or domain name of the writer; only for uniqueness.
    pub address: String,
}

/// `c=`: where media goes (RFC 8866 §5.7).
#[derive(Clone, Eq, PartialEq)]
pub struct Connection {
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// The address as written, with the `/ttl` of a multicast one; or a domain name.
    pub address: String,
}

/// A line that is kept and not looked at.
#[derive(Clone, Eq, PartialEq)]
pub struct Line {
    /// The letter before `=`.
    pub letter: char,
    /// What follows `=`.
    pub value: String,
}

/// `a=name` or `a=name:value`.
#[derive(Clone, Eq, PartialEq)]
pub struct Attribute {
    /// Its name, case as written.
    pub name: String,
    /// What follows the colon; `None` for a flag.
    pub value: Option<String>,
}

/// One `m=` line and what belongs to it (RFC 8866 §5.14).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaSection {
    /// `audio`, `video`, `image`, …
    pub media: String,
    /// 0: rejected, or no longer in use.
    pub port: u16,
    /// The `/n` after the port.
    pub port_count: Option<u16>,
    /// `RTP/AVP`, `udptl`, …
    pub protocol: String,
    /// Payload types for RTP; anything else for others.
    pub formats: Vec<String>,
    /// Its own `c=`.
    pub connection: Option<Connection>,
    /// Its other lines (`i b k`) in the order read.
    pub lines: Vec<Line>,
    /// Its `a=` lines, in order.
    pub attributes: Vec<Attribute>,
}

impl SessionDescription {
    /// A description of nothing yet.
    pub fn new(origin: Origin, name: String) -> Self {
        Self {
            origin,
            name,
            connection: None,
            lines: vec![Line::always()],
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Whether `other` says the same, whatever version it claims to be.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let unversioned = |description: &Self| {
            let mut copy = description.clone();
            copy.origin.version.clear();
            copy
        };
        unversioned(self) == unversioned(other)
    }

    /// Whether nothing changed since `earlier`, as in a session refresh: same `o=` (RFC 3264 §8), and the same
    /// content, because there are phones that hold without a new version.
    pub fn repeats(&self, earlier: &Self) -> bool {
        self.origin == earlier.origin && self.says_the_same_as(earlier)
    }

    /// The domain names of `c=` lines, which somebody has to look up before media can flow.
    pub fn unresolved_names(&self) -> impl Iterator<Item = &str> {
        let own = self
            .media
            .iter()
            .filter_map(|section| section.connection.as_ref());
        self.connection
            .iter()
            .chain(own)
            .filter(|connection| connection.ip().is_none())
            .map(|connection| connection.address.as_str())
    }

    /// Puts `address` in the place of `name` in every `c=`.
    pub fn resolve(&mut self, name: &str, address: IpAddr) {
        let own = self
            .media
            .iter_mut()
            .filter_map(|section| section.connection.as_mut());
        for connection in self.connection.iter_mut().chain(own) {
            if connection.address.eq_ignore_ascii_case(name) {
                *connection = Connection::new(address);
            }
        }
    }

    /// The value of the attribute `name` that applies to `section`: its own, or else the session's.
    pub(super) fn inherited<'a>(
        &'a self,
        section: &'a MediaSection,
        name: &str,
    ) -> Option<&'a str> {
        section
            .attribute(name)
            .or_else(|| find(&self.attributes, name))
    }
}

impl Line {
    /// `t=0 0`: a session without end, as every call is.
    pub(super) fn always() -> Self {
        Self {
            letter: 't',
            value: "0 0".to_owned(),
        }
    }
}

impl Origin {
    /// The origin of a description of our own.
    pub fn new(username: &str, session_id: u64, version: u64, address: IpAddr) -> Self {
        Self {
            username: username.to_owned(),
            session_id: session_id.to_string(),
            version: version.to_string(),
            address_type: address_type(address).to_owned(),
            address: address.to_string(),
        }
    }

    /// Its address; `None` if it is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }
}

impl Connection {
    /// Media to that address.
    pub fn new(address: IpAddr) -> Self {
        Self {
            address_type: address_type(address).to_owned(),
            address: address.to_string(),
        }
    }

    /// Its address; `None` if it is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        let bare = self.address.split('/').next()?;
        bare.parse().ok()
    }
}

impl Attribute {
    /// `a=name`.
    pub fn flag(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
        }
    }

    /// `a=name:value`.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.into()),
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl MediaSection {
    /// The value of its first attribute of that name; empty for a flag.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }

    /// The values of all its attributes of that name, in order; flags left out.
    pub fn attributes_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.attributes, name)
    }

    /// Whether the stream is rejected or over.
    pub const fn is_rejected(&self) -> bool {
        self.port == 0
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({} {} [personal])", self.session_id, self.version)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.ip() {
            Some(ip) if ip.is_unspecified() => "Connection(unspecified)",
            Some(_) => "Connection([personal])",
            None => "Connection(name [personal])",
        })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=[personal]", self.letter)
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let harmless = LOGGED.iter().any(|name| self.is(name));
        match &self.value {
            Some(value) if harmless => write!(f, "{}:{value}", self.name),
            Some(_) => write!(f, "{}:[personal]", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Attributes whose values say nothing of a person and much of a failed negotiation.
const LOGGED: [&str; 8] = [
    "fmtp", "group", "maxptime", "mid", "ptime", "rtcp-fb", "rtpmap", "setup",
];

/// The value of the first attribute of that name; empty for a flag.
pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.is(name))?;
    Some(found.value.as_deref().unwrap_or_default())
}

/// The values of all attributes of that name.
pub(super) fn values<'a>(
    attributes: &'a [Attribute],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |a| a.is(name))
        .filter_map(|a| a.value.as_deref())
}

/// The word for an address's family.
pub(super) const fn address_type(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    }
}
