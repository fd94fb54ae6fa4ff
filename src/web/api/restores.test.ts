// Restores and transfers over the API.
import { beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { apiBench, problemOf, type ApiBench, type TestKey } from '../../../test/support/api.ts'
import { seedArchives } from '../../../test/support/archives.ts'
import { folderPlan, seedRestore } from '../../../test/support/restore-seeds.ts'
import { testNow } from '../../../test/support/web.ts'
import {
  restorePlanSchema,
  restoreStartedSchema,
  restoreStatusSchema,
  transferSchema,
  transferStartedSchema,
} from '../../domain/api/archives.ts'

const name = 'jerry_photos_20261121'
let bench: ApiBench
let key: TestKey
beforeEach(async () => {
  bench = await apiBench()
  key = await bench.script('restore', 'run', 'read')
  const source = { source_path: '/srv/photos', excludes: [], one_file_system: true }
  await seedArchives(bench.web.deps.db, {
    name,
    type: 'custom_dir',
    app: 'photos',
    backup_info_json: JSON.stringify({ type: 'custom_dir', ...source, extra: source }),
  })
})

const ask = (options: object) => bench.ask(`POST /archives/${name}/restore`, { key, json: { options } })

test('a dry run tells what would be done, in words, and does nothing', async () => {
  const answer = await ask({ dry_run: true, target_path: '/srv/elsewhere' })
  const plan = restorePlanSchema.parse(await answer.json())
  expect(answer.status).toBe(200)
  expect(plan).toMatchObject({ archive: name, type: 'custom_dir', replaces: false, refusals: [] })
  expect(plan.steps[0]?.text).toMatch(/^Verify the archive/)
  expect(plan.text).toEqual(plan.steps.map((step) => step.text))
  expect(await bench.web.deps.db.selectFrom('restores').selectAll().execute()).toEqual([])
})

test('a restore is queued, and its status is that of the newest one', async () => {
  const status = () => bench.ask(`GET /archives/${name}/restore/status`, { key })
  expect(await problemOf(await status())).toBe('404 restore_not_found')
  const answer = await ask({ target_path: '/srv/elsewhere' })
  expect(answer.status).toBe(202)
  const { restore_id } = restoreStartedSchema.parse(await answer.json())
  const told = restoreStatusSchema.parse(await (await status()).json())
  expect(told).toMatchObject({ restore_id, status: 'running', log_tail: '', error: null })
  expect(told.steps.map((step) => step.state)).toContain('waiting')
  expect(await problemOf(await ask({ target_path: '/srv/elsewhere' }))).toBe('409 restore_running')
})

test('what would replace something needs force', async () => {
  bench.web.machine.plan = () => ({ ...folderPlan, archive: name, replaces: true })
  expect(await problemOf(await ask({}))).toBe('422 confirmation_missing')
  expect((await ask({ force: true })).status).toBe(202)
})

test('another archive of that name than the one that was meant is neither planned nor restored', async () => {
  const meant = '0a'.repeat(32)
  const restore = (json: object) => bench.ask(`POST /archives/${name}/restore`, { key, json })
  const { db } = bench.web.deps
  const set = (sha256: string | null) => db.updateTable('archives').set({ sha256 }).execute()
  await set('0b'.repeat(32))
  for (const dry_run of [true, false]) {
    const answer = await restore({ expected_sha256: meant, options: { dry_run, target_path: '/srv/x' } })
    expect(await problemOf(answer)).toBe('409 archive_differs')
  }
  expect(await db.selectFrom('restores').selectAll().execute()).toEqual([])
  await set(meant)
  expect((await restore({ expected_sha256: meant, options: { dry_run: true } })).status).toBe(200)
  // It was never read whole: there is nothing to compare.
  await set(null)
  expect((await restore({ expected_sha256: meant, options: { target_path: '/srv/x' } })).status).toBe(202)
  expect(await problemOf(await restore({ expected_sha256: 'x', options: {} }))).toBe('422 validation_failed')
})

test('a plan with refusals is told by a dry run and refused otherwise', async () => {
  bench.web.machine.plan = () => ({
    ...folderPlan,
    archive: name,
    refusals: [{ field: 'target_path', code: 'path_not_safe', facts: {} }],
  })
  const plan = restorePlanSchema.parse(await (await ask({ dry_run: true })).json())
  expect(plan.refusals).toEqual([{ field: 'target_path', message: expect.stringMatching(/\S/) }])
  expect(plan.text[0]).toMatch(/^target_path: /)
  expect(await problemOf(await ask({}))).toBe('409 restore_refused')
})

test('options that are no options are 422', async () => {
  expect(await problemOf(await ask({ target_path: 7 }))).toBe('422 validation_failed')
  expect(await problemOf(await ask({ paths: [] }))).toBe('422 validation_failed')
  const none = await bench.ask('POST /archives/none/restore', { key, json: { options: { dry_run: true } } })
  expect(await problemOf(none)).toBe('404 archive_not_found')
})

test.each([
  ['success', 'success'],
  ['rolled_back', 'rolled_back'],
  ['cancelled', 'rolled_back'],
  ['error', 'error'],
] as const)('a restore that is %s here is %s on the wire', async (status, wire) => {
  await seedRestore(bench.web.deps.db, { archive_name: name, status })
  const answer = await bench.ask(`GET /archives/${name}/restore/status`, { key })
  expect(restoreStatusSchema.parse(await answer.json()).status).toBe(wire)
})

test('an archive is sent to a peer by its instance id, or to a destination by its own', async () => {
  const { db } = bench.web.deps
  await bench.peer('tom', 'read')
  const row = { kind: 'peer', name: 'tom', peer_id: bench.peerId('tom'), created_at: testNow }
  const { id } = await db.insertInto('destinations').values(row).returning('id').executeTakeFirstOrThrow()
  const send = (json: object) => bench.ask(`POST /archives/${name}/transfer`, { key, json })

  const answer = await send({ instance_id: bench.uidOf('tom') })
  expect(answer.status).toBe(202)
  const started = transferStartedSchema.parse(await answer.json())
  const again = transferStartedSchema.parse(await (await send({ destination_id: id })).json())
  expect(again.transfer_id).toBe(started.transfer_id)

  const told = transferSchema.parse(
    await (await bench.ask(`GET /transfers/${started.transfer_id}`, { key })).json(),
  )
  expect(told).toMatchObject({ archive_name: name, destination: 'tom', direction: 'send', bytes_done: 0 })
  const cancelled = await bench.ask(`POST /transfers/${started.transfer_id}/cancel`, { key })
  expect([cancelled.status, transferSchema.parse(await cancelled.json()).status]).toEqual([202, 'cancelled'])
  const trigger = await db.selectFrom('transfers').select(['trigger', 'actor']).executeTakeFirstOrThrow()
  expect(trigger).toEqual({ trigger: 'api', actor: expect.stringMatching(/^token:script/) })

  expect(await problemOf(await send({ instance_id: 'nobody' }))).toBe('404 destination_not_found')
  expect(await problemOf(await send({ destination_id: 99 }))).toBe('404 destination_not_found')
  expect(await problemOf(await send({}))).toBe('422 validation_failed')
  expect(await problemOf(await send({ instance_id: 'a', destination_id: 1 }))).toBe('422 validation_failed')
  const unnamed = z.object({ errors: z.array(z.object({ field: z.string() })) })
  expect(unnamed.parse(await (await send({})).json()).errors[0]?.field).toBe('instance_id')
})
