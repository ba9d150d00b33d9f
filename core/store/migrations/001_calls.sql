-- Times are UTC milliseconds since 1970, durations are microseconds.
-- Words (direction, protocol, media, end_reason, encryption, trust) are tokens of src/words.rs; a new
-- token needs a new schema version, so that an older program refuses the file instead of misreading it.

CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    address     TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE calls (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    call                TEXT NOT NULL UNIQUE,
    person              TEXT,
    person_name         TEXT,
    peer                TEXT NOT NULL,
    account             INTEGER REFERENCES accounts (id),
    protocol            TEXT NOT NULL,
    direction           TEXT NOT NULL,
    media               TEXT NOT NULL,
    started_at          INTEGER NOT NULL,
    ringing_at          INTEGER,
    accepted_at         INTEGER,
    -- The last moment this call is known to have been up: every change of the row moves it.
    alive_at            INTEGER NOT NULL,
    ended_at            INTEGER,
    end_reason          TEXT,
    packets_sent        INTEGER NOT NULL DEFAULT 0,
    packets_received    INTEGER NOT NULL DEFAULT 0,
    packets_lost        INTEGER NOT NULL DEFAULT 0,
    frames_concealed    INTEGER NOT NULL DEFAULT 0,
    jitter              INTEGER NOT NULL DEFAULT 0,
    round_trip          INTEGER,
    encryption          TEXT NOT NULL DEFAULT 'none',
    trust               TEXT NOT NULL DEFAULT 'unverified',
    sender_device       TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;

-- The history screen, newest first; the row number breaks ties.
CREATE INDEX calls_by_start ON calls (started_at, id);
CREATE INDEX calls_by_account ON calls (account);
-- At most a handful: what the next start has to close.
CREATE INDEX calls_open ON calls (id) WHERE ended_at IS NULL;
