//! Lines to text: CRLF, and every line where RFC 8866 §9 has it.

use std::fmt;

use super::description::{Attribute, Connection, Line, MediaSection, SessionDescription};

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        line(f, 'v', "0")?;
        let who = [&origin.username, &origin.session_id, &origin.version].map(|word| or(word, "-"));
        let (kind, address) = (
            or(&origin.address_type, "IP4"),
            or(&origin.address, "0.0.0.0"),
        );
        line(f, 'o', &format!("{} IN {kind} {address}", who.join(" ")))?;
        line(f, 's', or(&self.name, "-"))?;
        lines(f, &self.lines, &['i'])?;
        lines(f, &self.lines, &['u'])?;
        lines(f, &self.lines, &['e'])?;
        lines(f, &self.lines, &['p'])?;
        connection(f, self.connection.as_ref())?;
        lines(f, &self.lines, &['b'])?;
        // Each r= belongs to the t= before it.
        lines(f, &self.lines, &['t', 'r'])?;
        lines(f, &self.lines, &['z'])?;
        lines(f, &self.lines, &['k'])?;
        attributes(f, &self.attributes)?;
        self.media.iter().try_for_each(|section| section.fmt(f))
    }
}

impl fmt::Display for MediaSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = match self.port_count {
            Some(count) => format!("{}/{count}", self.port),
            None => self.port.to_string(),
        };
        let formats = self.formats.join(" ");
        let value = format!("{} {ports} {} {formats}", self.media, self.protocol);
        line(f, 'm', value.trim_end())?;
        lines(f, &self.lines, &['i'])?;
        connection(f, self.connection.as_ref())?;
        lines(f, &self.lines, &['b'])?;
        lines(f, &self.lines, &['k'])?;
        attributes(f, &self.attributes)
    }
}

fn connection(f: &mut fmt::Formatter<'_>, connection: Option<&Connection>) -> fmt::Result {
    match connection {
        Some(c) => line(f, 'c', &format!("IN {} {}", c.address_type, c.address)),
        None => Ok(()),
    }
}

fn attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    attributes
        .iter()
        .try_for_each(|attribute| match &attribute.value {
            Some(value) => line(f, 'a', &format!("{}:{value}", attribute.name)),
            None => line(f, 'a', &attribute.name),
        })
}

fn lines(f: &mut fmt::Formatter<'_>, lines: &[Line], letters: &[char]) -> fmt::Result {
    lines
        .iter()
        .filter(|known| letters.contains(&known.letter))
        .try_for_each(|known| line(f, known.letter, &known.value))
}

/// Writes one line. A value cannot begin a line of its own, whatever was put into it.
fn line(f: &mut fmt::Formatter<'_>, letter: char, value: &str) -> fmt::Result {
    let safe: String = value
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n' | '\0'))
        .collect();
    write!(f, "{letter}={safe}\r\n")
}

fn or<'a>(value: &'a str, empty: &'a str) -> &'a str {
    if value.is_empty() { empty } else { value }
}
