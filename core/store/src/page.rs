//! The history in pages, newest first.

use std::fmt;
use std::str::FromStr;

use crate::UnixMillis;

/// The most rows one page holds, whatever was asked for.
pub const MAX_PAGE: usize = 500;

/// One page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Rows of this page that are left out because they cannot be read: part of them is lost, or a newer
    /// version wrote them.
    pub unreadable: usize,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// A place in a list that stays right while rows come and go: it names the last row seen, not a count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    pub(crate) started: UnixMillis,
    pub(crate) row: i64,
}

/// As a word, for whoever keeps a place outside of this program.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.row, self.started.0)
    }
}

/// A word no [`Cursor`] gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a place in the history")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(word: &str) -> Result<Self, NotACursor> {
        let (row, started) = word.split_once('@').ok_or(NotACursor)?;
        Ok(Self {
            started: UnixMillis(started.parse().map_err(|_| NotACursor)?),
            row: row.parse().map_err(|_| NotACursor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let place = Cursor {
            started: UnixMillis(-7),
            row: 12,
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        assert_eq!("12".parse::<Cursor>(), Err(NotACursor));
        assert_eq!("12@noon".parse::<Cursor>(), Err(NotACursor));
    }
}
