//! `tandem history`: read beside a running call, or without one.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tandem_engine::{
    CallRecord, FileSecrets, LogDirection, Reader, StoreError, Trust, UnixMillis,
    existing_store_key,
};
use tandem_types::{Encryption, MediaKind};

use crate::Failure;
use crate::args::HistoryArgs;
use crate::exit::Exit;
use crate::report::{Report, quality, trust_word};

/// Prints the newest calls.
pub fn show(data: &Path, args: &HistoryArgs, report: &Report) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Internal, error);
    let secrets = FileSecrets::new(data.join("keys"));
    let key = existing_store_key(&secrets).map_err(|error| failed(&error))?;
    let (mut calls, mut unreadable) = (Vec::new(), 0);
    if let Some(key) = key {
        match Reader::open(data, &key) {
            Ok(reader) => {
                let read = newest(&reader, args.limit).map_err(|error| failed(&error))?;
                (calls, unreadable) = read;
            }
            Err(StoreError::Missing) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    let objects: Vec<Value> = calls.iter().map(object).collect();
    let mut lines: Vec<String> = calls.iter().map(line).collect();
    if lines.is_empty() {
        lines.push("no calls yet".into());
    }
    report.history(&objects, &lines);
    if unreadable > 0 {
        report.note(&format!("{unreadable} more cannot be read"));
    }
    Ok(())
}

fn newest(reader: &Reader, limit: u32) -> Result<(Vec<CallRecord>, usize), StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut calls, mut unreadable) = (Vec::new(), 0);
    let mut before = None;
    while calls.len() < limit {
        let page = reader.calls(before, limit - calls.len())?;
        calls.extend(page.items);
        unreadable += page.unreadable;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok((calls, unreadable))
}

fn object(call: &CallRecord) -> Value {
    let media: Vec<&str> = call.media.iter().map(|kind| media_word(*kind)).collect();
    json!({
        "call": call.id.as_str(),
        "direction": direction(call),
        "peer": call.peer.reveal().as_str(),
        "account": call.account.as_ref().map(|account| account.address.reveal().as_str()),
        "started_unix_ms": call.started.0,
        "ringing_unix_ms": call.ringing.map(|at| at.0),
        "accepted_unix_ms": call.accepted.map(|at| at.0),
        "ended_unix_ms": call.ended.map(|at| at.0),
        "end_reason": call.end_reason.map(tandem_types::EndReason::token),
        "protocol": "sip",
        "media": media,
        "encrypted": call.encryption != Encryption::None,
        "encryption": call.encryption.token(),
        "trust": trust_word(call.trust),
        "quality": Value::Object(quality(&call.quality)),
    })
}

fn line(call: &CallRecord) -> String {
    let arrow = match call.direction {
        LogDirection::Incoming => "from",
        LogDirection::Outgoing => "to  ",
    };
    let length = match (call.accepted, call.ended) {
        (Some(from), Some(to)) => minutes(to.0.saturating_sub(from.0)),
        (Some(_), None) => "up".into(),
        (None, _) => "-".into(),
    };
    let reason = match call.end_reason {
        Some(reason) => reason.to_string(),
        None => "still up".into(),
    };
    let peer = call.peer.reveal().as_str();
    format!(
        "{}  {arrow} {peer}  {length:>7}  {reason}{}",
        local(call.started, TimeZone::system()),
        protection(call.encryption, call.trust)
    )
}

/// What to say of a call's protection, behind everything else.
const fn protection(encryption: Encryption, trust: Trust) -> &'static str {
    match (encryption, trust) {
        (Encryption::None, _) => "",
        (_, Trust::Unverified) => "  (encrypted)",
        (_, Trust::Verified) => "  (encrypted, verified)",
        (_, Trust::Distrusted) => "  (encrypted, NOT with whom it seemed)",
    }
}

const fn direction(call: &CallRecord) -> &'static str {
    match call.direction {
        LogDirection::Incoming => "incoming",
        LogDirection::Outgoing => "outgoing",
    }
}

const fn media_word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        _ => "other",
    }
}

fn minutes(millis: i64) -> String {
    let seconds = millis / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `2026-01-31 12:34`, by the clock of whoever looks.
fn local(at: UnixMillis, zone: TimeZone) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(time) => time.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "????-??-?? ??:??".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(local(UnixMillis(0), TimeZone::UTC), "1970-01-01 00:00");
        assert_eq!(
            local(UnixMillis(951_782_400_000), TimeZone::UTC),
            "2000-02-29 00:00"
        );
        assert_eq!(
            local(UnixMillis(i64::MAX), TimeZone::UTC),
            "????-??-?? ??:??"
        );
    }
}
