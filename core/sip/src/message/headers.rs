//! The header fields of a message: an ordered list that loses nothing.

use std::borrow::Cow;

use super::lex::{self, Grouping};
use super::{BuildError, Header, HeaderError, HeaderFault, SyntaxError, header};

/// Header fields in their order and as they were written.
///
/// Names given to any method may be full or compact, in any case. Typed views are read on demand, so an odd
/// field hurts only the one who asks for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Every field in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// How many lines there are (a line may hold several values).
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a field of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&Header> {
        self.0.iter().find(|header| header.is(name))
    }

    /// Every field of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Header> + 'a {
        self.0.iter().filter(move |header| header.is(name))
    }

    /// The value of the first field of that name, unfolded; bytes as they came.
    pub fn get_raw(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.get(name).map(Header::value)
    }

    /// The values of every field of that name, one a line, unfolded; bytes as they came.
    pub fn all_raw<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        self.all(name).map(Header::value)
    }

    /// The value of the first field of that name as text.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(Header::text)
    }

    /// Adds a field at the end. Line breaks in `value` become spaces (see [`Header::new`]).
    pub fn push(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.0.push(Header::new(name, value));
    }

    /// Adds a field whose name or value came from outside the program.
    ///
    /// # Errors
    /// If the name is no token, or the value holds CR, LF or NUL.
    pub fn try_push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), BuildError> {
        self.0.push(Header::checked(name, value)?);
        Ok(())
    }

    /// Adds a field at the end, such as one copied from another message.
    pub fn push_header(&mut self, header: Header) {
        self.0.push(header);
    }

    /// Adds a field before the first of the same name, or before all others: Via, Route, Record-Route.
    pub fn insert_front(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        let at = self
            .0
            .iter()
            .position(|header| header.is(name))
            .unwrap_or(0);
        self.0.insert(at, Header::new(name, value));
    }

    /// Makes this the only field of that name, where the first one stood or at the end.
    pub fn set(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        let at = self.0.iter().position(|header| header.is(name));
        self.remove(name);
        let at = at.unwrap_or(self.0.len());
        self.0.insert(at, Header::new(name, value));
    }

    /// Removes every field of that name; says how many lines went.
    pub fn remove(&mut self, name: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|header| !header.is(name));
        before.saturating_sub(self.0.len())
    }

    /// Copies every field of that name from `other`, in order, to the end.
    pub fn copy_from(&mut self, other: &Self, name: &str) {
        self.0.extend(other.all(name).cloned());
    }

    /// Every value of a field that is a comma-separated list, over all its lines (RFC 3261 §7.3.1). Empty
    /// elements are left out.
    ///
    /// # Errors
    /// If a quote, bracket or comment is not closed.
    pub fn values(&self, name: &'static str) -> Result<Vec<String>, HeaderError> {
        let mut values = Vec::new();
        for header in self.all(name) {
            let text = header.text();
            let parts = lex::split(&text, ',', grouping(name))
                .map_err(|fault| HeaderError::syntax(name, fault))?;
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            values.extend(parts.map(ToOwned::to_owned));
        }
        Ok(values)
    }

    /// Puts `value` in place of the first value of a list field: how a server stamps the top Via. Says
    /// whether there was one.
    pub fn replace_first_value(&mut self, name: &'static str, value: &str) -> bool {
        self.edit_first_value(name, Some(value))
    }

    /// Takes the first value of a list field away: how a proxy pops its Via or Route. Says whether there was
    /// one.
    pub fn remove_first_value(&mut self, name: &'static str) -> bool {
        self.edit_first_value(name, None)
    }

    fn edit_first_value(&mut self, name: &'static str, value: Option<&str>) -> bool {
        let Some(at) = self.0.iter().position(|header| header.is(name)) else {
            return false;
        };
        let Some(header) = self.0.get_mut(at) else {
            return false;
        };
        let text = header.text().into_owned();
        let comma = lex::find(&text, grouping(name), |c| c == ',')
            .ok()
            .flatten();
        let rest = comma
            .and_then(|at| text.get(at..))
            .and_then(|tail| tail.strip_prefix(','));
        match (value, rest.map(lex::trim)) {
            (Some(value), Some(rest)) => *header = Header::new(name, format!("{value}, {rest}")),
            (Some(value), None) => *header = Header::new(name, value),
            (None, Some(rest)) => *header = Header::new(name, rest),
            (None, None) => drop(self.0.remove(at)),
        }
        true
    }

    /// The value of a field that may stand only once.
    pub(super) fn single(&self, name: &'static str) -> Result<Option<Cow<'_, str>>, HeaderError> {
        let mut found = self.all(name);
        let first = found.next().map(Header::text);
        match found.next() {
            Some(_) => Err(HeaderError {
                name,
                fault: HeaderFault::Repeated,
            }),
            None => Ok(first),
        }
    }

    pub(super) fn parsed<T>(&self, name: &'static str) -> Result<Option<T>, HeaderError>
    where
        T: std::str::FromStr<Err = SyntaxError>,
    {
        let text = self.single(name)?;
        let parse = |text: Cow<'_, str>| text.parse().map_err(|f| HeaderError::syntax(name, f));
        text.map(parse).transpose()
    }

    pub(super) fn required<T>(&self, name: &'static str) -> Result<T, HeaderError>
    where
        T: std::str::FromStr<Err = SyntaxError>,
    {
        self.parsed(name)?.ok_or(HeaderError::missing(name))
    }

    pub(super) fn list<T>(&self, name: &'static str) -> Result<Vec<T>, HeaderError>
    where
        T: std::str::FromStr<Err = SyntaxError>,
    {
        let parse = |text: String| text.parse().map_err(|f| HeaderError::syntax(name, f));
        self.values(name)?.into_iter().map(parse).collect()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type IntoIter = std::slice::Iter<'a, Header>;
    type Item = &'a Header;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Extend<Header> for Headers {
    fn extend<T: IntoIterator<Item = Header>>(&mut self, headers: T) {
        self.0.extend(headers);
    }
}

/// Where a comma does not separate: the grammar of each field (RFC 3261 §25.1).
fn grouping(name: &str) -> Grouping {
    use header::name::{
        CONTACT, P_ASSERTED_IDENTITY, PATH, RECORD_ROUTE, REFER_TO, REFERRED_BY, ROUTE,
        SERVICE_ROUTE, VIA,
    };
    let addresses = [
        CONTACT,
        P_ASSERTED_IDENTITY,
        PATH,
        RECORD_ROUTE,
        REFER_TO,
        REFERRED_BY,
        ROUTE,
        SERVICE_ROUTE,
        "Alert-Info",
        "Call-Info",
        "Error-Info",
        "Reply-To",
        "History-Info",
        "Diversion",
    ];
    let name = header::canonical_name(name);
    if addresses
        .iter()
        .any(|address| address.eq_ignore_ascii_case(name))
    {
        Grouping::Angles
    } else if name.eq_ignore_ascii_case(VIA) {
        Grouping::Comments
    } else {
        Grouping::Quotes
    }
}
