-- The log: entries, their texts, their payloads; settings, schedule, holds and views beside it.
--
-- Entries are immutable. Triggers refuse every change from any connection; the writer's authorizer refuses it once more.
-- A row may only go below the head's prune points, and only the retention job moves those. A text may only go while the
-- head says so, and only the same job says it.
--
-- Triggers cannot tell who asks. Whoever may write the file can still append at exactly the next place, move the prune
-- points within the log and delete below them, let texts go, or drop the triggers. The running writer notices the first
-- two, the next start the last one, and for the rest there is the ledger outside of this file.

-- Each text that entries share, once per field. Small numbers keep entries narrow, the values of a field are cheap to
-- list, and free text is looked up here and not in the log. Fields are numbered by their place in the field table.
CREATE TABLE term (
    field INTEGER NOT NULL,
    -- Never given twice within a field, not even after the cleanup removed a text that no entry has any more.
    id    INTEGER NOT NULL CHECK (id > 0),
    text  TEXT    NOT NULL,
    PRIMARY KEY (field, id)
) STRICT, WITHOUT ROWID;
-- Not unique: a unique index would let INSERT OR REPLACE remove an older row.
CREATE INDEX term_text ON term (field, text);

-- An entry's columns in one blob, with numbers of variable length; docs/ledger.md has the form of it.
CREATE TABLE entry (
    -- Bounded far from where counting on would overflow.
    seq    INTEGER PRIMARY KEY CHECK (seq >= 0 AND seq < 1 << 62),
    fields BLOB    NOT NULL
) STRICT;

-- What neighbouring entries have in common, once for each combination: what was called, or who called. An entry has the
-- number of each. Numbers begin again with every era, a range of seqs, and go with the last entry of it.
CREATE TABLE common (
    -- The first seq of the era.
    first  INTEGER NOT NULL CHECK (first >= 0),
    number INTEGER NOT NULL CHECK (number > 0),
    fields BLOB    NOT NULL,
    PRIMARY KEY (first, number)
) STRICT, WITHOUT ROWID;

-- The index: what is written once about each full block of entries. Made from the entries, and made again from them at
-- the next start where it is missing. A block is a run of entries; 4,096 of them, or sixteen times as many.
CREATE TABLE block (
    first  INTEGER PRIMARY KEY,
    length INTEGER NOT NULL CHECK (length > 0),
    -- Which fields have a chunk: a bit each.
    fields INTEGER NOT NULL,
    -- The least and the greatest timed id, the greatest id of version 7, and a CRC-32 of first, length and these.
    ids    BLOB    NOT NULL
) STRICT;

-- Which entries have an id: of those after the last block. Made from the entries, and made again at each start. Ids are a
-- tenant's own, so an id may be there twice; the one who appends looks first.
CREATE TABLE entry_id (
    id  BLOB    NOT NULL CHECK (length(id) = 16),
    seq INTEGER NOT NULL,
    PRIMARY KEY (id, seq)
) STRICT, WITHOUT ROWID;

-- The same of the entries in blocks whose ids are not timed: not of version 7, or made long before or after the time of
-- recording.
CREATE TABLE other_id (
    id  BLOB    NOT NULL CHECK (length(id) = 16),
    seq INTEGER NOT NULL,
    PRIMARY KEY (id, seq)
) STRICT, WITHOUT ROWID;

-- The same of some of a block's entries whose ids are timed: four bytes for each, two of a hash of the id and two of the entry's position in
-- the block. Ends with its CRC-32.
CREATE TABLE id_part (
    -- first / 4096 * 512 + the number of the part
    place INTEGER PRIMARY KEY,
    ids   BLOB NOT NULL
) STRICT;

-- One field of one block. Where a block has no chunk of a field, no entry of it has a value there. Zone and planes end
-- with their CRC-32.
CREATE TABLE chunk (
    -- first / 4096 * 64 + field
    place  INTEGER PRIMARY KEY,
    -- Which values there are.
    zone   BLOB NOT NULL,
    -- Which entry has which, as bit planes.
    planes BLOB NOT NULL
) STRICT;

-- Usage: runs of entries whose requests are summed up. Made from the entries, and made again from them at the next start
-- where they are missing; once the entries are gone, they are the only record of them.
CREATE TABLE usage_run (
    first    INTEGER PRIMARY KEY,
    length   INTEGER NOT NULL CHECK (length > 0),
    -- Which dimensions have a value: a bit each.
    fields   INTEGER NOT NULL,
    -- When the first and the last of its hours begin; the last before the first where there is none.
    least    INTEGER NOT NULL,
    most     INTEGER NOT NULL,
    -- When its last entry was recorded.
    recorded INTEGER NOT NULL,
    -- The CRC-32 of all of this.
    checksum INTEGER NOT NULL
) STRICT;

-- The cells of one combination of dimensions, by hour or by day. Each blob ends with a CRC-32 of run, number, share,
-- which column it is, and its bytes.
CREATE TABLE usage_part (
    run       INTEGER NOT NULL,
    -- Which combination, and whether by day.
    number    INTEGER NOT NULL,
    -- Of the users, where their cells are divided among several parts.
    share     INTEGER NOT NULL,
    -- The dimensions, as columns.
    cells     BLOB    NOT NULL,
    -- What is counted of each: sums, a histogram of durations, and its users where they are no dimension.
    amounts   BLOB    NOT NULL,
    PRIMARY KEY (run, number, share)
) STRICT;

CREATE TABLE payload (
    seq      INTEGER PRIMARY KEY,
    salt     BLOB NOT NULL CHECK (length(salt) = 32),
    -- A text is the body itself, a blob is a zstd frame that holds it.
    request  ANY,
    response ANY,
    -- Lengths, marks: a JSON object.
    notes    TEXT NOT NULL
) STRICT;

-- The ledger: a Merkle tree over all entries there have ever been; docs/ledger.md has the form of it. A tile is up to 256
-- hashes side by side: of the leaves at level 0, of each full tile of the level below at the others.
CREATE TABLE tile (
    level  INTEGER NOT NULL CHECK (level >= 0 AND level < 8),
    number INTEGER NOT NULL CHECK (number >= 0),
    hashes BLOB    NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;

-- One row. Entries with seq < pruned and payloads with seq < payloads_pruned are gone by retention.
CREATE TABLE head (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    pruned          INTEGER NOT NULL,
    payloads_pruned INTEGER NOT NULL CHECK (payloads_pruned <= 1 << 62),
    -- 1 only within the transaction that removes texts that no entry has any more.
    sweeping        INTEGER NOT NULL DEFAULT 0 CHECK (sweeping IN (0, 1)),
    -- How many texts were removed so far. Readers look at it and forget what they remember.
    swept           INTEGER NOT NULL DEFAULT 0,
    -- Usage of entries with seq < usage_pruned is gone by retention; all of them began and were recorded by usage_until.
    usage_pruned    INTEGER NOT NULL DEFAULT 0,
    usage_until     INTEGER,
    -- The place of the entry whose payload is being erased; set only within the transaction that does it.
    erasing         INTEGER,
    -- How many leaves the ledger's tree has, and its root; that of no leaf is the hash of nothing.
    size            INTEGER NOT NULL DEFAULT 0,
    root            BLOB    NOT NULL DEFAULT x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
        CHECK (length(root) = 32)
) STRICT;
INSERT INTO head (one, pruned, payloads_pruned) VALUES (1, 0, 0);

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cron (
    name           TEXT PRIMARY KEY,
    next_run       INTEGER,
    last_run       INTEGER,
    last_succeeded INTEGER,
    last_message   TEXT,
    -- Set while a run is under way. Found at a start, it is a run that was interrupted.
    running_since  INTEGER
) STRICT, WITHOUT ROWID;

-- Legal holds. While one is in force, nothing goes that was recorded at or after its start.
CREATE TABLE hold (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    starts         INTEGER NOT NULL,
    ends           INTEGER CHECK (ends > starts),
    reason         TEXT    NOT NULL,
    placed_by      TEXT    NOT NULL,
    placed_at      INTEGER NOT NULL,
    released_by    TEXT,
    released_at    INTEGER,
    release_reason TEXT,
    CHECK ((released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason IS NULL))
) STRICT;

-- Keys that check the log's signatures: those in use and those of before.
CREATE TABLE verifier (
    -- As C2SP signed-note writes it.
    vkey  TEXT    PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was signed of the log, with places and roots of the tree. The first of each day stays for ever, the others for two
-- days of one a minute.
CREATE TABLE checkpoint (
    number    INTEGER PRIMARY KEY CHECK (number > 0),
    size      INTEGER NOT NULL,
    -- Known to the second.
    signed_at INTEGER NOT NULL CHECK (signed_at % 1000000 = 0),
    -- The signed note.
    note      TEXT    NOT NULL,
    archived  INTEGER NOT NULL CHECK (archived IN (0, 1)),
    -- The consistency proof from the archived one before to this, 32 bytes a hash: after a cleanup few of them can be made.
    link      BLOB CHECK ((link IS NULL) = (archived = 0) AND length(link) % 32 = 0)
) STRICT;
CREATE INDEX checkpoint_archived ON checkpoint (archived, number);

-- Until which checkpoint somebody said that the clock was right, however long a step it made.
CREATE TABLE clock (
    number INTEGER PRIMARY KEY
) STRICT;

-- Which checkpoint arrived last at each place where they are published. Of a sink of entries, whose name begins with
-- entries:, it is the seq after the last entry that it acknowledged; an operator may set it back.
CREATE TABLE place (
    name      TEXT    PRIMARY KEY,
    number    INTEGER NOT NULL,
    -- Whether the last one did not arrive, so that only the first failure and the end of it are told.
    failing   INTEGER NOT NULL CHECK (failing IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What judged the entries from a seq on, until the next record. A record stays for ever; the components that it names lie
-- in the folder policies/.
CREATE TABLE judged_by (
    number           INTEGER PRIMARY KEY CHECK (number > 0),
    since            INTEGER NOT NULL CHECK (since >= 0 AND since < 1 << 62),
    -- The policy, and then its extensions from the bottom up: a JSON list.
    layers           TEXT    NOT NULL,
    -- The same number for the same settings.
    settings_version INTEGER NOT NULL,
    -- Every declared setting with its value: a JSON object.
    settings         TEXT    NOT NULL,
    -- Where they were activated: the digests that the start named, as a JSON list.
    configured       TEXT,
    -- The floors that were off: a JSON object.
    floors           TEXT    NOT NULL
) STRICT;
CREATE INDEX judged_by_since ON judged_by (since);

-- Named searches, each of one user.
CREATE TABLE view (
    id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    -- The platform's instance that the owner belongs to; nobody of another one sees it.
    instance   TEXT,
    shared     INTEGER NOT NULL CHECK (shared IN (0, 1)),
    -- Names and values as they stand in a URL: a JSON list of pairs.
    query      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX view_instance ON view (instance, owner);

-- ------------------------------------------------------------------ immutability

CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN
    SELECT RAISE(ABORT, 'entries are immutable');
END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry WHEN old.seq >= (SELECT pruned FROM head) BEGIN
    SELECT RAISE(ABORT, 'entries are immutable: only retention removes them');
END;
-- INSERT OR REPLACE deletes without firing the trigger above; only a row at the next place can replace none. FAIL and
-- not ABORT, which would have SQLite keep a journal for every single row.
CREATE TRIGGER entry_append_only BEFORE INSERT ON entry
WHEN new.seq IS NOT coalesce((SELECT max(seq) + 1 FROM entry), (SELECT pruned FROM head)) BEGIN
    SELECT RAISE(FAIL, 'entries are append-only');
END;

CREATE TRIGGER common_no_update BEFORE UPDATE ON common BEGIN
    SELECT RAISE(ABORT, 'common columns are part of immutable entries');
END;
-- No entry of its era is left when a later era begins at or below the prune point.
CREATE TRIGGER common_no_delete BEFORE DELETE ON common
WHEN NOT EXISTS (SELECT 1 FROM common WHERE first > old.first AND first <= (SELECT pruned FROM head)) BEGIN
    SELECT RAISE(ABORT, 'common columns are part of immutable entries');
END;
CREATE TRIGGER common_append_only BEFORE INSERT ON common
WHEN new.first < (SELECT max(first) FROM common)
    OR new.number IS NOT coalesce((SELECT max(number) + 1 FROM common WHERE first = new.first), 1) BEGIN
    SELECT RAISE(FAIL, 'common columns are append-only');
END;

CREATE TRIGGER payload_no_update BEFORE UPDATE ON payload BEGIN
    SELECT RAISE(ABORT, 'payloads are immutable');
END;
CREATE TRIGGER payload_no_delete BEFORE DELETE ON payload
WHEN old.seq >= (SELECT payloads_pruned FROM head) AND old.seq IS NOT (SELECT erasing FROM head) BEGIN
    SELECT RAISE(ABORT, 'payloads are immutable: only retention and an erasure remove them');
END;
CREATE TRIGGER payload_append_only BEFORE INSERT ON payload
WHEN new.seq IS NOT (SELECT max(seq) FROM entry) OR new.seq <= (SELECT max(seq) FROM payload)
    OR new.seq < (SELECT payloads_pruned FROM head) BEGIN
    SELECT RAISE(FAIL, 'payloads are append-only');
END;

CREATE TRIGGER term_no_update BEFORE UPDATE ON term BEGIN
    SELECT RAISE(ABORT, 'terms are part of immutable entries');
END;
CREATE TRIGGER term_no_delete BEFORE DELETE ON term WHEN NOT (SELECT sweeping FROM head) BEGIN
    SELECT RAISE(ABORT, 'terms are part of immutable entries');
END;
CREATE TRIGGER term_append_only BEFORE INSERT ON term
WHEN new.id IS NOT coalesce((SELECT max(id) + 1 FROM term WHERE field = new.field), 1) BEGIN
    SELECT RAISE(FAIL, 'terms are append-only');
END;

CREATE TRIGGER block_no_update BEFORE UPDATE ON block BEGIN
    SELECT RAISE(ABORT, 'blocks are written once');
END;
CREATE TRIGGER chunk_no_update BEFORE UPDATE ON chunk BEGIN
    SELECT RAISE(ABORT, 'blocks are written once');
END;

CREATE TRIGGER entry_id_no_update BEFORE UPDATE ON entry_id BEGIN
    SELECT RAISE(ABORT, 'ids are part of immutable entries');
END;
CREATE TRIGGER other_id_no_update BEFORE UPDATE ON other_id BEGIN
    SELECT RAISE(ABORT, 'ids are part of immutable entries');
END;
CREATE TRIGGER other_id_no_delete BEFORE DELETE ON other_id WHEN old.seq >= (SELECT pruned FROM head) BEGIN
    SELECT RAISE(ABORT, 'ids are part of immutable entries');
END;
CREATE TRIGGER id_part_no_update BEFORE UPDATE ON id_part BEGIN
    SELECT RAISE(ABORT, 'blocks are written once');
END;

CREATE TRIGGER usage_run_no_update BEFORE UPDATE ON usage_run BEGIN
    SELECT RAISE(ABORT, 'usage is written once');
END;
CREATE TRIGGER usage_part_no_update BEFORE UPDATE ON usage_part BEGIN
    SELECT RAISE(ABORT, 'usage is written once');
END;
-- As long as the entries are there, usage can be made again; afterwards only retention removes it.
CREATE TRIGGER usage_run_no_delete BEFORE DELETE ON usage_run
WHEN old.first < (SELECT pruned FROM head) AND old.first >= (SELECT usage_pruned FROM head) BEGIN
    SELECT RAISE(ABORT, 'usage is kept: only retention removes it');
END;
CREATE TRIGGER usage_part_no_delete BEFORE DELETE ON usage_part
WHEN old.run < (SELECT pruned FROM head) AND old.run >= (SELECT usage_pruned FROM head) BEGIN
    SELECT RAISE(ABORT, 'usage is kept: only retention removes it');
END;
-- A run comes behind the others, and its parts before it: so none is replaced.
CREATE TRIGGER usage_run_append_only BEFORE INSERT ON usage_run
WHEN new.first < coalesce((SELECT first + length FROM usage_run ORDER BY first DESC LIMIT 1), 0) BEGIN
    SELECT RAISE(ABORT, 'usage is append-only');
END;
CREATE TRIGGER usage_part_append_only BEFORE INSERT ON usage_part
WHEN new.run < coalesce((SELECT first + length FROM usage_run ORDER BY first DESC LIMIT 1), 0) BEGIN
    SELECT RAISE(ABORT, 'usage is append-only');
END;

-- A tile grows at its end until it is full, and goes when all of its leaves are gone.
CREATE TRIGGER tile_no_update BEFORE UPDATE ON tile
WHEN new.level IS NOT old.level OR new.number IS NOT old.number OR length(new.hashes) <= length(old.hashes)
    OR substr(new.hashes, 1, length(old.hashes)) IS NOT old.hashes BEGIN
    SELECT RAISE(ABORT, 'tiles only grow');
END;
CREATE TRIGGER tile_no_delete BEFORE DELETE ON tile
WHEN old.number >= (SELECT pruned FROM head) >> (8 * (old.level + 1)) BEGIN
    SELECT RAISE(ABORT, 'tiles are immutable: only retention removes them');
END;
CREATE TRIGGER tile_append_only BEFORE INSERT ON tile
WHEN new.number IS NOT coalesce((SELECT max(number) + 1 FROM tile WHERE level = new.level), new.number) BEGIN
    SELECT RAISE(ABORT, 'tiles are append-only');
END;

CREATE TRIGGER head_tree_grows BEFORE UPDATE ON head
WHEN new.size IS NOT old.size AND new.size IS NOT (SELECT max(seq) + 1 FROM entry)
    OR new.size = old.size AND new.root IS NOT old.root BEGIN
    SELECT RAISE(ABORT, 'the tree grows with the log');
END;
CREATE TRIGGER head_only_forward BEFORE UPDATE ON head
WHEN new.pruned < old.pruned OR new.payloads_pruned < old.payloads_pruned OR new.payloads_pruned < new.pruned
    OR new.payloads_pruned > coalesce((SELECT max(seq) + 1 FROM entry), old.payloads_pruned)
    OR new.usage_pruned < old.usage_pruned OR new.usage_pruned > new.pruned BEGIN
    SELECT RAISE(ABORT, 'prune points only move forward, and not beyond the log');
END;
CREATE TRIGGER head_no_delete BEFORE DELETE ON head BEGIN
    SELECT RAISE(ABORT, 'the head cannot be deleted');
END;
CREATE TRIGGER head_no_insert BEFORE INSERT ON head BEGIN
    SELECT RAISE(ABORT, 'there is one head');
END;

-- A hold stays as it was placed, and is released once.
CREATE TRIGGER hold_no_update BEFORE UPDATE ON hold
WHEN old.released_at IS NOT NULL OR new.released_at IS NULL OR new.id IS NOT old.id OR new.starts IS NOT old.starts
    OR new.ends IS NOT old.ends OR new.reason IS NOT old.reason OR new.placed_by IS NOT old.placed_by
    OR new.placed_at IS NOT old.placed_at BEGIN
    SELECT RAISE(ABORT, 'a hold can only be released, and once');
END;
CREATE TRIGGER hold_no_delete BEFORE DELETE ON hold BEGIN
    SELECT RAISE(ABORT, 'holds are kept');
END;
CREATE TRIGGER hold_append_only BEFORE INSERT ON hold WHEN EXISTS (SELECT 1 FROM hold WHERE id = new.id) BEGIN
    SELECT RAISE(ABORT, 'holds are kept');
END;

CREATE TRIGGER verifier_no_update BEFORE UPDATE ON verifier BEGIN
    SELECT RAISE(ABORT, 'keys are kept');
END;
CREATE TRIGGER verifier_no_delete BEFORE DELETE ON verifier BEGIN
    SELECT RAISE(ABORT, 'keys are kept');
END;

CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint BEGIN
    SELECT RAISE(ABORT, 'checkpoints are immutable');
END;
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint
WHEN old.archived OR old.number > (SELECT max(number) - 2880 FROM checkpoint) BEGIN
    SELECT RAISE(ABORT, 'checkpoints are kept');
END;
CREATE TRIGGER checkpoint_append_only BEFORE INSERT ON checkpoint
WHEN new.number IS NOT coalesce((SELECT max(number) + 1 FROM checkpoint), 1)
    OR new.size < (SELECT size FROM checkpoint ORDER BY number DESC LIMIT 1) BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
CREATE TRIGGER judged_by_no_update BEFORE UPDATE ON judged_by BEGIN
    SELECT RAISE(ABORT, 'what judged is kept');
END;
CREATE TRIGGER judged_by_no_delete BEFORE DELETE ON judged_by BEGIN
    SELECT RAISE(ABORT, 'what judged is kept');
END;
CREATE TRIGGER judged_by_append_only BEFORE INSERT ON judged_by
WHEN new.number IS NOT coalesce((SELECT max(number) + 1 FROM judged_by), 1)
    OR new.since < (SELECT max(since) FROM judged_by) BEGIN
    SELECT RAISE(ABORT, 'what judged is kept');
END;
CREATE TRIGGER place_only_forward BEFORE UPDATE ON place WHEN new.number < old.number
    AND substr(new.name, 1, 8) <> 'entries:' BEGIN
    SELECT RAISE(ABORT, 'what was published stays published');
END;
