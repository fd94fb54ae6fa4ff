// A drill finds out whether an archive could be restored, and leaves nothing behind.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DrillResult } from '../../../domain/drill.ts'
import type { Run } from '../../../sys/process.ts'
import { awkwardTree } from '../awkward-tree-world.ts'
import { fill, treeOf } from '../custom-dir-world.ts'
import { customDir } from '../index.ts'
import { afterUnpacking, beforeUnpacking, eachInRestoreWorld, type RestoreWorld } from './restore-world.ts'

let world: RestoreWorld
eachInRestoreWorld((fresh) => (world = fresh))

const tar = (): string => join(world.places.archivesDir, 'made.tar')

function drill(change: (run: Run) => Run = (run) => run, signal?: AbortSignal): Promise<DrillResult> {
  const io = world.io(signal)
  return customDir.restore.drill(world.request(), 'extract', { ...io, run: change(io.run) })
}

function nothingLeft(): void {
  expect(world.archivesLeft()).toEqual(['made.info.json', 'made.tar'])
  expect(treeOf(world.places.dataDir)).toHaveProperty('2e')
  expect(Object.keys(treeOf(world.places.dataDir))).toHaveLength(1)
}

test('an awkward tree passes, device nodes aside, and nothing is touched', { timeout: 60_000 }, async () => {
  awkwardTree(world.tree)
  await world.save()
  const before = treeOf(world.tree)
  const files = Object.values(before).filter(
    ({ kind }) => ![0o040000, 0o020000, 0o060000].includes(Number(kind)),
  ).length
  const result = await drill()
  expect(result).toMatchObject({
    verdict: 'passed',
    findings: [{ code: 'files_compared', facts: { files } }],
  })
  expect(treeOf(world.tree)).toEqual(before)
  nothingLeft()
})

test.each<[string, string, string, string]>([
  [
    'a byte of a file',
    'printf X | dd of=big bs=1 seek=2500000 conv=notrunc status=none',
    'file_differs',
    'big',
  ],
  [
    'a byte of a sparse file',
    'printf X | dd of=holes bs=1 seek=5 conv=notrunc status=none',
    'file_differs',
    'holes',
  ],
  [
    'a hole',
    'printf X | dd of=holes bs=1 seek=9000000 conv=notrunc status=none; fallocate -l 10M holes',
    'file_differs',
    'holes',
  ],
  ['the length of a file', 'truncate -s +1 big', 'file_differs', 'big'],
  ['a link', 'ln -sfn elsewhere link', 'file_differs', 'link'],
  ['a hard link', 'cp hard h; mv h hard', 'file_differs', 'hard'],
  ['the kind', 'rm folder/one; mkdir folder/one', 'file_differs', 'folder/one'],
  ['a missing file', 'rm folder/one', 'file_missing', 'folder/one'],
  ['a missing folder', 'rm -r folder', 'file_missing', 'folder'],
])('%s that is not as it was saved is found', async (_, command, code, path) => {
  const sh = (script: string, cwd: string): Buffer => execFileSync('sh', ['-euc', script], { cwd })
  fill(join(world.tree, 'big'), 3)
  sh(
    'ln big hard; ln -s nowhere link; truncate -s 10M holes; printf end >>holes; printf begin | dd of=holes conv=notrunc status=none',
    world.tree,
  )
  world.write('folder/one', 'x')
  await world.save()
  // Times are compared too: only what the test is about may differ.
  const times = execFileSync('stat', ['-c', '%y', join(world.tree, 'big'), join(world.tree, 'holes')])
    .toString()
    .split('\n')
  const script = `${command}; touch -d '${times[0]}' big; touch -d '${times[1]}' holes`
  const result = await drill((run) => afterUnpacking(run, (tree) => void sh(script, tree)))
  expect(result.verdict).toBe('failed')
  expect(result.findings).toContainEqual({ code, facts: { path } })
  nothingLeft()
})

test('a damaged or unsafe archive has failed, one of a newer version proves nothing', async () => {
  world.write('file', 'x')
  await world.save()
  const whole = readFileSync(tar())
  writeFileSync(tar(), whole.subarray(0, whole.length - 10_240))
  expect(await drill()).toMatchObject({ verdict: 'failed', findings: [{ code: 'damage' }] })
  const odd = Buffer.from(whole)
  odd.write('Q', whole.indexOf(`data/custom${world.tree}/file`) + 156, 'latin1')
  writeFileSync(tar(), odd)
  expect(await drill()).toMatchObject({ verdict: 'failed', findings: [{ code: 'damage' }] })
  const newer = Buffer.from(whole)
  newer.write('9', whole.indexOf('data/custom/.backupmanager/format') + 512)
  writeFileSync(tar(), newer)
  expect(await drill()).toMatchObject({ verdict: 'inconclusive' })
  nothingLeft()
})

test('a machine without room or without tar proves nothing', async () => {
  fill(join(world.tree, 'big'), 3)
  await world.save()
  expect(
    await drill((run) => (file, args, options) => run(file === 'tar' ? '/no/tar' : file, args, options)),
  ).toMatchObject({
    verdict: 'inconclusive',
    findings: [{ code: 'tool_missing', facts: { tool: 'tar' } }],
  })
  const whole = readFileSync(tar())
  for (const folder of [world.places.archivesDir, world.places.dataDir]) {
    world.mountAt(folder, 5)
  }
  writeFileSync(tar(), whole)
  writeFileSync(join(world.places.dataDir, 'fill'), Buffer.alloc(3 * 1024 * 1024))
  expect(await drill()).toMatchObject({ verdict: 'inconclusive', findings: [{ code: 'no_space' }] })
  expect(world.archivesLeft()).toEqual(['made.tar'])
})

test('the data disk is used when the archives have no room', async () => {
  fill(join(world.tree, 'big'), 3)
  await world.save()
  const whole = readFileSync(tar())
  const { archivesDir } = world.places
  world.mountAt(archivesDir, 5)
  writeFileSync(tar(), whole)
  expect((await drill()).verdict).toBe('passed')
})

test('a cancel ends it, and nothing is left', async () => {
  fill(join(world.tree, 'big'), 8)
  await world.save()
  const stop = new AbortController()
  const work = drill((run) => beforeUnpacking(run, () => stop.abort()), stop.signal)
  await expect(work).rejects.toMatchObject({ code: 'cancelled' })
  nothingLeft()
})

test('what a killed drill left is removed by the next one; what a living one uses is not', async () => {
  world.write('file', 'x')
  await world.save()
  const living = spawn('sleep', ['1000'])
  world.atEnd(() => living.kill())
  const start = (pid: number): string =>
    readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[19] ?? ''
  const pid = living.pid ?? 0
  const [used, left, reused] = [`${pid}-${start(pid)}`, '999999999-5', `${pid}-1`].map(
    (who) => `.bm-drill-${who}-x`,
  )
  for (const name of [used, left, reused]) {
    mkdirSync(join(world.places.archivesDir, name ?? ''))
    writeFileSync(join(world.places.archivesDir, name ?? '', 'file'), 'x')
  }
  expect((await drill()).verdict).toBe('passed')
  expect(world.archivesLeft()).toEqual([used, 'made.info.json', 'made.tar'])
  living.kill()
  await once(living, 'exit')
  await drill()
  nothingLeft()
})

test('an archive that is not there is told as that', async () => {
  const missing = customDir.restore.drill(world.request({}, 'nothing'), 'extract', world.io())
  await expect(missing).rejects.toMatchObject({ code: 'archive_not_found' })
})
