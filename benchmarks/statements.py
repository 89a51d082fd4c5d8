"""The statements of one step-up on PostgreSQL, as the reference backend is seen to send them."""

ENROLLMENT = (
    "SELECT users.id AS user_id, users.totp_secret, users.twofa_enabled, users.twofa_backup_codes, "
    "users.totp_pending_secret, users.totp_pending_until, users.twofa_last_step, users.twofa_epoch, "
    "users.twofa_failures, users.twofa_locked_until, users.twofa_enabled_at, users.twofa_end_sessions"
)
SESSION = (
    "SELECT user_sessions.id, user_sessions.token_hash, user_sessions.user_id, user_sessions.created_at, "
    "user_sessions.last_seen_at, user_sessions.expires_at, user_sessions.client, users.role, "
    "users.twofa_end_sessions AS owed "
    "FROM user_sessions JOIN users ON users.id = user_sessions.user_id WHERE user_sessions.token_hash = $1::VARCHAR"
)
TIMEOUT = "SET LOCAL lock_timeout = '2s'"
LOCK = f"{ENROLLMENT} FROM users WHERE users.id = $1::INTEGER FOR NO KEY UPDATE"
EVENT = (
    "INSERT INTO twofold_events (user_id, kind, moment, outcome, factor, client_address, actor, reason) VALUES "
    "($1::INTEGER, $2::VARCHAR, $3::TIMESTAMP WITH TIME ZONE, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR, $7::VARCHAR, "
    "$8::VARCHAR)"
)
SAVE = (
    "UPDATE users SET totp_secret=$1::VARCHAR, twofa_enabled=$2::BOOLEAN, twofa_backup_codes=$3::VARCHAR, "
    "totp_pending_secret=$4::VARCHAR, totp_pending_until=$5::TIMESTAMP WITH TIME ZONE, twofa_last_step=$6::BIGINT, "
    "twofa_epoch=$7::BIGINT, twofa_failures=$8::VARCHAR, twofa_locked_until=$9::TIMESTAMP WITH TIME ZONE, "
    "twofa_enabled_at=$10::TIMESTAMP WITH TIME ZONE, twofa_end_sessions=$11::BIGINT WHERE users.id = $12::INTEGER"
)
PROVED = (
    "UPDATE twofold_sessions SET user_id=$1::INTEGER, epoch=$2::BIGINT, amr=$3::VARCHAR, "
    "proved_at=$4::TIMESTAMP WITH TIME ZONE, second_factor_at=$5::TIMESTAMP WITH TIME ZONE "
    "WHERE twofold_sessions.session_hash = $6::VARCHAR"
)
BEGIN, COMMIT = "BEGIN", "COMMIT"
STATEMENTS = [SESSION, BEGIN, TIMEOUT, LOCK, EVENT, SAVE, PROVED, COMMIT]
"""All statements of one step-up, in their order."""
