//! What a panic says, for the log: without it a fault on somebody's phone is a call that ended for no reason.
//!
//! The text may quote what the code was looking at (a slice error prints the string it cut), so only words that
//! cannot be anybody's name, address or number are kept.

use std::any::Any;
use std::panic::{self, PanicHookInfo};

/// How much of a panic's text is kept, characters.
const TEXT_LIMIT: usize = 300;

/// Stands for what is left out.
const LEFT_OUT: &str = "[...]";

/// From now on every panic of the process is logged, then told to whoever was told before.
pub(super) fn tell_of_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        tell(panic);
        before(panic);
    }));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let text = text_of(panic.payload());
    // The file's name without its folders: those are of the machine it was built on.
    let at = panic.location().map(|at| {
        let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
        format!("{file}:{}", at.line())
    });
    let at = at.unwrap_or_default();
    tracing::error!(%at, "a fault inside: {text}");
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        // Written in the source as it stands.
        return text.chars().take(TEXT_LIMIT).collect();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => without_quotations(text),
        None => "no text".to_owned(),
    }
}

/// Leaves out everything between quotation marks, and every word with a sign or a run of digits in it that an
/// address, a number or a key may have.
fn without_quotations(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let pieces = unquoted(text);
    for (piece, inside) in &pieces {
        if *inside {
            kept.push(LEFT_OUT);
            continue;
        }
        for word in piece.split_whitespace() {
            kept.push(if is_plain(word) { word } else { LEFT_OUT });
        }
    }
    kept.dedup_by(|a, b| a == b && *a == LEFT_OUT);
    kept.join(" ").chars().take(TEXT_LIMIT).collect()
}

/// The text in pieces, each with whether it stands in quotation marks. An apostrophe inside a word is none; a
/// mark that is never closed quotes all the rest.
fn unquoted(text: &str) -> Vec<(String, bool)> {
    let mut pieces = vec![(String::new(), false)];
    let mut open: Option<char> = None;
    let mut before = ' ';
    for c in text.chars() {
        let opens = matches!(c, '"' | '`') || (c == '\'' && !before.is_alphanumeric());
        match open {
            Some(mark) if c == mark => {
                open = None;
                pieces.push((String::new(), false));
            }
            None if opens => {
                open = Some(c);
                pieces.push((String::new(), true));
            }
            _ => {
                if let Some((piece, _)) = pieces.last_mut() {
                    piece.push(c);
                }
            }
        }
        before = c;
    }
    pieces
}

/// A word of a language, of the code, or a small number.
fn is_plain(word: &str) -> bool {
    let word = word.trim_matches(|c: char| "()[]{},.;:!?".contains(c));
    let digits = word.chars().filter(char::is_ascii_digit).count();
    // Type names have colons: `Option::unwrap()`. Addresses of IPv6 have digits beside theirs.
    let signs = |c: char| matches!(c, '@' | '/' | '\\' | '=' | '+' | '#' | '*' | '%');
    let dotted = digits > 0 && word.contains(['.', ':']);
    let scheme = ["sip:", "sips:", "tel:", "xmpp:"];
    let scheme = scheme.iter().any(|scheme| word.starts_with(scheme));
    word.is_ascii() && digits <= 4 && !dotted && !scheme && !word.contains(signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_quotes_is_left_out_and_the_rest_is_kept() {
        let tale = |text: &str| without_quotations(text);
        assert_eq!(
            tale(
                "byte index 3 is not a char boundary; it is inside 'é' (bytes 2..4) of `alice@example.org`"
            ),
            "byte index 3 is not a char boundary; it is inside [...] (bytes [...] of [...]"
        );
        assert_eq!(
            tale(
                "called `Result::unwrap()` on an `Err` value: Parse { host: \"pbx.example.org\" }"
            ),
            "called [...] on an [...] value: Parse { host: [...] }"
        );
        assert_eq!(tale("no way to 192.0.2.7:5060"), "no way to [...]");
        assert_eq!(
            tale("unknown peer sip:bob and +4930123456"),
            "unknown peer [...] and [...]"
        );
        assert_eq!(
            tale("left 4, right 17: the queue isn't empty"),
            "left 4, right 17: the queue isn't empty"
        );
        assert_eq!(tale("an open \"quotation of bob"), "an open [...]");
    }

    #[test]
    fn a_text_of_the_source_is_kept_whole() {
        let caught = panic::catch_unwind(|| panic!("the leg's `session` is gone"));
        let payload = caught.unwrap_err();
        assert_eq!(text_of(&*payload), "the leg's `session` is gone");
        let payload: Box<dyn Any + Send> = Box::new(7);
        assert_eq!(text_of(&*payload), "no text");
    }
}
