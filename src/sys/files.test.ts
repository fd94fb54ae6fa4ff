import { constants } from 'node:fs'
import { chmod, mkdir, open, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import {
  asProblem,
  exists,
  inside,
  publishExclusive,
  removeIfExists,
  renameUnlessThere,
  writeFileAtomic,
} from './files.ts'
import { run } from './process.ts'

describe('writeFileAtomic', () => {
  test('writes a file that only its owner can read, and nothing else', async () => {
    const folder = await temporaryFolder()
    await writeFileAtomic(join(folder, 'a'), 'first')
    await writeFileAtomic(join(folder, 'a'), Buffer.from('second'))
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('second')
    expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['a'])
  })

  test('gives the mode it was told', async () => {
    const folder = await temporaryFolder()
    await writeFileAtomic(join(folder, 'a'), '', { mode: 0o644 })
    expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o644)
  })

  test('replaces nothing when it must be new, and leaves no temporary file', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a'), 'old')
    await expect(writeFileAtomic(join(folder, 'a'), 'new', { exclusive: true })).rejects.toMatchObject({
      code: 'EEXIST',
    })
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['a'])
  })

  test('of several that come at once with the same new name exactly one wins', async () => {
    const folder = await temporaryFolder()
    const all = Array.from({ length: 20 }, (_, i) =>
      writeFileAtomic(join(folder, 'a'), String(i), { exclusive: true }),
    )
    const won = (await Promise.allSettled(all)).flatMap((r, i) =>
      r.status === 'fulfilled' ? [String(i)] : [],
    )
    expect([await readFile(join(folder, 'a'), 'utf8')]).toEqual(won)
    expect(await readdir(folder)).toEqual(['a'])
  })

  test('removes its temporary file when it fails', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'a'))
    await expect(writeFileAtomic(join(folder, 'a'), 'x')).rejects.toMatchObject({ code: 'EISDIR' })
    expect(await readdir(folder)).toEqual(['a'])
  })
})

describe('publishing a finished file', () => {
  test('gives it its name and takes the temporary one away', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, '.t'), 'x')
    await publishExclusive(join(folder, '.t'), join(folder, 'a'))
    expect(await readdir(folder)).toEqual(['a'])
  })

  test.each([publishExclusive, renameUnlessThere])(
    'never replaces, not even a dangling link (%o)',
    async (publish) => {
      const folder = await temporaryFolder()
      await writeFile(join(folder, '.t'), 'x')
      await symlink('nowhere', join(folder, 'a'))
      await expect(publish(join(folder, '.t'), join(folder, 'a'))).rejects.toMatchObject({ code: 'EEXIST' })
      expect(new Set(await readdir(folder))).toEqual(new Set(['.t', 'a']))
    },
  )

  test('works by renaming where there are no hard links', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, '.t'), 'x')
    await renameUnlessThere(join(folder, '.t'), join(folder, 'a'))
    expect(await readdir(folder)).toEqual(['a'])
  })
})

test('of many renames to one name where there are no hard links one wins, and the others keep their files', async () => {
  const folder = await temporaryFolder()
  const names = Array.from({ length: 8 }, (_, i) => `.t${i}`)
  for (const name of names) await writeFile(join(folder, name), name)
  const outcomes = await Promise.allSettled(
    names.map((name) => renameUnlessThere(join(folder, name), join(folder, 'a'))),
  )
  const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled')
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(lost.map((outcome) => outcome.reason)).toEqual(
    Array.from({ length: 7 }, () => expect.objectContaining({ code: 'EEXIST' })),
  )
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe(`.t${winner}`)
  expect(await readdir(folder)).toHaveLength(8)
})

test('a rename that fails leaves no reserved name', async () => {
  const folder = await temporaryFolder()
  const failed = renameUnlessThere(join(folder, 'none'), join(folder, 'a'))
  await expect(failed).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readdir(folder)).toEqual([])
})

test('removing what is not there is no error', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a'), '')
  expect(await removeIfExists(join(folder, 'a'))).toBe(true)
  expect(await removeIfExists(join(folder, 'a'))).toBe(false)
  expect(await exists(join(folder, 'a', 'b'))).toBe(false)
})

describe('inside', () => {
  test.each(['a', 'a/b', '.hidden', '..a', 'a..', 'é à'])('takes %j', (name) => {
    expect(inside('/root', name)).toBe(`/root/${name}`)
  })

  test.each(['', '.', '..', '../a', 'a/../b', 'a/..', '/etc', 'a//b', 'a/', 'a\0b', './a'])(
    'refuses %j',
    (name) => {
      expect(() => inside('/root', name)).toThrow(expect.objectContaining({ code: 'name_invalid' }))
    },
  )
})

describe('asProblem', () => {
  test('a full disk is disk_full', async () => {
    const handle = await open('/dev/full', constants.O_WRONLY)
    const error: unknown = await handle.writeFile('x').catch((error: unknown) => error)
    await handle.close()
    expect(asProblem(error)).toMatchObject({ code: 'disk_full', cause: error })
  })

  test('what an aborted call threw is cancelled', async () => {
    const folder = await temporaryFolder()
    const error: unknown = await readFile(folder, { signal: AbortSignal.abort() }).catch((e: unknown) => e)
    expect(asProblem(error)).toMatchObject({ code: 'cancelled' })
  })

  test.each([
    [['no-such-tool', []], 'tool_missing', { tool: 'no-such-tool' }],
    [['/bin/sh', ['-c', 'exit 4']], 'command_failed', { command: 'sh', detail: 'exit 4' }],
    [['/bin/sh', ['-c', 'kill -KILL $$']], 'command_failed', { command: 'sh', detail: 'SIGKILL' }],
    [['sleep', ['10'], { timeoutMs: 20 }], 'timed_out', { command: 'sleep' }],
    [['sleep', ['10'], { signal: AbortSignal.abort() }], 'cancelled', {}],
    [['yes', [], { maxStdout: 10 }], 'command_failed', { command: 'yes', detail: 'too much output' }],
  ] as [Parameters<typeof run>, string, object][])(
    'the end of a command %j is %s',
    async (call, code, facts) => {
      const error: unknown = await run(...call).catch((error: unknown) => error)
      expect(asProblem(error)).toMatchObject({ code, facts })
    },
  )

  test('a problem stays itself, and anything else is internal', () => {
    const problem = asProblem(new Error('odd'))
    expect(problem).toMatchObject({ code: 'internal', facts: { detail: 'odd' } })
    expect(asProblem(problem)).toBe(problem)
    expect(asProblem('text')).toMatchObject({ code: 'internal', facts: { detail: 'text' } })
  })
})

test('a folder that cannot be written leaves no trace', async () => {
  const folder = await temporaryFolder()
  await chmod(folder, 0o500)
  const outcome = await writeFileAtomic(join(folder, 'missing', 'a'), 'x').catch((error: unknown) => error)
  expect(outcome).toMatchObject({ code: 'ENOENT' })
  expect(await readdir(folder)).toEqual([])
})
