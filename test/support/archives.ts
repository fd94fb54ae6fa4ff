// Rows for the catalogue, as plain as a test can have them.
import type { Insertable, Kysely } from 'kysely'
import type { ArchivesTable, Schema } from '../../src/store/schema.ts'
import { testNow } from './web.ts'

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
