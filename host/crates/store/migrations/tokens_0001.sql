-- Tokens, in a file of their own: the command line writes here while a server holds the log.
CREATE TABLE token (
    id           TEXT PRIMARY KEY,
    -- SHA-256 of the token, which has 256 random bits: nothing slower is needed against guessing.
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user         TEXT NOT NULL,
    connection   TEXT NOT NULL,
    -- A JSON list.
    groups       TEXT NOT NULL,
    instance     TEXT,
    created_at   INTEGER NOT NULL,
    -- From this moment on it is refused; null: never.
    expires_at   INTEGER,
    -- To the hour.
    last_used_at INTEGER,
    -- Sessions of it that would be over at this moment or before were ended; null: none was in such a way.
    sessions_ended INTEGER
) STRICT;

-- Sessions that were signed out and would not be over yet. A session is told from others of its token by its end.
CREATE TABLE ended_session (
    token TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (token, until)
) STRICT, WITHOUT ROWID;

-- What was done to tokens and is not in the log yet: written in one transaction with the change itself, and removed
-- once the log has it. The id is that of the future entry, so that it is stored once however often it is told.
CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    action     TEXT NOT NULL CHECK (action IN ('api_key.created', 'api_key.revoked')),
    done_at    INTEGER NOT NULL,
    -- Who, and how they came in: a JSON object.
    done_by    TEXT NOT NULL,
    token      TEXT NOT NULL,
    user       TEXT NOT NULL,
    connection TEXT NOT NULL,
    groups     TEXT NOT NULL,
    instance   TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

-- Under which names a revoked token acted, for whoever asks what it did, and its hash: whoever sends it is turned away,
-- and whose it was is told.
CREATE TABLE revoked (
    id         TEXT PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user       TEXT NOT NULL,
    connection TEXT NOT NULL,
    instance   TEXT
) STRICT;

CREATE TRIGGER token_revoked AFTER DELETE ON token BEGIN
    INSERT INTO revoked VALUES (old.id, old.hash, old.user, old.connection, old.instance);
END;
