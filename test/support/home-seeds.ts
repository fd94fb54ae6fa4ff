// A server as an admin meets it one morning: good and bad jobs with their history, for looking at the pages.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Kysely } from 'kysely'
import type { Drill } from '../../src/domain/drill.ts'
import type { RunStatus } from '../../src/domain/run.ts'
import { runLogPath } from '../../src/engine/run-log.ts'
import { insertDrill } from '../../src/store/drills.ts'
import type { Schema } from '../../src/store/schema.ts'
import { seedArchives } from './archives.ts'
import { failed, running, seedJob, seedRun } from './job-seeds.ts'
import { testNow, type TestWeb } from './web.ts'

const day = 86_400_000
const gib = 2 ** 30

export interface Morning {
  /** Ids of jobs and runs worth opening. */
  readonly job: number
  readonly folder: number
  readonly database: number
  readonly runningRun: number
  readonly failedRun: number
  readonly warnedRun: number
}

/** Fills the server. */
export async function seedMorning(web: TestWeb): Promise<Morning> {
  const { engine, db, config } = web.deps
  web.machine.apps = ['nextcloud', 'nocodb', 'vaultwarden', 'wordpress', 'wordpress__2'].map((id) => ({
    id,
    name: id.startsWith('wordpress') ? 'WordPress' : id,
    description: '',
    version: '1',
  }))
  const retention = { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 0 } as const
  const drill = { depth: 'read', everyDays: 14 } as const
  const good = await seedJob(engine, { name: 'nocodb', config: { app_id: 'nocodb' }, retention, drill })
  const cloud = await seedJob(engine, { name: 'nextcloud', retention, drill })
  const warden = await seedJob(engine, { name: 'vaultwarden', config: { app_id: 'vaultwarden' } })
  const system = await seedJob(engine, { name: 'system', type: 'ynh_system', config: { parts: [] } })
  const source = {
    source_path: '/opt/photos-of-the-family/and/a-very-long-path',
    excludes: ['cache/', '*.tmp'],
  }
  const recipe = {
    system_user: { name: 'photos', home: '/opt/photos-of-the-family', shell: '/usr/sbin/nologin' },
    systemd_service: { name: 'photos.service' },
    permissions: { owner: 'photos:photos', mode: '0750' },
    firewall_ports: [8080, 8443],
    post_restore_commands: ['/opt/photos-of-the-family/bin/photos check --everything --and-then-some-more'],
  }
  const hooks = { preBackup: 'systemctl stop photos', postBackup: 'systemctl start photos' }
  const folder = await seedJob(engine, {
    name: 'photos of the whole family, all years',
    type: 'custom_dir',
    config: { ...source, restore: recipe },
    cronExpr: '30 4 * * 0',
    hooks,
  })
  const off = await seedJob(engine, { name: 'old wiki', config: { app_id: 'nocodb' }, enabled: false })
  await seedJob(engine, {
    name: 'new one',
    type: 'custom_dir',
    config: { source_path: '/opt/new', excludes: [] },
  })
  const names = ['gitea', 'nextcloud', 'roundcube', 'wordpress', 'wordpress__2']
  const asked = { missingTool: null, databases: names, error: null }
  web.machine.offers.set('mysql', asked)
  const refused = 'could not connect to server: No such file or directory (/run/postgresql/.s.PGSQL.5432)'
  web.machine.offers.set('postgresql', { missingTool: null, databases: null, error: refused })
  const reached = { host: '127.0.0.1', port: 3306, user: 'backup', password: 'secret of the test' }
  const database = await seedJob(engine, {
    name: 'tables of the wiki',
    type: 'mysql',
    config: { database: 'wordpress__2', ...reached },
    drill: { depth: 'load', everyDays: 30 },
  })
  // Made long ago, or all would be too young to be overdue.
  await db
    .updateTable('jobs')
    .set({ created_at: testNow - 90 * day })
    .where('name', 'not in', ['new one', database.name])
    .execute()

  // In one transaction: hundreds of them would each wait for the disk.
  await db.transaction().execute(async (db) => {
    const fill = (...of: History) => history(db, ...of)
    await fill(good.id, 'nocodb', (i) => (i === 9 ? 'warning' : 'success'), 0.4 * gib)
    await fill(cloud.id, 'nextcloud', (i) => (i < 3 ? 'error' : i === 17 ? 'cancelled' : 'success'), 38 * gib)
    await fill(warden.id, 'vaultwarden', () => 'success', 0.02 * gib)
    await fill(folder.id, 'photos', (i) => (i === 0 ? 'warning' : 'success'), 120 * gib)
    await fill(off.id, 'oldwiki', (i) => (i === 4 ? 'interrupted' : 'success'), gib)
    await fill(system.id, 'system', () => 'success', 0.1 * gib)
  })

  const failedRun = await seedRun(db, cloud.id, { ...failed, finished_at: testNow - 6 * 3_600_000 })
  const warnedRun = await seedRun(db, folder.id, {
    status: 'warning',
    warning_count: 1203,
    targets_json: JSON.stringify([{ kind: 'path', id: '/opt/photos-of-the-family', status: 'warning' }]),
    warnings_json: JSON.stringify([
      {
        code: 'file_changed',
        path: '/opt/photos-of-the-family/2026/a name with spaces and no end at all.jpeg',
      },
      { code: 'file_vanished', path: '/opt/photos-of-the-family/tmp/x' },
      { code: 'sockets_skipped', facts: { count: 3 } },
    ]),
    exit_codes_json: JSON.stringify({ tar: 1 }),
  })
  const runningRun = await seedRun(db, system.id, running)
  const lines = Array.from(
    { length: 40 },
    (_, i) =>
      `10:0${i % 10}:12 ${i % 7 === 3 ? '!' : '|'} Collecting files of part ${i}: /etc/yunohost/${i}.conf\n`,
  )
  for (const id of [failedRun, warnedRun, runningRun]) {
    const path = runLogPath(config.dataDir, id)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, lines.join(''))
  }
  await db.updateTable('jobs').set({ retention_hold: 'verify_failed' }).where('id', '=', good.id).execute()
  for (let ago = 90; ago > 0; ago -= 14) await seedDrill(db, good.id, { finishedAt: testNow - ago * day })
  const long =
    '2026/a name with spaces and no end at all, as a camera with too much to say would give it.jpeg'
  await seedDrill(db, cloud.id, { verdict: 'inconclusive', findings: [{ code: 'no_space', facts: {} }] })
  await seedDrill(db, cloud.id, {
    verdict: 'failed',
    depth: 'extract',
    findings: [
      { code: 'bytes_read', facts: { bytes: 38 * gib } },
      ...Array.from({ length: 20 }, () => ({ code: 'file_differs', facts: { path: long } }) as const),
    ],
  })
  return { job: cloud.id, folder: folder.id, database: database.id, runningRun, failedRun, warnedRun }
}

/** A test restore that passed yesterday, unless the seed says otherwise. */
function seedDrill(db: Kysely<Schema>, jobId: number, change: Partial<Drill>): Promise<Drill> {
  const finishedAt = change.finishedAt ?? testNow - day
  return insertDrill(db, {
    jobId,
    archiveName: 'jerry_nextcloud_20261120',
    depth: 'read',
    verdict: 'passed',
    findings: [{ code: 'bytes_read', facts: { bytes: gib } }],
    actor: 'scheduler',
    startedAt: finishedAt - 60_000,
    finishedAt,
    ...change,
  })
}

type History = Parameters<typeof history> extends [unknown, ...infer Rest] ? Rest : never

/** Thirty-four days of runs, one a night; `statusOf` is asked with the days ago. Good ones leave an archive. */
async function history(
  db: Kysely<Schema>,
  jobId: number,
  subject: string,
  statusOf: (daysAgo: number) => RunStatus,
  bytes: number,
): Promise<void> {
  for (let ago = 33; ago >= 0; ago--) {
    const at = testNow - ago * day - 7 * 3_600_000
    const status = statusOf(ago)
    const left = status === 'success' || status === 'warning'
    const name = `jerry_${subject}_${new Date(at).toISOString().slice(0, 10).replaceAll('-', '')}`
    const size = Math.round(bytes * (1 - ago * 0.008 + (ago % 5) * 0.01))
    await seedRun(db, jobId, {
      ...(status === 'error' ? failed : { archive_name: left ? name : null, size_bytes: left ? size : null }),
      status,
      queued_at: at,
      started_at: at + 1000,
      finished_at: at + 900_000 + ago * 7000,
      warning_count: status === 'warning' ? 2 : 0,
    })
    if (left && ago < 12) {
      await seedArchives(db, { name, app: subject, created_at: at, size_bytes: size, job_id: jobId })
    }
  }
}
