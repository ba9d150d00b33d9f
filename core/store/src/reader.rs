//! Reading the store.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Row, params};
use tandem_types::{AccountId, Address, CallId, CallQuality, Pii};

use crate::{
    Account, CallRecord, Cursor, Key, MAX_PAGE, Page, StoreError, UnixMillis, connection, schema,
    words,
};

/// A view of the store that cannot change it: any number of them, in any process, beside the one writer.
///
/// Each answer is one consistent moment of the store; two answers may be two moments.
pub struct Reader {
    connection: Connection,
}

macro_rules! select_calls {
    ($rest:literal) => {
        concat!(
            "SELECT calls.id AS row, call, person, person_name, peer, account,
                accounts.address AS account_address, protocol, direction, media,
                started_at, ringing_at, accepted_at, ended_at, end_reason,
                packets_sent, packets_received, packets_lost, frames_concealed, jitter, round_trip,
                encryption, trust, sender_device
            FROM calls LEFT JOIN accounts ON accounts.id = calls.account ",
            $rest
        )
    };
}

const ONE: &str = select_calls!("WHERE call = ?1");

/// Rows below a cursor: (started at, row), most rows.
pub(crate) const PAGE: &str = select_calls!(
    "WHERE (started_at, calls.id) < (?1, ?2) ORDER BY started_at DESC, calls.id DESC LIMIT ?3"
);

impl Reader {
    /// Opens the store in `folder` for reading, whether or not a writer has it open.
    ///
    /// The folder must be writable even so: readers and writer meet in a file of shared memory beside the
    /// database, which the first of them creates.
    pub fn open(folder: &Path, key: &Key) -> Result<Self, StoreError> {
        let path = folder.join(connection::DATABASE);
        if !path.try_exists()? {
            return Err(StoreError::Missing);
        }
        let connection = connection::reading(&path, key)?;
        if schema::version(&connection)? < schema::newest() {
            return Err(StoreError::NotMigrated);
        }
        Ok(Self { connection })
    }

    /// One page of the call history, newest first: at most `limit` rows (1 to [`MAX_PAGE`]), from the start
    /// or from where the page before ended. Rows that cannot be read are left out, and counted.
    pub fn calls(
        &self,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<CallRecord>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let before = before.unwrap_or(Cursor {
            started: UnixMillis(i64::MAX),
            row: i64::MAX,
        });
        let mut statement = self.connection.prepare(PAGE)?;
        // One more than asked for says whether there is a next page.
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut rows = statement.query(params![before.started.0, before.row, most])?;
        let mut page = Page {
            items: Vec::new(),
            unreadable: 0,
            next: None,
        };
        let mut last = None;
        while let Some(row) = rows.next()? {
            if page.items.len().saturating_add(page.unreadable) == limit {
                page.next = last;
                break;
            }
            last = Some(Cursor {
                started: UnixMillis(row.get("started_at")?),
                row: row.get("row")?,
            });
            match read_call(row) {
                Ok(call) => page.items.push(call),
                // One bad row takes no others with it.
                Err(StoreError::Damaged | StoreError::NoWord(_)) => page.unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// One call, if the log has it.
    pub fn call(&self, id: &CallId) -> Result<Option<CallRecord>, StoreError> {
        let mut statement = self.connection.prepare(ONE)?;
        let mut rows = statement.query([id.as_str()])?;
        rows.next()?.map(read_call).transpose()
    }

    /// Every account the history may name, in the order they were first seen.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT id, address FROM accounts ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut accounts = Vec::new();
        while let Some(row) = rows.next()? {
            accounts.push(read_account(row.get("id")?, row.get("address")?)?);
        }
        Ok(accounts)
    }

    /// For the one writer, which checked its connection itself.
    pub(crate) fn over(connection: Connection) -> Self {
        Self { connection }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn read_call(row: &Row<'_>) -> Result<CallRecord, StoreError> {
    let word = |column: &str| row.get::<_, String>(column);
    let moment = |column: &str| -> rusqlite::Result<Option<UnixMillis>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(UnixMillis))
    };
    let personal = |column: &str| -> rusqlite::Result<Option<Pii<String>>> {
        Ok(row.get::<_, Option<String>>(column)?.map(Pii::new))
    };
    let account: Option<i64> = row.get("account")?;
    let end_reason: Option<String> = row.get("end_reason")?;
    Ok(CallRecord {
        id: CallId::parse(&word("call")?).ok_or(StoreError::Damaged)?,
        direction: words::DIRECTION.value(&word("direction")?)?,
        peer: address(&word("peer")?)?,
        person: personal("person")?,
        person_name: personal("person_name")?,
        account: account
            .map(|id| read_account(id, row.get("account_address")?))
            .transpose()?,
        protocol: words::PROTOCOL.value(&word("protocol")?)?,
        media: words::media_kinds(&word("media")?)?,
        started: UnixMillis(row.get("started_at")?),
        ringing: moment("ringing_at")?,
        accepted: moment("accepted_at")?,
        ended: moment("ended_at")?,
        end_reason: end_reason.as_deref().map(words::end_reason).transpose()?,
        quality: read_quality(row)?,
        encryption: words::ENCRYPTION.value(&word("encryption")?)?,
        trust: words::TRUST.value(&word("trust")?)?,
        sender_device: personal("sender_device")?,
    })
}

fn read_quality(row: &Row<'_>) -> Result<CallQuality, StoreError> {
    let count = |column: &str| -> Result<u64, StoreError> {
        u64::try_from(row.get::<_, i64>(column)?).map_err(|_| StoreError::Damaged)
    };
    let round_trip: Option<i64> = row.get("round_trip")?;
    Ok(CallQuality {
        packets_sent: count("packets_sent")?,
        packets_received: count("packets_received")?,
        packets_lost: count("packets_lost")?,
        frames_concealed: count("frames_concealed")?,
        jitter: Duration::from_micros(count("jitter")?),
        round_trip: match round_trip {
            Some(_) => Some(Duration::from_micros(count("round_trip")?)),
            None => None,
        },
    })
}

fn read_account(id: i64, text: String) -> Result<Account, StoreError> {
    Ok(Account {
        id: AccountId(u64::try_from(id).map_err(|_| StoreError::Damaged)?),
        address: address(&text)?,
    })
}

fn address(text: &str) -> Result<Pii<Address>, StoreError> {
    let address: Address = text.parse().map_err(|_| StoreError::Damaged)?;
    Ok(Pii::new(address))
}
