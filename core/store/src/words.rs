//! The words that stand in the file for the values of the program.
//!
//! A word, once shipped, never changes its meaning; a new one needs a new schema version.

use std::collections::BTreeSet;

use tandem_types::{Encryption, EndReason, MediaKind, Protocol};

use crate::{CallDirection, StoreError, Trust};

/// A column's values and their words.
pub(crate) struct Words<T: 'static> {
    /// The column, for errors.
    name: &'static str,
    words: &'static [(T, &'static str)],
}

pub(crate) const DIRECTION: Words<CallDirection> = Words {
    name: "direction",
    words: &[
        (CallDirection::Incoming, "incoming"),
        (CallDirection::Outgoing, "outgoing"),
    ],
};

pub(crate) const PROTOCOL: Words<Protocol> = Words {
    name: "protocol",
    words: &[(Protocol::Sip, "sip")],
};

const MEDIA: Words<MediaKind> = Words {
    name: "media",
    words: &[(MediaKind::Audio, "audio"), (MediaKind::Video, "video")],
};

pub(crate) const ENCRYPTION: Words<Encryption> = Words {
    name: "encryption",
    words: &[
        (Encryption::None, "none"),
        (Encryption::Sdes, "sdes"),
        (Encryption::DtlsSrtp, "dtls-srtp"),
    ],
};

pub(crate) const TRUST: Words<Trust> = Words {
    name: "trust",
    words: &[
        (Trust::Unverified, "unverified"),
        (Trust::Verified, "verified"),
        (Trust::Distrusted, "distrusted"),
    ],
};

impl<T: Copy + PartialEq> Words<T> {
    /// The word for `value`.
    pub(crate) fn word(&self, value: T) -> Result<&'static str, StoreError> {
        let found = self.words.iter().find(|(known, _)| *known == value);
        found
            .map(|(_, word)| *word)
            .ok_or(StoreError::NoWord(self.name))
    }

    /// What `word` stands for.
    pub(crate) fn value(&self, word: &str) -> Result<T, StoreError> {
        let found = self.words.iter().find(|(_, known)| *known == word);
        found.map(|(value, _)| *value).ok_or(StoreError::Damaged)
    }
}

/// Media kinds as words with a space between them, in the order of the enum.
pub(crate) fn media_words(kinds: &BTreeSet<MediaKind>) -> Result<String, StoreError> {
    let words = kinds.iter().map(|kind| MEDIA.word(*kind));
    Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// What [`media_words`] wrote.
pub(crate) fn media_kinds(words: &str) -> Result<BTreeSet<MediaKind>, StoreError> {
    words
        .split_ascii_whitespace()
        .map(|word| MEDIA.value(word))
        .collect()
}

/// An end reason's word is its token.
pub(crate) fn end_reason(word: &str) -> Result<EndReason, StoreError> {
    word.parse().map_err(|_| StoreError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_no_other_does() {
        for kinds in [
            vec![],
            vec![MediaKind::Audio],
            vec![MediaKind::Video, MediaKind::Audio],
        ] {
            let kinds = BTreeSet::from_iter(kinds);
            assert_eq!(media_kinds(&media_words(&kinds).unwrap()).unwrap(), kinds);
        }
        for (value, word) in ENCRYPTION.words {
            assert_eq!(ENCRYPTION.value(word).unwrap(), *value);
        }
        assert!(matches!(
            media_kinds("audio smell"),
            Err(StoreError::Damaged)
        ));
        assert!(matches!(TRUST.value(""), Err(StoreError::Damaged)));
    }
}
