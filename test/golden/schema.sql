CREATE TABLE activity (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  action     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  job_id     INTEGER,
  facts_json TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX activity_by_time ON activity (at);
CREATE INDEX activity_of_job ON activity (job_id, id);
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
CREATE TABLE archive_holds (
  archive_name TEXT NOT NULL,
  holder       TEXT NOT NULL,
  reason       TEXT NOT NULL CHECK (reason IN ('verify', 'restore', 'send', 'download', 'delete')),
  expires_at   INTEGER NOT NULL,
  PRIMARY KEY (archive_name, holder)
) STRICT;
CREATE TABLE archives (
  name             TEXT PRIMARY KEY,
  file             TEXT NOT NULL,
  fingerprint      TEXT NOT NULL,
  type             TEXT,
  app              TEXT,
  instance_name    TEXT,
  created_at       INTEGER NOT NULL,
  size_bytes       INTEGER NOT NULL,
  sha256           TEXT,
  state            TEXT NOT NULL CHECK (state IN ('ok', 'unverified', 'corrupted')),
  state_detail     TEXT,
  origin           TEXT NOT NULL CHECK (origin IN ('local', 'received', 'foreign')),
  pinned           INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
  job_id           INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  job_uid          TEXT,
  verified_at      INTEGER,
  deleting         INTEGER NOT NULL DEFAULT 0 CHECK (deleting IN (0, 1)),
  missing_at       INTEGER, -- since when its file is gone; kept, because an unmounted disk looks like an emptied folder
  info_json        TEXT NOT NULL,
  backup_info_json TEXT
, pinned_until INTEGER) STRICT;
CREATE INDEX archives_by_app ON archives (app, type, instance_name, deleting, missing_at);
CREATE INDEX archives_by_time ON archives (created_at, name);
CREATE INDEX archives_of_job ON archives (job_id, created_at, size_bytes, state, deleting, missing_at);
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
CREATE TABLE drills (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id        INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  archive_name  TEXT NOT NULL,
  depth         TEXT NOT NULL CHECK (depth IN ('read', 'extract', 'load')),
  verdict       TEXT NOT NULL CHECK (verdict IN ('passed', 'failed', 'inconclusive')),
  findings_json TEXT NOT NULL,
  actor         TEXT NOT NULL,
  started_at    INTEGER NOT NULL,
  finished_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX drills_of_job ON drills (job_id, id);
CREATE TABLE job_destinations (
  job_id         INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  destination_id INTEGER NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
  PRIMARY KEY (job_id, destination_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE jobs (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  uid              TEXT NOT NULL UNIQUE,
  name             TEXT NOT NULL COLLATE NOCASE UNIQUE,
  type             TEXT NOT NULL,
  config_json      TEXT NOT NULL,
  cron_expr        TEXT NOT NULL,
  retention_mode   TEXT NOT NULL CHECK (retention_mode IN ('count', 'daily', 'gfs')),
  retention_value  INTEGER NOT NULL,
  retention_config TEXT NOT NULL,
  retention_hold   TEXT,
  enabled          INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  core_only        INTEGER NOT NULL DEFAULT 0 CHECK (core_only IN (0, 1)),
  hooks_json       TEXT NOT NULL,
  timeout_s        INTEGER,
  next_run_at      INTEGER,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL
, drill_depth TEXT CHECK (drill_depth IN ('read', 'extract', 'load')), drill_every_days INTEGER NOT NULL DEFAULT 30, next_drill_at INTEGER) STRICT;
CREATE INDEX jobs_due ON jobs (next_run_at) WHERE enabled = 1;
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
CREATE TABLE remote_instances (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL,
  url        TEXT NOT NULL,
  api_key    TEXT NOT NULL, -- encrypted
  last_seen  INTEGER,
  status     TEXT CHECK (status IN ('online', 'offline', 'error')),
  created_at INTEGER
, uid TEXT, public_key TEXT, cert_pin TEXT, scopes_json TEXT, updated_at INTEGER, polled_at INTEGER, next_poll_at INTEGER, failures INTEGER NOT NULL DEFAULT 0, error_code TEXT, error_facts TEXT NOT NULL DEFAULT '{}', etag TEXT, facts_json TEXT, starts_json TEXT, quota_bytes INTEGER, quota_count INTEGER, hold_days INTEGER NOT NULL DEFAULT 0, ssh_json TEXT) STRICT;
CREATE UNIQUE INDEX remote_instances_by_uid ON remote_instances (uid) WHERE uid IS NOT NULL;
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
CREATE TABLE remote_runs (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  instance_id     INTEGER NOT NULL REFERENCES remote_instances (id) ON DELETE CASCADE,
  job_name        TEXT,
  last_run_at     INTEGER,
  last_status     TEXT,
  archive_count   INTEGER,
  last_size_bytes INTEGER
, job_id INTEGER, type TEXT, app TEXT, enabled INTEGER, overdue INTEGER, running INTEGER, last_success_at INTEGER, next_run_at INTEGER, total_size_bytes INTEGER, last_archive TEXT, last_error TEXT) STRICT;
CREATE INDEX remote_runs_of_instance ON remote_runs (instance_id);
CREATE TABLE restores (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  archive_name     TEXT NOT NULL,
  type             TEXT NOT NULL,
  target           TEXT NOT NULL,
  job_id           INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  status           TEXT NOT NULL CHECK (status IN ('queued', 'running', 'success', 'error', 'rolled_back', 'cancelled')),
  actor            TEXT NOT NULL,
  operation        TEXT NOT NULL UNIQUE,
  settings_json    TEXT NOT NULL, -- of the source; secrets are encrypted
  options_json     TEXT NOT NULL,
  plan_json        TEXT NOT NULL,
  steps_json       TEXT NOT NULL,
  remarks_json     TEXT NOT NULL DEFAULT '[]',
  safety_archive   TEXT,
  requested_at     INTEGER NOT NULL,
  started_at       INTEGER,
  finished_at      INTEGER,
  progress_done    INTEGER,
  progress_total   INTEGER,
  error_code       TEXT,
  error_facts      TEXT NOT NULL DEFAULT '{}',
  log_text         TEXT NOT NULL DEFAULT '',
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL))
) STRICT;
CREATE INDEX restores_by_status ON restores (status);
CREATE INDEX restores_of_archive ON restores (archive_name, id);
CREATE UNIQUE INDEX restores_one_open_per_target ON restores (type, target) WHERE status IN ('queued', 'running');
CREATE TABLE runs (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id            INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  status            TEXT NOT NULL CHECK (status IN ('queued', 'running', 'success', 'warning', 'error', 'cancelled', 'interrupted')),
  trigger           TEXT NOT NULL CHECK (trigger IN ('schedule', 'manual', 'api', 'catch_up')),
  actor             TEXT NOT NULL,
  operation         TEXT NOT NULL UNIQUE,
  queued_at         INTEGER NOT NULL,
  not_before        INTEGER NOT NULL,
  started_at        INTEGER,
  finished_at       INTEGER,
  log_text          TEXT, -- the last lines, kept when the log file is gone
  archive_name      TEXT,
  size_bytes        INTEGER,
  step              TEXT,
  progress_done     INTEGER,
  progress_total    INTEGER,
  error_code        TEXT,
  error_facts       TEXT NOT NULL DEFAULT '{}',
  targets_json      TEXT NOT NULL DEFAULT '[]',
  warnings_json     TEXT NOT NULL DEFAULT '[]',
  warning_count     INTEGER NOT NULL DEFAULT 0,
  exit_codes_json   TEXT NOT NULL DEFAULT '{}',
  cancel_requested  INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL))
) STRICT;
CREATE INDEX runs_by_archive ON runs (archive_name) WHERE archive_name IS NOT NULL;
CREATE INDEX runs_by_status ON runs (status);
CREATE INDEX runs_of_job ON runs (job_id, id, status);
CREATE INDEX runs_of_job_by_status ON runs (job_id, status, finished_at);
CREATE UNIQUE INDEX runs_one_open_per_job ON runs (job_id) WHERE status IN ('queued', 'running');
CREATE TABLE schema_migrations (
  name       TEXT PRIMARY KEY,
  sha256     TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
CREATE TABLE settings (
  key        TEXT PRIMARY KEY,
  value_json TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE sqlite_sequence(name,seq);
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
CREATE TABLE upload_chunks (
  upload_id TEXT NOT NULL REFERENCES uploads (upload_id) ON DELETE CASCADE,
  n         INTEGER NOT NULL,
  sha256    TEXT NOT NULL,
  PRIMARY KEY (upload_id, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE uploads (
  upload_id       TEXT PRIMARY KEY,
  filename        TEXT NOT NULL,
  total_size      INTEGER NOT NULL,
  chunk_size      INTEGER NOT NULL,
  chunks_received INTEGER NOT NULL DEFAULT 0,
  checksum        TEXT,
  started_at      INTEGER NOT NULL,
  status          TEXT NOT NULL CHECK (status IN ('pending', 'in_progress', 'complete', 'error'))
, peer_id INTEGER REFERENCES remote_instances (id) ON DELETE CASCADE, owner TEXT NOT NULL DEFAULT '', owner_name TEXT NOT NULL DEFAULT '', folder TEXT NOT NULL DEFAULT '', total_chunks INTEGER NOT NULL DEFAULT 0, active_at INTEGER NOT NULL DEFAULT 0, info_json TEXT NOT NULL DEFAULT '{}', backup_info_json TEXT, archive_name TEXT, sha256 TEXT, error_code TEXT, carrier TEXT NOT NULL DEFAULT 'http' CHECK (carrier IN ('http', 'rsync'))) STRICT;
CREATE INDEX uploads_by_owner ON uploads (owner, filename);
