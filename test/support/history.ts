// A long history written straight into a database file that no process has open: jobs, their runs, their archives.
import { randomUUID } from 'node:crypto'
import BetterSqlite3 from 'better-sqlite3'

const HOUR = 3_600_000
/** 8 May 2026, 03:00 UTC: the time of the first run. */
export const historyStart = Date.UTC(2026, 4, 8, 3)

/**
 * `runsEach` hourly runs of each job. Every 20th job fails since its 41st run; with `open` every 100th has an open
 * last run, every 200th a running one. `archives` of 5 bytes are shared out evenly.
 */
export function seedHistory(
  file: string,
  sizes: {
    readonly jobs: number
    readonly runsEach: number
    readonly archives: number
    readonly open: boolean
  },
): void {
  const raw = new BetterSqlite3(file, { fileMustExist: true })
  const job =
    raw.prepare(`INSERT INTO jobs (uid, name, type, config_json, cron_expr, retention_mode, retention_value,
    retention_config, hooks_json, next_run_at, created_at, updated_at)
    VALUES (?, ?, 'ynh_app', '{"app_id":"x"}', '0 3 * * *', 'count', 7, '{"mode":"count","count":7}', '{"timeoutS":60}', ?, 1, 1)`)
  const run =
    raw.prepare(`INSERT INTO runs (job_id, status, trigger, actor, operation, queued_at, not_before, started_at,
    finished_at, archive_name, size_bytes, targets_json, log_text) VALUES (?, ?, 'schedule', 'scheduler', ?, ?, 0, ?, ?, ?, ?,
    '[{"kind":"app","id":"x","status":"success"}]', ?)`)
  const archive =
    raw.prepare(`INSERT INTO archives (name, file, fingerprint, type, app, instance_name, created_at,
    size_bytes, state, origin, job_id, info_json) VALUES (?, ?, '1', 'ynh_app', ?, 'jerry', ?, 5, 'ok', 'local', ?, ?)`)
  const log = 'a line of the log of this run\n'.repeat(20)
  const info = JSON.stringify({ description: 'x'.repeat(2000) })
  raw.exec('BEGIN')
  for (let n = 1; n <= sizes.jobs; n += 1) job.run(`u${n}`, `job ${n}`, historyStart + 100_000 * HOUR)
  for (let turn = 0; turn < sizes.runsEach; turn += 1) {
    for (let n = 1; n <= sizes.jobs; n += 1) {
      const status = statusOf(n, turn, sizes.open && turn === sizes.runsEach - 1)
      const at = historyStart + turn * HOUR + n
      const end = status === 'running' || status === 'queued' ? null : at + 1000
      run.run(n, status, randomUUID(), at, at, end, `a${turn}-${n}`, 1000, log)
    }
  }
  for (let n = 0; n < sizes.archives; n += 1) {
    archive.run(`a${n}`, `a${n}.tar`, `app${n % 50}`, historyStart + n, (n % sizes.jobs) + 1, info)
  }
  raw.exec('COMMIT')
  raw.close()
}

function statusOf(job: number, turn: number, last: boolean): string {
  if (last && job % 100 === 0) return job % 200 === 0 ? 'running' : 'queued'
  return job % 20 === 0 && turn > 40 ? 'error' : 'success'
}
