import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import type { TarMember } from '../../archive/tar-scanner.ts'
import { membersOnly } from './members-only.ts'

let folder: string
beforeEach(async () => {
  folder = await temporaryFolder()
})

/** A tar that GNU tar makes of some awkward files. */
function aTar(...options: readonly string[]): Buffer {
  const tree = join(folder, 'tree')
  mkdirSync(join(tree, 'empty'), { recursive: true })
  for (const [name, size] of [
    ['a', 0],
    ['b', 511],
    ['c', 512],
    ['d', 70_000],
    ['n'.repeat(200), 3],
  ] as const) {
    writeFileSync(join(tree, name), Buffer.alloc(size, name))
  }
  symlinkSync('l'.repeat(300), join(tree, 'link'))
  writeFileSync(join(tree, 'holes'), 'begin')
  truncateSync(join(tree, 'holes'), 5_000_000)
  const file = join(folder, 'made.tar')
  execFileSync('tar', ['-cf', file, '-C', folder, '--sparse', '--sort=name', ...options, 'tree'])
  return readFileSync(file)
}

async function filtered(tar: Buffer, piece: number, wanted: (member: TarMember) => boolean): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let at = 0; at < tar.length; at += piece) pieces.push(tar.subarray(at, at + piece))
  const out: Buffer[] = []
  for await (const chunk of membersOnly(from(pieces), wanted)) out.push(Buffer.from(chunk))
  return Buffer.concat(out)
}

async function* from(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces
}

const names = (tar: Buffer): string[] =>
  execFileSync('tar', ['-tf', '-'], { input: tar }).toString().trimEnd().split('\n')

describe.each([['--format=posix'], ['--format=gnu']])('of a tar in %s', (format) => {
  test('all members are all of its bytes up to the end', async () => {
    const tar = aTar(format)
    const all = await filtered(tar, 1_000_003, () => true)
    expect(tar.subarray(0, all.length - 1024).equals(all.subarray(0, -1024))).toBe(true)
    expect(names(all)).toEqual(names(tar))
  })

  test.each([1, 512, 700, 10_240, 1_048_576])(
    'some members come whole, in pieces of %i bytes',
    async (piece) => {
      const tar = aTar(format)
      const wanted = new Set(['tree/b', `tree/${'n'.repeat(200)}`, 'tree/link', 'tree/holes'])
      const some = await filtered(tar, piece, (member) => wanted.has(member.name.toString()))
      expect(new Set(names(some))).toEqual(wanted)
      mkdirSync(join(folder, 'out'))
      execFileSync('tar', ['-xf', '-', '-C', join(folder, 'out')], { input: some })
      for (const name of ['b', 'n'.repeat(200), 'holes']) {
        expect(
          readFileSync(join(folder, 'out/tree', name)).equals(readFileSync(join(folder, 'tree', name))),
        ).toBe(true)
      }
    },
  )
})

test('none at all is an empty tar', async () => {
  const none = await filtered(aTar('--format=posix'), 4096, () => false)
  expect(none.equals(Buffer.alloc(1024))).toBe(true)
})

test('global headers are passed on', async () => {
  const tar = aTar('--format=posix', '--pax-option=comment=hello')
  const out = await filtered(tar, 4096, (member) => member.name.toString() === 'tree/c')
  expect(out.toString('latin1')).toContain('comment=hello')
  expect(names(out)).toEqual(['tree/c'])
})

test('a tar that is not whole is told after what could be read, and what wanted throws ends it', async () => {
  const tar = aTar('--format=posix')
  await expect(filtered(tar.subarray(0, 20_000), 4096, () => true)).rejects.toMatchObject({
    code: 'archive_truncated',
  })
  const spoilt = Buffer.from(tar)
  spoilt.fill(0x41, 512, 1024)
  await expect(filtered(spoilt, 4096, () => true)).rejects.toMatchObject({ code: 'archive_truncated' })
  const stop = new Error('stop')
  const throwing = filtered(tar, 4096, () => {
    throw stop
  })
  await expect(throwing).rejects.toBe(stop)
})

test('zeros without end behind the tar take no memory, and what is no header does not gather', async () => {
  const block = Buffer.alloc(1024 * 1024)
  const tar = aTar('--format=posix')
  async function* endless(): AsyncGenerator<Buffer> {
    yield tar
    for (let i = 0; i < 200; i += 1) yield block
  }
  let bytes = 0
  for await (const chunk of membersOnly(endless(), () => true)) bytes += chunk.length
  expect(bytes).toBeLessThanOrEqual(tar.length + 1024)
})
