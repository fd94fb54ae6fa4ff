// Looking into archives through the real helper program, with archives that our own source made.
import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { socketUnit } from '../../test/support/socket-unit.ts'
import { contentsWorld, oddTar, type World } from '../archive/contents-world.ts'
import { infoBytes } from '../archive/info-json.ts'
import { goodInfo } from '../archive/testing-archives.ts'
import { createHelper, type Helper } from '../sys/helper-client.ts'

const entry = fileURLToPath(new URL('../../test/support/programs/root-helper.ts', import.meta.url))

async function bench(): Promise<World & { helper: Helper }> {
  const world = await contentsWorld()
  const env = {
    BM_ARCHIVES_DIR: world.archivesDir,
    BM_DATA_DIR: world.dataDir,
    BM_YUNOHOST: join(world.folder, 'none'),
  }
  return { ...world, helper: createHelper({ target: { kind: 'direct', entry }, env }) }
}

async function backUp(
  it: World & { helper: Helper },
  settings: Readonly<Record<string, unknown>>,
): Promise<string> {
  const name = 'jerry_tree_20260508'
  await it.helper.call('source.produce', {
    type: 'custom_dir',
    settings: { source_path: it.tree, ...settings },
    archive: {
      name,
      createdAt: Date.parse('2026-05-08T03:00:00Z'),
      timeZone: 'Europe/Paris',
      description: '',
      app: 'tree',
      instance: { id: 'a'.repeat(43), name: 'jerry', url: 'https://jerry.example.test/backup' },
      job: { uid: randomUUID(), name: 'tree' },
      backupmanagerVersion: '0.1.0',
    },
  })
  return name
}

describe('an archive of a directory', () => {
  test('is compared with where it came from, and what was left out on purpose is not new', async () => {
    const it = await bench()
    mkdirSync(join(it.tree, 'cache'))
    writeFileSync(join(it.tree, 'cache', 'x'), '')
    writeFileSync(join(it.tree, 'a.tmp'), '')
    const name = await backUp(it, { excludes: ['cache/', '*.tmp'] })
    const same = await it.helper.call('archive.compare', { name, against: null, thorough: true })
    expect(same).toMatchObject({ against: it.tree, added: 0, removed: 0, changed: 0, same: 14 })
    writeFileSync(join(it.tree, 'b.tmp'), '')
    writeFileSync(join(it.tree, 'real'), '')
    chmodSync(it.tree, 0o700)
    const found = await it.helper.call('archive.compare', { name, against: null, thorough: false })
    expect(found.changes).toEqual([
      { path: '.', change: 'changed', what: ['mode'] },
      { path: 'real', change: 'added', what: [] },
    ])
  })

  test('is compared with another directory in the same way', async () => {
    const it = await bench()
    const name = await backUp(it, {})
    const other = join(it.folder, 'other')
    mkdirSync(other)
    symlinkSync(other, join(it.folder, 'way'))
    const found = await it.helper.call('archive.compare', {
      name,
      against: join(it.folder, 'way'),
      thorough: false,
    })
    expect(found).toMatchObject({ against: other, removed: 13, added: 0 })
  })

  test('never counts the archives or our own data as new', async () => {
    const it = await bench()
    it.archive('a', { args: ['--exclude=*'] })
    const found = await it.helper
      .call('archive.compare', { name: 'a', against: it.folder, thorough: false })
      .catch((error: unknown) => error)
    expect(found).toMatchObject({ code: 'member_not_found' })
    it.put('b', oddTar([{ name: 'tree', type: '5' }]))
    const b = await it.helper.call('archive.compare', { name: 'b', against: it.folder, thorough: false })
    expect(b.changes.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['archives', 'data', 'tree/sparse']),
    )
    expect(b.changes.filter(({ path }) => path.startsWith('archives/'))).toEqual([])
  })
})

test.each(['command', 'socket'] as const)(
  'bytes come whole and in order over a %s, however slowly they are taken',
  async (kind) => {
    const it = await bench()
    const tar = oddTar([{ name: 'big', data: randomBytes(3_000_000) }])
    it.put('a', tar)
    const env = { BM_ARCHIVES_DIR: it.archivesDir, BM_DATA_DIR: it.dataDir }
    const words = [process.execPath, entry, 'root-helper'] as const
    const target =
      kind === 'socket'
        ? { kind, path: (await socketUnit(words[0], words.slice(1), env)).path }
        : { kind, argv: ['env', ...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...words] }
    const pieces: Buffer[] = []
    await createHelper({ target }).call(
      'archive.bytes',
      { name: 'a', raw: true, offset: 0, length: null, expected: null },
      {
        onData: (bytes) => {
          pieces.push(Buffer.from(bytes))
          return pieces.length % 3 === 0 ? nextTurn() : undefined
        },
      },
    )
    expect(Buffer.concat(pieces).equals(tar)).toBe(true)
  },
)

describe('bytes', () => {
  test('of the tar and of the file, in any part; none when the file is another', async () => {
    const it = await bench()
    const tar = it.archive('a', { gzip: true })
    const file = readFileSync(join(it.archivesDir, 'a.tar.gz'))
    const get = async (
      raw: boolean,
      offset: number,
      length: number | null,
      expected: number | null = null,
    ) => {
      const pieces: Buffer[] = []
      const result = await it.helper.call(
        'archive.bytes',
        { name: 'a', raw, offset, length, expected },
        { onData: (bytes) => void pieces.push(Buffer.from(bytes)) },
      )
      return { ...result, data: Buffer.concat(pieces) }
    }
    const all = await get(false, 0, null)
    expect(all).toMatchObject({ bytes: tar.length, sizeBytes: file.length })
    expect(all.data.equals(tar)).toBe(true)
    expect((await get(false, 1000, 70_000)).data.equals(tar.subarray(1000, 71_000))).toBe(true)
    expect((await get(true, 10, null)).data.equals(file.subarray(10))).toBe(true)
    expect(await get(true, 0, null, file.length + 1)).toMatchObject({
      bytes: 0,
      sizeBytes: file.length,
      data: Buffer.alloc(0),
    })
    await expect(get(false, tar.length - 5, 10)).rejects.toMatchObject({ code: 'archive_truncated' })
  })

  test('end when the one who asked hangs up, and the helper with them', async () => {
    const it = await bench()
    it.put('a', oddTar([{ name: 'big', data: Buffer.alloc(30_000_000) }]))
    const stop = new AbortController()
    let pieces = 0
    const call = it.helper.call(
      'archive.bytes',
      { name: 'a', raw: true, offset: 0, length: null, expected: null },
      {
        signal: stop.signal,
        onData: () => {
          pieces += 1
          if (pieces === 3) stop.abort()
          // Nobody takes any more.
          return pieces === 3 ? new Promise(() => undefined) : undefined
        },
      },
    )
    await expect(call).rejects.toMatchObject({ code: 'cancelled' })
    expect(pieces).toBe(3)
  })
})

/** The helper process: its places are in its environment. */
function helperPid(it: World): number | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
        return environment.includes(`BM_DATA_DIR=${it.dataDir}`)
      } catch {
        return false
      }
    })
}

function leftIn(it: World): string[] {
  const hidden = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('.'))
  return [...hidden(it.folder), ...hidden(it.archivesDir)]
}

describe('a helper that is killed in the middle leaves nothing for long', () => {
  test('of an extraction', async () => {
    const it = await bench()
    it.put(
      'a',
      oddTar(Array.from({ length: 2000 }, (_, n) => ({ name: `file ${n}`, data: Buffer.alloc(40_000) }))),
    )
    const to = join(it.folder, 'out')
    const call = it.helper
      .call('archive.extract', { name: 'a', to, paths: [], devices: false })
      .catch((error: unknown) => error)
    await eventually(() => leftIn(it).some((name) => name.startsWith('.extract-')))
    const pid = helperPid(it)
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
    expect(await call).toMatchObject({ code: 'helper_unavailable' })
    expect(leftIn(it)).toEqual([])
    expect(readdirSync(it.folder)).not.toContain('out')
  })

  test('of an import', async () => {
    const it = await bench()
    const path = join(it.folder, 'given.tar')
    const info = { name: 'info.json', data: infoBytes(goodInfo) }
    writeFileSync(path, oddTar([info, { name: 'big', data: Buffer.alloc(80_000_000) }]))
    const call = it.helper.call('archive.import', { path, name: 'brought' }).catch((error: unknown) => error)
    await eventually(() => readdirSync(it.archivesDir).includes('.brought.tar.partial'))
    const pid = helperPid(it)
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
    expect(await call).toMatchObject({ code: 'helper_unavailable' })
    expect(readdirSync(it.archivesDir)).toEqual([])
  })
})
