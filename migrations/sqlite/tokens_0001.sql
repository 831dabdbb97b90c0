-- Tokens, in a file of their own: the command line writes here while a server holds the log.
CREATE TABLE token (
    id         TEXT PRIMARY KEY,
    -- SHA-256 of the token, which has 256 random bits: nothing slower is needed against guessing.
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user       TEXT NOT NULL,
    connection TEXT NOT NULL,
    -- A JSON list.
    groups     TEXT NOT NULL,
    instance   TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- Under which names a revoked token acted, for whoever asks what it did.
CREATE TABLE revoked (
    id         TEXT PRIMARY KEY,
    user       TEXT NOT NULL,
    connection TEXT NOT NULL,
    instance   TEXT
) STRICT;

CREATE TRIGGER token_revoked AFTER DELETE ON token BEGIN
    INSERT INTO revoked VALUES (old.id, old.user, old.connection, old.instance);
END;
