//! Writing the call log: one row a call, from the first ring to the end.
//!
//! ```text
//!   begin_call ──> open ──(mark_ringing, mark_accepted, update_quality)──> open
//!                   ├── finish_call ─────────────────────> ended ── delete_call ──> gone
//!                   └── the process dies, Store::open ──> ended: interrupted
//! ```
//!
//! Each method is one statement and so one transaction. An ended row no longer changes.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, named_params};
use tandem_types::{AccountId, Address, CallId, CallQuality, EndReason, Pii};

use crate::fault::strike;
use crate::{EndedCall, NewCall, Store, StoreError, UnixMillis, words};

impl Store {
    /// The number of the account with this address of record, given on first use and never again.
    ///
    /// Addresses are compared as text: the caller writes one account the same way each time.
    pub fn account_for(&mut self, address: &Address) -> Result<AccountId, StoreError> {
        let text = kept(address)?;
        let known: Option<i64> = self
            .connection()
            .query_row(
                "SELECT id FROM accounts WHERE address = ?1",
                [text],
                |row| row.get(0),
            )
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                strike();
                self.connection()
                    .execute("INSERT INTO accounts (address) VALUES (?1)", [text])?;
                strike();
                self.connection().last_insert_rowid()
            }
        };
        Ok(AccountId(
            u64::try_from(id).map_err(|_| StoreError::Damaged)?,
        ))
    }

    /// Writes the row of a call that begins.
    ///
    /// [`StoreError::CallExists`] for an id the log has, [`StoreError::UnknownAccount`] for an account it
    /// has not, [`StoreError::Address`] for a far end that could not be read back.
    pub fn begin_call(&mut self, call: &NewCall) -> Result<(), StoreError> {
        let account = call.account.map(|AccountId(id)| i64::try_from(id));
        let account = account
            .transpose()
            .map_err(|_| StoreError::UnknownAccount)?;
        strike();
        let inserted = self.connection().execute(
            "INSERT INTO calls (call, person, person_name, peer, account, protocol, direction, media,
                                started_at, alive_at)
             VALUES (:call, :person, :person_name, :peer, :account, :protocol, :direction, :media,
                     :started_at, :started_at)",
            named_params! {
                ":call": call.id.as_str(),
                ":person": call.person.as_ref().map(Pii::reveal),
                ":person_name": call.person_name.as_ref().map(Pii::reveal),
                ":peer": kept(call.peer.reveal())?,
                ":account": account,
                ":protocol": words::PROTOCOL.word(call.protocol)?,
                ":direction": words::DIRECTION.word(call.direction)?,
                ":media": words::media_words(&call.media)?,
                ":started_at": call.started.0,
            },
        );
        strike();
        match inserted {
            Ok(_) => Ok(()),
            Err(error) => Err(refused(error)),
        }
    }

    /// The far end, or this device, rings. The first report stands.
    pub fn mark_ringing(&mut self, call: &CallId, at: UnixMillis) -> Result<(), StoreError> {
        self.change(
            call,
            "UPDATE calls SET ringing_at = coalesce(ringing_at, :at), alive_at = max(alive_at, :at)
             WHERE call = :call AND ended_at IS NULL",
            named_params! { ":call": call.as_str(), ":at": at.0 },
        )
    }

    /// The call was answered. The first report stands.
    pub fn mark_accepted(&mut self, call: &CallId, at: UnixMillis) -> Result<(), StoreError> {
        self.change(
            call,
            "UPDATE calls SET accepted_at = coalesce(accepted_at, :at), alive_at = max(alive_at, :at)
             WHERE call = :call AND ended_at IS NULL",
            named_params! { ":call": call.as_str(), ":at": at.0 },
        )
    }

    /// How the call sounds so far, and that it is still up at `at`: what an interrupted call is left with.
    /// Each one waits for the disk, so every ten seconds or so, not every second.
    pub fn update_quality(
        &mut self,
        call: &CallId,
        at: UnixMillis,
        quality: &CallQuality,
    ) -> Result<(), StoreError> {
        self.change(
            call,
            "UPDATE calls SET alive_at = max(alive_at, :at),
                 packets_sent = :sent, packets_received = :received, packets_lost = :lost,
                 frames_concealed = :concealed, jitter = :jitter, round_trip = :round_trip
             WHERE call = :call AND ended_at IS NULL",
            named_params! {
                ":call": call.as_str(),
                ":at": at.0,
                ":sent": count(quality.packets_sent),
                ":received": count(quality.packets_received),
                ":lost": count(quality.packets_lost),
                ":concealed": count(quality.frames_concealed),
                ":jitter": micros(quality.jitter),
                ":round_trip": quality.round_trip.map(micros),
            },
        )
    }

    /// Closes the call's row.
    pub fn finish_call(&mut self, call: &CallId, end: &EndedCall) -> Result<(), StoreError> {
        let EndedCall { quality, .. } = end;
        self.change(
            call,
            "UPDATE calls SET alive_at = max(alive_at, :at), ended_at = :at, end_reason = :reason,
                 media = :media, encryption = :encryption, trust = :trust,
                 sender_device = :sender_device,
                 packets_sent = :sent, packets_received = :received, packets_lost = :lost,
                 frames_concealed = :concealed, jitter = :jitter, round_trip = :round_trip
             WHERE call = :call AND ended_at IS NULL",
            named_params! {
                ":call": call.as_str(),
                ":at": end.at.0,
                ":reason": end.reason.token(),
                ":media": words::media_words(&end.media)?,
                ":encryption": words::ENCRYPTION.word(end.encryption)?,
                ":trust": words::TRUST.word(end.trust)?,
                ":sender_device": end.sender_device.as_ref().map(Pii::reveal),
                ":sent": count(quality.packets_sent),
                ":received": count(quality.packets_received),
                ":lost": count(quality.packets_lost),
                ":concealed": count(quality.frames_concealed),
                ":jitter": micros(quality.jitter),
                ":round_trip": quality.round_trip.map(micros),
            },
        )
    }

    /// Takes an ended call out of the history; [`StoreError::CallOpen`] for one that is still up.
    pub fn delete_call(&mut self, call: &CallId) -> Result<(), StoreError> {
        strike();
        let deleted = self.connection().execute(
            "DELETE FROM calls WHERE call = ?1 AND ended_at IS NOT NULL",
            [call.as_str()],
        )?;
        strike();
        match (deleted, self.has_ended(call)?) {
            (0, Some(_)) => Err(StoreError::CallOpen),
            (0, None) => Err(StoreError::UnknownCall),
            _ => Ok(()),
        }
    }

    /// Runs an update that touches the row of `call` if it is open, and says why it did not.
    fn change(
        &mut self,
        call: &CallId,
        update: &str,
        values: &[(&str, &dyn rusqlite::ToSql)],
    ) -> Result<(), StoreError> {
        strike();
        let changed = self.connection().execute(update, values)?;
        strike();
        match (changed, self.has_ended(call)?) {
            (0, Some(_)) => Err(StoreError::CallEnded),
            (0, None) => Err(StoreError::UnknownCall),
            _ => Ok(()),
        }
    }

    /// `None` for a call the log has not.
    fn has_ended(&self, call: &CallId) -> Result<Option<bool>, StoreError> {
        let ended = "SELECT ended_at IS NOT NULL FROM calls WHERE call = ?1";
        let row = self
            .connection()
            .query_row(ended, [call.as_str()], |row| row.get(0));
        Ok(row.optional()?)
    }
}

/// Closes the rows that a killed writer left open and names their calls, oldest first.
pub(crate) fn close_interrupted(
    connection: &Connection,
    now: UnixMillis,
) -> Result<Vec<CallId>, StoreError> {
    // A clock that was set back must not make a call end before it began.
    let mut statement = connection.prepare(
        "UPDATE calls SET ended_at = max(started_at, min(alive_at, :now)), end_reason = :reason
         WHERE ended_at IS NULL RETURNING id, call",
    )?;
    let values = named_params! { ":now": now.0, ":reason": EndReason::Interrupted.token() };
    let mut rows = statement.query(values)?;
    let mut closed = Vec::new();
    while let Some(row) = rows.next()? {
        let id = CallId::parse(&row.get::<_, String>("call")?).ok_or(StoreError::Damaged)?;
        closed.push((row.get::<_, i64>("id")?, id));
    }
    closed.sort();
    Ok(closed.into_iter().map(|(_, call)| call).collect())
}

/// The text of an address, if it is read back as the same one.
fn kept(address: &Address) -> Result<&str, StoreError> {
    match address.as_str().parse::<Address>() {
        Ok(read) if read == *address => Ok(address.as_str()),
        _ => Err(StoreError::Address),
    }
}

/// Which rule of the table an insert broke.
fn refused(error: rusqlite::Error) -> StoreError {
    let failure = error.sqlite_error().map(|failure| failure.extended_code);
    match (error.sqlite_error_code(), failure) {
        (_, Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)) => StoreError::UnknownAccount,
        (Some(ErrorCode::ConstraintViolation), _) => StoreError::CallExists,
        _ => error.into(),
    }
}

/// SQLite's integers are signed; no call has 2⁶³ packets.
fn count(packets: u64) -> i64 {
    i64::try_from(packets).unwrap_or(i64::MAX)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
