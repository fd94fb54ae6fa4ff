-- Tokens, peers and what they said, uploads, destinations, copies and transfers. Times are epoch milliseconds.

-- `lookup` finds the row: the first 16 hex digits of the token's SHA-256. Only the bcrypt hash proves the token.
CREATE TABLE api_tokens (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  name         TEXT NOT NULL,
  lookup       TEXT NOT NULL UNIQUE,
  hash         TEXT NOT NULL,
  scopes_json  TEXT NOT NULL,
  peer_id      INTEGER REFERENCES remote_instances (id) ON DELETE CASCADE,
  created_at   INTEGER NOT NULL,
  created_by   TEXT NOT NULL,
  last_used_at INTEGER,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  -- The token that takes the place of this one as soon as it is used for the first time.
  replaced_by  INTEGER REFERENCES api_tokens (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX api_tokens_of_peer ON api_tokens (peer_id);

-- Invitations: only the hash of the secret is kept.
CREATE TABLE pairing_codes (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  secret_hash TEXT NOT NULL UNIQUE,
  scopes_json TEXT NOT NULL,
  ssh         INTEGER NOT NULL CHECK (ssh IN (0, 1)),
  created_at  INTEGER NOT NULL,
  created_by  TEXT NOT NULL,
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER,
  peer_id     INTEGER REFERENCES remote_instances (id) ON DELETE SET NULL
) STRICT;

-- The peer's instance id; null until it was asked for the first time.
ALTER TABLE remote_instances ADD COLUMN uid TEXT;
ALTER TABLE remote_instances ADD COLUMN public_key TEXT;
ALTER TABLE remote_instances ADD COLUMN cert_pin TEXT;
-- What its key (`api_key`) lets us do there, as far as we were told.
ALTER TABLE remote_instances ADD COLUMN scopes_json TEXT;
ALTER TABLE remote_instances ADD COLUMN updated_at INTEGER;
-- Polling.
ALTER TABLE remote_instances ADD COLUMN polled_at INTEGER;
ALTER TABLE remote_instances ADD COLUMN next_poll_at INTEGER;
ALTER TABLE remote_instances ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE remote_instances ADD COLUMN error_code TEXT;
ALTER TABLE remote_instances ADD COLUMN error_facts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE remote_instances ADD COLUMN etag TEXT;
ALTER TABLE remote_instances ADD COLUMN facts_json TEXT;
-- Which of its processes have answered: two in turn are two instances under one key.
ALTER TABLE remote_instances ADD COLUMN starts_json TEXT;
-- What it may leave here, and how long its copies must stay.
ALTER TABLE remote_instances ADD COLUMN quota_bytes INTEGER;
ALTER TABLE remote_instances ADD COLUMN quota_count INTEGER;
ALTER TABLE remote_instances ADD COLUMN hold_days INTEGER NOT NULL DEFAULT 0;
-- rsync over SSH: how to reach its inbox, its host keys, and the key it comes to ours with.
ALTER TABLE remote_instances ADD COLUMN ssh_json TEXT;
CREATE UNIQUE INDEX remote_instances_by_uid ON remote_instances (uid) WHERE uid IS NOT NULL;

-- One row per job of a peer.
ALTER TABLE remote_runs ADD COLUMN job_id INTEGER;
ALTER TABLE remote_runs ADD COLUMN type TEXT;
ALTER TABLE remote_runs ADD COLUMN app TEXT;
ALTER TABLE remote_runs ADD COLUMN enabled INTEGER;
ALTER TABLE remote_runs ADD COLUMN overdue INTEGER;
ALTER TABLE remote_runs ADD COLUMN running INTEGER;
ALTER TABLE remote_runs ADD COLUMN last_success_at INTEGER;
ALTER TABLE remote_runs ADD COLUMN next_run_at INTEGER;
ALTER TABLE remote_runs ADD COLUMN total_size_bytes INTEGER;
ALTER TABLE remote_runs ADD COLUMN last_archive TEXT;
ALTER TABLE remote_runs ADD COLUMN last_error TEXT;
CREATE INDEX remote_runs_of_instance ON remote_runs (instance_id);

-- Uploads that are being received. Null peer: the token of a script.
ALTER TABLE uploads ADD COLUMN peer_id INTEGER REFERENCES remote_instances (id) ON DELETE CASCADE;
ALTER TABLE uploads ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN owner_name TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN folder TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN total_chunks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN info_json TEXT NOT NULL DEFAULT '{}';
ALTER TABLE uploads ADD COLUMN backup_info_json TEXT;
ALTER TABLE uploads ADD COLUMN archive_name TEXT;
ALTER TABLE uploads ADD COLUMN sha256 TEXT;
ALTER TABLE uploads ADD COLUMN error_code TEXT;
CREATE INDEX uploads_by_owner ON uploads (owner, filename);

CREATE TABLE upload_chunks (
  upload_id TEXT NOT NULL REFERENCES uploads (upload_id) ON DELETE CASCADE,
  n         INTEGER NOT NULL,
  sha256    TEXT NOT NULL,
  PRIMARY KEY (upload_id, n)
) STRICT, WITHOUT ROWID;

-- Archives that came from somebody else. Scans never touch it: it says whose they are.
CREATE TABLE received_archives (
  archive_name TEXT PRIMARY KEY,
  owner        TEXT NOT NULL,
  owner_name   TEXT NOT NULL,
  size_bytes   INTEGER NOT NULL,
  sha256       TEXT NOT NULL,
  received_at  INTEGER NOT NULL,
  -- Until then its owner cannot delete it here.
  hold_until   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX received_by_owner ON received_archives (owner);

-- Places that copies go to. A peer has one; `config_json` is the kind's own.
CREATE TABLE destinations (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  kind           TEXT NOT NULL,
  name           TEXT NOT NULL COLLATE NOCASE UNIQUE,
  peer_id        INTEGER UNIQUE REFERENCES remote_instances (id) ON DELETE CASCADE,
  enabled        INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  mode           TEXT NOT NULL DEFAULT 'auto' CHECK (mode IN ('auto', 'http', 'rsync')),
  bandwidth_kib  INTEGER,
  window_json    TEXT,
  retention_json TEXT,
  config_json    TEXT NOT NULL DEFAULT '{}',
  created_at     INTEGER NOT NULL
) STRICT;

-- Where the archives of a job go by themselves.
CREATE TABLE job_destinations (
  job_id         INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  destination_id INTEGER NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
  PRIMARY KEY (job_id, destination_id)
) STRICT, WITHOUT ROWID;

-- What is known to be at a destination. Kept when the archive here is gone: it may be the last one there is.
CREATE TABLE copies (
  archive_name   TEXT NOT NULL,
  destination_id INTEGER NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
  state          TEXT NOT NULL CHECK (state IN ('present', 'missing', 'corrupted')),
  size_bytes     INTEGER NOT NULL,
  sha256         TEXT NOT NULL,
  job_uid        TEXT,
  archive_at     INTEGER NOT NULL,
  copied_at      INTEGER NOT NULL,
  checked_at     INTEGER NOT NULL,
  PRIMARY KEY (archive_name, destination_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE transfers (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  direction        TEXT NOT NULL CHECK (direction IN ('send', 'fetch')),
  archive_name     TEXT NOT NULL,
  destination_id   INTEGER NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
  mode             TEXT NOT NULL CHECK (mode IN ('auto', 'http', 'rsync')),
  -- What `mode` came to; null until it began.
  chosen           TEXT CHECK (chosen IN ('http', 'rsync')),
  status           TEXT NOT NULL CHECK (status IN ('queued', 'running', 'waiting', 'paused', 'success', 'error', 'cancelled')),
  trigger          TEXT NOT NULL CHECK (trigger IN ('manual', 'automatic', 'api', 'restore')),
  actor            TEXT NOT NULL,
  job_uid          TEXT,
  attempt          INTEGER NOT NULL DEFAULT 0,
  not_before       INTEGER NOT NULL,
  queued_at        INTEGER NOT NULL,
  started_at       INTEGER,
  finished_at      INTEGER,
  bytes_done       INTEGER NOT NULL DEFAULT 0,
  bytes_total      INTEGER,
  bytes_sent       INTEGER NOT NULL DEFAULT 0,
  error_code       TEXT,
  error_facts      TEXT NOT NULL DEFAULT '{}',
  wanted           TEXT CHECK (wanted IN ('pause', 'cancel')),
  CHECK ((status IN ('success', 'error', 'cancelled')) = (finished_at IS NOT NULL))
) STRICT;
CREATE INDEX transfers_by_status ON transfers (status);
CREATE INDEX transfers_of_archive ON transfers (archive_name, id);
CREATE UNIQUE INDEX transfers_one_open ON transfers (direction, archive_name, destination_id)
  WHERE status IN ('queued', 'running', 'waiting', 'paused');

-- Restores that we asked of a peer; its own list of steps is asked for as long as it goes on.
CREATE TABLE remote_restores (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  peer_id      INTEGER NOT NULL REFERENCES remote_instances (id) ON DELETE CASCADE,
  archive_name TEXT NOT NULL,
  options_json TEXT NOT NULL,
  transfer_id  INTEGER REFERENCES transfers (id) ON DELETE SET NULL,
  remote_id    INTEGER,
  status       TEXT NOT NULL CHECK (status IN ('transferring', 'starting', 'running', 'success', 'error', 'rolled_back', 'cancelled', 'unknown')),
  state_json   TEXT,
  error_code   TEXT,
  error_facts  TEXT NOT NULL DEFAULT '{}',
  actor        TEXT NOT NULL,
  asked_at     INTEGER NOT NULL,
  seen_at      INTEGER,
  finished_at  INTEGER
) STRICT;
CREATE INDEX remote_restores_by_status ON remote_restores (status);
