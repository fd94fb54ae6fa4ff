// The home page of a large server: how long it takes is printed, how much it weighs is checked.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { seedJob } from '../../../../test/support/job-seeds.ts'
import { testNow, testWeb } from '../../../../test/support/web.ts'

const jobs = 1000
const runsEach = 100
const archivesEach = 10

test(
  'with 1,000 jobs, 100,000 runs and 10,000 archives a page weighs less than 97 KB with its files',
  { timeout: 120_000 },
  async () => {
    const web = await testWeb()
    const { db, engine } = web.deps
    const model = await seedJob(engine, { name: 'job 0 of the server' })
    const columns = sql`type, config_json, cron_expr, retention_mode, retention_value, retention_config, enabled, core_only,
    hooks_json, created_at, updated_at`
    await sql`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${jobs - 1})
    INSERT INTO jobs (uid, name, next_run_at, ${columns})
    SELECT 'uid-' || i, 'job ' || i || ' of the server', ${testNow + 3_600_000}, ${columns}
    FROM n, jobs WHERE jobs.id = ${model.id}`.execute(db)
    // Every tenth job fails at last, every seventh run is a warning or an error: no row is as short as it could be.
    await sql`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${jobs * runsEach - 1})
    INSERT INTO runs (job_id, status, trigger, actor, operation, queued_at, not_before, started_at, finished_at,
      archive_name, size_bytes, error_code)
    SELECT i % ${jobs} + 1,
      CASE WHEN i >= ${jobs * (runsEach - 1)} AND i % 10 = 0 THEN 'error' WHEN i % 7 = 1 THEN 'warning'
        WHEN i % 7 = 4 THEN 'error' ELSE 'success' END,
      'schedule', 'scheduler', 'op-' || i, ${testNow} - (${jobs * runsEach} - i) * 8000, 0,
      ${testNow} - (${jobs * runsEach} - i) * 8000, ${testNow} - (${jobs * runsEach} - i) * 8000 + 5000,
      'archive-' || i, 400000000 + i,
      CASE WHEN i >= ${jobs * (runsEach - 1)} AND i % 10 = 0 THEN 'yunohost_failed' END
    FROM n`.execute(db)
    // The newest archive of every hundredth job is damaged; runs and archives know each other by name.
    await sql`
    INSERT INTO archives (name, file, fingerprint, type, app, created_at, size_bytes, state, origin, job_id, info_json)
    SELECT archive_name, archive_name || '.tar', '1:1:1:' || id, 'ynh_app', 'nextcloud', started_at, size_bytes,
      iif(job_id % 100 = 5 AND id > ${jobs * (runsEach - 1)}, 'corrupted', 'ok'), 'local', job_id,
      json_object('description', hex(zeroblob(1000)))
    FROM runs WHERE id > ${jobs * (runsEach - archivesEach)}`.execute(db)

    await sql`
    INSERT INTO drills (job_id, archive_name, depth, verdict, findings_json, actor, started_at, finished_at)
    SELECT id, 'archive', 'read', 'passed', '[]', 'scheduler', ${testNow} - 1, ${testNow} - id * 60000 FROM jobs`.execute(
      db,
    )

    const times: number[] = []
    let html = ''
    for (let i = 0; i < 21; i++) {
      const started = performance.now()
      html = await (await web.get(`/?page=${(i % 5) + 1}`)).text()
      times.push(performance.now() - started)
    }
    const median = times.toSorted((a, b) => a - b)[10] ?? 0
    process.stdout.write(
      `home with 1,000 jobs, 100,000 runs and 10,000 archives: ${median.toFixed(1)} ms (median), ${html.length} bytes\n`,
    )
    const files = [...html.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, path]) => path ?? '')
    let bytes = Buffer.byteLength(html)
    for (const file of files) bytes += (await (await web.get(file)).arrayBuffer()).byteLength
    process.stdout.write(`with its files: ${bytes} bytes\n`)
    expect(html).toContain('of 1000 jobs')
    expect(html.split('proven ').length).toBe(51)
    // At most 100 KB with what other instances add.
    expect(bytes).toBeLessThan(97_000)
  },
)
