// Rows for the catalogue, as plain as a test can have them.
import type { Insertable, Kysely } from 'kysely'
import type { ArchivesTable, Schema } from '../../src/store/schema.ts'
import { insertJob } from '../../src/store/jobs.ts'
import { testNow, testWeb } from './web.ts'

export type ArchiveSeed = Partial<Insertable<ArchivesTable>> & { readonly name: string }

/** Adds archives: good, made here an hour ago and 412 MiB large unless the seed says otherwise. */
export async function seedArchives(db: Kysely<Schema>, ...seeds: readonly ArchiveSeed[]): Promise<void> {
  for (const seed of seeds) {
    await db
      .insertInto('archives')
      .values({
        file: `${seed.name}.tar`,
        fingerprint: `1:1:1:${seed.name}`,
        type: 'ynh_app',
        app: 'nextcloud',
        instance_name: 'jerry',
        created_at: testNow - 3_600_000,
        size_bytes: 412 * 2 ** 20,
        sha256: 'ab'.repeat(32),
        state: 'ok',
        state_detail: null,
        origin: 'local',
        job_id: null,
        job_uid: null,
        verified_at: testNow - 3_600_000,
        missing_at: null,
        info_json: JSON.stringify(sidecar),
        backup_info_json: null,
        ...seed,
      })
      .execute()
  }
}

/** A description as YunoHost writes it. */
export const sidecar = {
  description: 'nightly',
  created_at: testNow / 1000 - 3600,
  size: 500_000_000,
  size_details: { system: { data_home: 8655 }, apps: { nextcloud: 499_000_000 } },
  apps: { nextcloud: { version: '29.0.4~ynh1', name: 'Nextcloud', description: 'Files' } },
  system: { data_home: ['/usr/share/yunohost/hooks/backup/17-data_home'] },
  from_yunohost_version: '12.1.25',
}

/** A description as BackupManager writes it. */
export const backupInfo = {
  instance_name: 'jerry',
  instance_url: 'https://jerry.example/backup',
  app: 'nextcloud',
  type: 'ynh_app',
  created_at: '2026-11-21T09:00:00+01:00',
  backupmanager_version: '0.1.0',
  yunohost_version: '12.1.25',
  job: { uid: '8f0e', name: 'nightly cloud' },
  tools: ['tar 1.34', 'yunohost 12.1.25'],
}

const hour = 3_600_000

/** A dashboard with one archive of every kind: six, of four instances and states, two of them of one job. */
export async function someArchives() {
  const web = await testWeb()
  const { db } = web.deps
  const job = await insertJob(db, {
    uid: 'u1',
    name: 'nightly cloud',
    type: 'ynh_app',
    config: { app_id: 'nextcloud' },
    cronExpr: '0 3 * * *',
    retention: { mode: 'count', count: 7 },
    enabled: true,
    coreOnly: false,
    hooks: { timeoutS: 60 },
    timeoutS: null,
    createdAt: testNow,
    updatedAt: testNow,
    nextRunAt: null,
    drill: null,
    nextDrillAt: null,
    retentionHold: null,
  })
  await seedArchives(
    db,
    {
      name: 'jerry_nextcloud_20261121',
      job_id: job.id,
      job_uid: 'u1',
      backup_info_json: JSON.stringify(backupInfo),
    },
    { name: 'jerry_nextcloud_20261120', job_id: job.id, created_at: testNow - 25 * hour, pinned: 1 },
    {
      name: 'jerry_nocodb_20261121',
      app: 'nocodb',
      state: 'corrupted',
      state_detail: 'SHA-256 is 1, recorded was 2',
    },
    {
      name: 'tom_wiki_20261119',
      app: 'wiki',
      instance_name: 'tom',
      origin: 'received',
      created_at: testNow - 50 * hour,
    },
    {
      name: '20261101-101500',
      app: null,
      type: null,
      instance_name: null,
      origin: 'foreign',
      state: 'unverified',
      sha256: null,
      verified_at: null,
      created_at: testNow - 500 * hour,
    },
    {
      name: 'jerry_gone_20261001',
      app: 'gone',
      missing_at: testNow - hour,
      created_at: testNow - 900 * hour,
    },
  )
  return { ...web, job }
}
