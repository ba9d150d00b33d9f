//! The history in pages, newest first.

use crate::UnixMillis;

/// The most rows one page holds, whatever was asked for.
pub const MAX_PAGE: usize = 500;

/// One page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// A place in a list that stays right while rows come and go: it names the last row seen, not a count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    pub(crate) started: UnixMillis,
    pub(crate) row: i64,
}
