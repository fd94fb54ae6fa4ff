// Archives of every kind that can be restored, and restores in every state, for tests of the dashboard.
import type { Insertable, Kysely } from 'kysely'
import type { RestorePlan, RestoreStep, StepState } from '../../src/domain/restore.ts'
import type { RestoresTable, Schema } from '../../src/store/schema.ts'
import { backupInfo, seedArchives } from './archives.ts'
import { testNow, testWeb } from './web.ts'

/** What the descriptions of a saved folder remember. */
export const folderInfo = {
  ...backupInfo,
  app: 'photos',
  type: 'custom_dir',
  format: 2,
  source_path: '/srv/photos',
  excludes: [],
  one_file_system: true,
}

/** A plan that replaces a folder, with the steps of the engine in front. */
export const folderPlan: RestorePlan = {
  archive: 'jerry_photos_20261121',
  type: 'custom_dir',
  target: '/srv/photos',
  steps: [
    { code: 'verify_archive', facts: { archive: 'jerry_photos_20261121' } },
    { code: 'safety_archive', facts: { target: '/srv/photos' } },
    { code: 'extract_files', facts: { files: 12_402, bytes: 2_254_857_830, path: '/srv/photos' } },
    { code: 'stop_service', facts: { service: 'photos.service' } },
    { code: 'put_files_in_place', facts: { path: '/srv/photos' } },
    { code: 'start_service', facts: { service: 'photos.service' } },
    { code: 'remove_former', facts: { path: '/srv/.photos.former' } },
  ],
  warnings: [{ code: 'user_exists', facts: { user: 'photos' } }],
  refusals: [],
  replaces: true,
  safety: { type: 'custom_dir', settings: { source_path: '/srv/photos' } },
  bytes: 2_254_857_830,
  files: 12_402,
}

/** The plan's steps in these states, in their order; those that are not named wait. */
export function stepsIn(plan: RestorePlan, ...states: readonly StepState[]): readonly RestoreStep[] {
  return plan.steps.map((step, i) => {
    const state = states[i] ?? 'waiting'
    return {
      ...step,
      state,
      startedAt: state === 'waiting' || state === 'skipped' ? null : testNow - 60_000,
      finishedAt: state === 'waiting' || state === 'skipped' || state === 'running' ? null : testNow - 30_000,
      detail: state === 'failed' ? 'systemctl: Unit photos.service has a bad setting' : '',
    }
  })
}

let operations = 0

/** A restore that succeeded a minute ago, unless the seed says otherwise; its id. */
export async function seedRestore(
  db: Kysely<Schema>,
  change: Partial<Insertable<RestoresTable>> = {},
): Promise<number> {
  operations += 1
  const row = await db
    .insertInto('restores')
    .values({
      archive_name: folderPlan.archive,
      type: folderPlan.type,
      target: folderPlan.target,
      job_id: null,
      status: 'success',
      actor: 'alice',
      operation: `restore-${operations}`,
      settings_json: '{}',
      options_json: '{}',
      plan_json: JSON.stringify(folderPlan),
      steps_json: JSON.stringify(stepsIn(folderPlan, ...Array.from({ length: 7 }, () => 'done' as const))),
      safety_archive: null,
      requested_at: testNow - 65_000,
      started_at: testNow - 60_000,
      finished_at: testNow - 10_000,
      progress_done: null,
      progress_total: null,
      error_code: null,
      ...change,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

/** The columns of a restore that goes on. */
export const restoring = {
  status: 'running',
  finished_at: null,
  progress_done: 900_000_000,
  progress_total: 2_254_857_830,
  safety_archive: 'jerry_photos_20261121-2',
  steps_json: JSON.stringify(stepsIn(folderPlan, 'done', 'done', 'running')),
} as const

/** The columns of one that failed and was taken back. */
export const putBack = {
  status: 'rolled_back',
  error_code: 'restore_failed',
  error_facts: JSON.stringify({ detail: 'systemctl: Unit photos.service has a bad setting' }),
  steps_json: JSON.stringify(
    stepsIn(folderPlan, 'done', 'done', 'undone', 'undone', 'undone', 'failed', 'skipped'),
  ),
} as const

/** The columns of one that failed and could not be taken back. */
export const halfBack = {
  status: 'error',
  error_code: 'put_back_failed',
  error_facts: JSON.stringify({ detail: 'Read-only file system' }),
  remarks_json: JSON.stringify([{ code: 'former_left', facts: { detail: '/srv/.photos.former' } }]),
  steps_json: JSON.stringify(
    stepsIn(folderPlan, 'done', 'done', 'done', 'done', 'failed', 'skipped', 'skipped'),
  ),
} as const

/** A dashboard with an archive of a folder, one of several apps and parts, an app's, and one that is damaged. */
export async function restorableArchives(): ReturnType<typeof testWeb> {
  const web = await testWeb()
  await seedArchives(
    web.deps.db,
    {
      name: 'jerry_photos_20261121',
      type: 'custom_dir',
      app: 'photos',
      info_json: JSON.stringify({ system: { data_custom: ['/hooks/restore/95-data_custom'] } }),
      backup_info_json: JSON.stringify(folderInfo),
    },
    {
      name: '20261101-101500',
      type: 'ynh_system',
      app: 'system',
      instance_name: null,
      origin: 'foreign',
      state: 'unverified',
      sha256: null,
      info_json: JSON.stringify({
        apps: {},
        system: { conf_ynh_settings: [], data_home: [], data_mail: [] },
      }),
      created_at: testNow - 500 * 3_600_000,
    },
    { name: 'jerry_nextcloud_20261121' },
    { name: 'jerry_nextcloud_20261120', created_at: testNow - 86_400_000 },
    {
      name: 'jerry_nocodb_20261121',
      app: 'nocodb',
      state: 'corrupted',
      state_detail: 'SHA-256 is 1, recorded was 2',
    },
    { name: 'jerry_gone_20261001', app: 'gone', missing_at: testNow },
  )
  return web
}
