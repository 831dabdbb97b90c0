-- Format 3: a log of format 2 gets these tables when it is opened.

-- The tools that MCP servers listed, so that a changed definition is seen. It outlives the entries about it.
CREATE TABLE tool (
    server      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    -- Hashes, parts and times: a JSON list, first the definition that was new last.
    definitions TEXT    NOT NULL,
    first_seen  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    -- A keyed digest of the caller whose listing had it last.
    seen_by     TEXT    NOT NULL,
    -- The newest entry about its definition.
    entry       BLOB    NOT NULL CHECK (length(entry) = 16),
    gone        INTEGER NOT NULL CHECK (gone IN (0, 1)),
    PRIMARY KEY (server, name)
) STRICT, WITHOUT ROWID;

-- Alerts on views. Zeros are the log's own, which has no view.
CREATE TABLE alert (
    view         BLOB    PRIMARY KEY CHECK (length(view) = 16),
    owner        TEXT    NOT NULL,
    -- The groups that the owner had when they set it: a JSON list.
    groups       TEXT    NOT NULL,
    instance     TEXT,
    -- A number of entries, or a field whose new values count.
    least        INTEGER,
    field        TEXT    CHECK ((field IS NULL) <> (least IS NULL)),
    minutes      INTEGER NOT NULL,
    raised_at    INTEGER,
    raised_entry BLOB    CHECK ((raised_entry IS NULL) = (raised_at IS NULL) AND length(raised_entry) = 16)
) STRICT;
