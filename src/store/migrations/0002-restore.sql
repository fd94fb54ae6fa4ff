-- Restores, restore drills, archives that are pinned for a while.

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
CREATE INDEX restores_of_archive ON restores (archive_name, id);
CREATE INDEX restores_by_status ON restores (status);
-- Two restores into one place at the same time would undo each other.
CREATE UNIQUE INDEX restores_one_open_per_target ON restores (type, target) WHERE status IN ('queued', 'running');

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

-- Null: no drills. How often the newest archive is proven, and when the next time is.
ALTER TABLE jobs ADD COLUMN drill_depth TEXT CHECK (drill_depth IN ('read', 'extract', 'load'));
ALTER TABLE jobs ADD COLUMN drill_every_days INTEGER NOT NULL DEFAULT 30;
ALTER TABLE jobs ADD COLUMN next_drill_at INTEGER;

-- A pin that ends by itself: archives of the state before a restore.
ALTER TABLE archives ADD COLUMN pinned_until INTEGER;
