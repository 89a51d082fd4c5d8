-- Adds the second factor to an existing "users" table on SQLite: its columns, and its own tables.
-- For a migration by hand; the reference backend does the same by itself when it starts.
-- Written by scripts/write-sql from the backend's revisions 0002, 0003 and 0005: change those, not this.

ALTER TABLE users ADD COLUMN totp_secret VARCHAR(255);

ALTER TABLE users ADD COLUMN twofa_enabled BOOLEAN DEFAULT FALSE;

ALTER TABLE users ADD COLUMN twofa_backup_codes TEXT;

ALTER TABLE users ADD COLUMN totp_pending_secret VARCHAR(255);

ALTER TABLE users ADD COLUMN totp_pending_until DATETIME;

ALTER TABLE users ADD COLUMN twofa_last_step BIGINT DEFAULT 0 NOT NULL;

ALTER TABLE users ADD COLUMN twofa_epoch BIGINT DEFAULT 0 NOT NULL;

ALTER TABLE users ADD COLUMN twofa_failures VARCHAR(255);

ALTER TABLE users ADD COLUMN twofa_locked_until DATETIME;

ALTER TABLE users ADD COLUMN twofa_enabled_at DATETIME;

ALTER TABLE users ADD COLUMN twofa_end_sessions BIGINT DEFAULT 0 NOT NULL;

CREATE TABLE twofold_pending_sign_ins (
    token_hash VARCHAR(64) NOT NULL, 
    user_id INTEGER NOT NULL, 
    epoch BIGINT NOT NULL, 
    expires_at DATETIME NOT NULL, 
    PRIMARY KEY (token_hash), 
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_twofold_pending_sign_ins_user_id ON twofold_pending_sign_ins (user_id);

CREATE TABLE twofold_sessions (
    session_hash VARCHAR(64) NOT NULL, 
    user_id INTEGER NOT NULL, 
    epoch BIGINT NOT NULL, 
    amr VARCHAR(64) NOT NULL, 
    proved_at DATETIME NOT NULL, 
    second_factor_at DATETIME, 
    PRIMARY KEY (session_hash), 
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_twofold_sessions_user_id ON twofold_sessions (user_id);

CREATE TABLE twofold_events (
    id INTEGER NOT NULL, 
    user_id INTEGER NOT NULL, 
    kind VARCHAR(32) NOT NULL, 
    moment DATETIME NOT NULL, 
    outcome VARCHAR(32) NOT NULL, 
    factor VARCHAR(16), 
    client_address VARCHAR(64), 
    PRIMARY KEY (id), 
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_twofold_events_user_id ON twofold_events (user_id);

ALTER TABLE twofold_events ADD COLUMN actor VARCHAR(128);

ALTER TABLE twofold_events ADD COLUMN reason VARCHAR(255);

CREATE TABLE _alembic_tmp_twofold_events (
    id INTEGER NOT NULL, 
    user_id INTEGER, 
    kind VARCHAR(32) NOT NULL, 
    moment DATETIME NOT NULL, 
    outcome VARCHAR(32) NOT NULL, 
    factor VARCHAR(16), 
    client_address VARCHAR(64), 
    actor VARCHAR(128), 
    reason VARCHAR(255), 
    PRIMARY KEY (id), 
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

INSERT INTO _alembic_tmp_twofold_events (id, user_id, kind, moment, outcome, factor, client_address, actor, reason) SELECT twofold_events.id, twofold_events.user_id, twofold_events.kind, twofold_events.moment, twofold_events.outcome, twofold_events.factor, twofold_events.client_address, twofold_events.actor, twofold_events.reason 
FROM twofold_events;

DROP TABLE twofold_events;

ALTER TABLE _alembic_tmp_twofold_events RENAME TO twofold_events;

CREATE INDEX ix_twofold_events_user_id ON twofold_events (user_id);

ALTER TABLE users ADD COLUMN twofa_webauthn_keys TEXT;

CREATE TABLE twofold_challenges (
    challenge_hash VARCHAR(64) NOT NULL, 
    user_id INTEGER NOT NULL, 
    epoch BIGINT NOT NULL, 
    purpose VARCHAR(16) NOT NULL, 
    handle_hash VARCHAR(64) NOT NULL, 
    expires_at DATETIME NOT NULL, 
    PRIMARY KEY (challenge_hash), 
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_twofold_challenges_user_id ON twofold_challenges (user_id);

CREATE TABLE twofold_credentials (
    credential_hash VARCHAR(64) NOT NULL, 
    user_id INTEGER NOT NULL, 
    PRIMARY KEY (credential_hash), 
    FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_twofold_credentials_user_id ON twofold_credentials (user_id);
