import { beforeEach, expect, test } from 'vitest'
import { apiBench, problemOf, type ApiBench } from '../../../test/support/api.ts'
import { seedArchives } from '../../../test/support/archives.ts'
import { seedJob } from '../../../test/support/job-seeds.ts'
import { transferSchema, transferStartedSchema } from '../../domain/api/archives.ts'
import { destinationOfPeer, replaceJobDestinations } from '../../store/destinations.ts'
import { ensurePeerDestination } from '../../store/peer-destination.ts'
import { insertTransfer } from '../../store/transfers.ts'

const ours = 'jerry_nextcloud_20261121'
const copied = 'jerry_photos_20261121'
const annas = 'anna_mail_20261121'
const evils = 'evil_wiki_20261121'
let bench: ApiBench

/** Two archives of ours, of which one goes to `evil` by its job, and one of each peer. */
beforeEach(async () => {
  bench = await apiBench()
  const { db, engine } = bench.web.deps
  for (const name of ['evil', 'anna']) {
    await bench.peer(name, 'read')
    await ensurePeerDestination(db, bench.peerId(name), name, 0)
  }
  const job = await seedJob(engine)
  await replaceJobDestinations(db, job.id, [await at('evil')])
  await seedArchives(
    db,
    { name: ours },
    { name: copied, job_id: job.id },
    { name: annas, origin: 'received' },
    { name: evils, origin: 'received' },
  )
  for (const [name, who] of [
    [annas, 'anna'],
    [evils, 'evil'],
  ] as const) {
    await bench.received(name, `peer:${bench.uidOf(who)}`)
  }
})

async function at(peer: string): Promise<number> {
  return (await destinationOfPeer(bench.web.deps.db, bench.peerId(peer)))?.id ?? 0
}

test('a peer that may run has nothing sent but what is its own, or goes there anyway', async () => {
  const key = await bench.peer('evil', 'run')
  const order = (name: string, peer: string) =>
    bench.ask(`POST /archives/${name}/transfer`, { key, json: { instance_id: bench.uidOf(peer) } })
  for (const [name, peer] of [
    [ours, 'evil'],
    [annas, 'evil'],
    [copied, 'anna'],
    ['nothing', 'evil'],
  ] as const) {
    expect([name, await problemOf(await order(name, peer))]).toEqual([name, '404 archive_not_found'])
  }
  expect((await order(copied, 'evil')).status).toBe(202)
  expect((await order(evils, 'evil')).status).toBe(202)
  const rows = await bench.web.deps.db.selectFrom('transfers').select(['archive_name', 'actor']).execute()
  expect(rows).toEqual([
    { archive_name: copied, actor: 'peer:evil' },
    { archive_name: evils, actor: 'peer:evil' },
  ])
})

test('what somebody left here is not a job’s, whatever its row says', async () => {
  const { db } = bench.web.deps
  const { job_id } = await db
    .selectFrom('archives')
    .select('job_id')
    .where('name', '=', copied)
    .executeTakeFirstOrThrow()
  await db.updateTable('archives').set({ job_id, origin: 'local' }).where('name', '=', annas).execute()
  const key = await bench.peer('evil', 'run')
  const json = { instance_id: bench.uidOf('evil') }
  expect(await problemOf(await bench.ask(`POST /archives/${annas}/transfer`, { key, json }))).toBe(
    '404 archive_not_found',
  )
})

test('an admin’s key has anything sent', async () => {
  const json = { instance_id: bench.uidOf('evil') }
  for (const key of [await bench.script('run'), await bench.peer('anna', 'admin')]) {
    expect((await bench.ask(`POST /archives/${ours}/transfer`, { key, json })).status).toBe(202)
  }
})

test('a peer looks at what it ordered or could have ordered, and stops only what it ordered', async () => {
  const { db } = bench.web.deps
  const evil = await bench.peer('evil', 'run', 'read')
  const anna = await bench.peer('anna', 'run', 'read')
  const script = await bench.script('run', 'read')
  const automatic = await insertTransfer(db, {
    direction: 'send',
    archiveName: copied,
    destinationId: await at('evil'),
    mode: 'auto',
    trigger: 'automatic',
    actor: 'scheduler',
    bytesTotal: 1,
    queuedAt: 0,
  })
  const json = { instance_id: bench.uidOf('evil') }
  const answer = await bench.ask(`POST /archives/${evils}/transfer`, { key: evil, json })
  const own = transferStartedSchema.parse(await answer.json()).transfer_id
  const show = async (id: number, key: typeof evil) =>
    (await bench.ask(`GET /transfers/${id}`, { key })).status
  const id = automatic?.id ?? 0
  expect([await show(own, evil), await show(own, anna), await show(own, script)]).toEqual([200, 404, 200])
  expect([await show(id, evil), await show(id, anna), await show(id, script)]).toEqual([200, 200, 200])

  const cancel = (what: number, key: typeof evil) => bench.ask(`POST /transfers/${what}/cancel`, { key })
  expect(await problemOf(await cancel(own, anna))).toBe('404 transfer_not_found')
  expect(await problemOf(await cancel(id, anna))).toBe('403 scope_missing')
  expect(await problemOf(await cancel(id, evil))).toBe('403 scope_missing')
  const stopped = transferSchema.parse(await (await cancel(own, evil)).json())
  expect(stopped).toMatchObject({ status: 'cancelled', destination: 'evil', archive_name: evils })
  expect((await cancel(id, script)).status).toBe(202)
})
