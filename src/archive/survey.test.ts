import { ftruncateSync, openSync, closeSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentsWorld, oddTar } from './contents-world.ts'
import { mustBeSafe, surveyArchive, surveyTar } from './survey.ts'
import { tarFile } from './tar-header.ts'

test.each([false, true])('all members are seen and small files kept, compressed: %s', async (gzip) => {
  const world = await contentsWorld()
  world.archive('a', { gzip })
  const names: string[] = []
  const survey = await surveyArchive(world.archivesDir, 'a', {
    capture: (name) => name.startsWith('tree/dir/'),
    onMember: (_, name) => names.push(name),
  })
  expect(survey).toMatchObject({ damage: '', unsafe: null, devices: 0, members: names.length })
  expect(names).toContain('tree/dir/deep')
  // Whichever of the three names tar met first is the file, the others are links to it.
  const contents = [...survey.files].map(([name, data]) => `${name}: ${data.length}`)
  expect(contents).toContain(`${Buffer.from('tree/dir/deep/Été à la mer.txt').toString('latin1')}: 70000`)
  mustBeSafe('a', survey)
})

test('of files with one name the last is kept, and none when that is too large', async () => {
  const world = await contentsWorld()
  world.put(
    'a',
    oddTar([
      { name: 'x', data: Buffer.from('old') },
      { name: './x', data: Buffer.from('new') },
      { name: 'y', data: Buffer.from('y') },
      { name: 'y', data: Buffer.alloc(1024 * 1024 + 1) },
    ]),
  )
  const { files } = await surveyArchive(world.archivesDir, 'a', { capture: () => true })
  expect([...files].map(([name, data]) => `${name}=${data.toString()}`)).toEqual(['x=new'])
})

test('data that nobody wants is not read', async () => {
  const world = await contentsWorld()
  const huge = 20 * 1024 ** 3
  const fd = openSync(join(world.archivesDir, 'a.tar'), 'w')
  const header = oddTar([{ name: 'huge', size: huge }], false)
  writeSync(fd, header)
  writeSync(fd, tarFile('small', Buffer.from('small'), 1), 0, 1024, header.length + huge)
  ftruncateSync(fd, header.length + huge + 10_240)
  closeSync(fd)
  const positions: number[] = []
  const survey = await surveyArchive(world.archivesDir, 'a', {
    capture: (name) => name === 'small',
    onRead: (at) => positions.push(at),
  })
  expect(survey).toMatchObject({ members: 2, damage: '' })
  expect(survey.files.get('small')?.toString()).toBe('small')
  expect(positions.length).toBeLessThan(10)
})

test('damage is part of the answer, and does not allow unpacking', async () => {
  const world = await contentsWorld()
  const tar = world.archive('whole')
  world.put('cut', tar.subarray(0, 100_000))
  world.put('cut-in-data', tar.subarray(0, tar.indexOf('xxxxxxxxxx') + 5000))
  world.archive('packed', { gzip: true })
  const packed = await world.open('packed')
  const bytes: Buffer[] = []
  for await (const piece of packed.raw()) bytes.push(piece)
  await packed.close()
  world.put('packed-cut', Buffer.concat(bytes).subarray(0, -100))
  const flipped = Buffer.concat(bytes)
  const middle = flipped.length >> 1
  flipped[middle] = (flipped[middle] ?? 0) ^ 0xff
  world.put('packed-flipped', flipped)
  for (const name of ['cut', 'cut-in-data', 'packed-cut', 'packed-flipped']) {
    const survey = await surveyArchive(world.archivesDir, name)
    expect(survey.damage, name).not.toBe('')
    expect(() => mustBeSafe(name, survey)).toThrow(expect.objectContaining({ code: 'archive_truncated' }))
  }
})

test('an unsafe member is named, the first one', async () => {
  const world = await contentsWorld()
  world.put('a', oddTar([{ name: 'good' }, { name: '../bad' }, { name: '/worse' }]))
  const survey = await surveyArchive(world.archivesDir, 'a')
  expect(survey.unsafe).toEqual({ member: '../bad', why: 'climbs' })
  expect(() => mustBeSafe('a', survey)).toThrow(
    expect.objectContaining({
      code: 'archive_unsafe',
      facts: { archive: 'a', path: '../bad', why: 'climbs' },
    }),
  )
})

test('an abort ends it', async () => {
  const world = await contentsWorld()
  world.archive('a', { gzip: true })
  const tar = await world.open('a')
  const stop = new AbortController()
  await expect(surveyTar(tar, { signal: stop.signal, onMember: () => stop.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  })
  await tar.close()
})
