-- Sessions of browsers that a provider of OpenID Connect signed in. The session's cookie names one.
CREATE TABLE IF NOT EXISTS provider_session (
    id         TEXT PRIMARY KEY,
    user       TEXT NOT NULL,
    -- A JSON list of the policy's groups.
    groups     TEXT NOT NULL,
    instance   TEXT,
    began_at   INTEGER NOT NULL,
    -- From this moment on it is over.
    until      INTEGER NOT NULL,
    -- The user and the session as the provider names them, by which it ends sessions; null: it names no session.
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    session    TEXT,
    -- The ID token, by which the provider recognizes its session when the user signs out there.
    id_token   TEXT NOT NULL
) STRICT;
