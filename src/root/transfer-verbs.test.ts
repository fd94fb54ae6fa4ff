// Sending and receiving archives through the real helper program.
import { randomBytes } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { contentsWorld, oddTar, type World } from '../archive/contents-world.ts'
import { goodInfo, sha256Of } from '../archive/testing-archives.ts'
import { createHelper, type Helper } from '../sys/helper-client.ts'

const entry = fileURLToPath(new URL('../../test/support/programs/root-helper.ts', import.meta.url))

type Bench = World & { readonly helper: Helper; readonly dataDir: string }

async function bench({ far = false } = {}): Promise<Bench> {
  const world = await contentsWorld()
  const dataDir = far ? mkdtempSync('/dev/shm/bm-test-') : world.dataDir
  if (far) onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  const env = { BM_ARCHIVES_DIR: world.archivesDir, BM_DATA_DIR: dataDir }
  return { ...world, dataDir, helper: createHelper({ target: { kind: 'direct', entry }, env }) }
}

interface Chunk {
  readonly n: number
  readonly bytes: number
  readonly sha256: string
  readonly pieces: Buffer[]
}

/** Asks for chunks and takes them; `onPiece` may hold the helper up. */
async function take(
  it: Bench,
  args: { readonly expected: number; readonly chunkSize: number; readonly chunks: readonly number[] },
  options: {
    readonly signal?: AbortSignal
    onPiece?(taken: readonly Chunk[]): Promise<void> | undefined
  } = {},
): Promise<{ chunks: Chunk[]; bytes: number }> {
  const taken: Chunk[] = []
  const { bytes } = await it.helper.call(
    'archive.chunks',
    { name: 'a', ...args, chunks: [...args.chunks] },
    {
      ...(options.signal && { signal: options.signal }),
      onFrame: (frame) => {
        if (frame.t === 'chunk')
          taken.push({ n: frame.n, bytes: frame.bytes, sha256: frame.sha256, pieces: [] })
      },
      onData: (piece) => {
        taken.at(-1)?.pieces.push(Buffer.from(piece))
        return options.onPiece?.(taken)
      },
    },
  )
  return { chunks: taken, bytes }
}

describe('chunks', () => {
  test.each([false, true])(
    'come in the order asked for, each with its hash before it (compressed: %s)',
    async (gzip) => {
      const it = await bench()
      it.put('a', oddTar([{ name: 'big', data: randomBytes(3_000_000) }]), { gzip })
      const file = readFileSync(join(it.archivesDir, gzip ? 'a.tar.gz' : 'a.tar'))
      const last = Math.ceil(file.length / 700_000) - 1
      const { chunks, bytes } = await take(it, {
        expected: file.length,
        chunkSize: 700_000,
        chunks: [last, 0, 2, 0],
      })
      expect(chunks.map(({ n }) => n)).toEqual([last, 0, 2, 0])
      expect(bytes).toBe(chunks.reduce((sum, chunk) => sum + chunk.bytes, 0))
      for (const { n, sha256, bytes, pieces } of chunks) {
        const all = Buffer.concat(pieces)
        expect(all.equals(file.subarray(n * 700_000, (n + 1) * 700_000))).toBe(true)
        expect([all.length, sha256Of(all)]).toEqual([bytes, sha256])
      }
    },
  )

  test('are not sent of a file of another size, and not beyond its end', async () => {
    const it = await bench()
    it.put('a', oddTar([{ name: 'x', data: randomBytes(100_000) }]))
    const size = readFileSync(join(it.archivesDir, 'a.tar')).length
    const pieces: unknown[] = []
    const onPiece = (taken: readonly Chunk[]) => void pieces.push(taken)
    const wrong = take(it, { expected: size + 1, chunkSize: 1000, chunks: [0] }, { onPiece })
    await expect(wrong).rejects.toMatchObject({ code: 'archive_truncated' })
    const beyond = take(it, { expected: size, chunkSize: 65_536, chunks: [0, 2] }, { onPiece })
    await expect(beyond).rejects.toMatchObject({ code: 'chunk_out_of_range', facts: { chunk: '2', last: 1 } })
    expect(pieces).toEqual([])
    const none = it.helper.call('archive.chunks', { name: 'b', expected: 1, chunkSize: 1, chunks: [0] })
    await expect(none).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  /** A file that changes as soon as its first bytes are out. */
  async function takeChanging(change: (path: string, file: Buffer) => void): Promise<readonly Chunk[]> {
    const it = await bench()
    it.put('a', oddTar([{ name: 'big', data: Buffer.alloc(40_000_000) }]))
    const path = join(it.archivesDir, 'a.tar')
    const file = readFileSync(path)
    let changed = false
    const onPiece = (): Promise<void> => {
      if (!changed) change(path, file)
      changed = true
      return nextTurn()
    }
    const taken = await take(it, { expected: file.length, chunkSize: file.length, chunks: [0] }, { onPiece })
    return taken.chunks
  }

  test('of a file that becomes shorter meanwhile end with a problem', async () => {
    const call = takeChanging((path) => truncateSync(path, 20_000_000))
    await expect(call).rejects.toMatchObject({ code: 'archive_truncated' })
  })

  test('of a file that changes meanwhile do not have the hash that was told', async () => {
    const chunks = await takeChanging((path, file) =>
      writeFileSync(path, Buffer.concat([file.subarray(0, -9000), randomBytes(9000)])),
    )
    expect(chunks).toHaveLength(1)
    for (const { sha256, pieces } of chunks) expect(sha256Of(Buffer.concat(pieces))).not.toBe(sha256)
  })

  test('end when the one who asked hangs up', async () => {
    const it = await bench()
    it.put('a', oddTar([{ name: 'big', data: Buffer.alloc(30_000_000) }]))
    const expected = readFileSync(join(it.archivesDir, 'a.tar')).length
    const stop = new AbortController()
    const call = take(
      it,
      { expected, chunkSize: 10_000_000, chunks: [0, 1, 2] },
      {
        signal: stop.signal,
        onPiece: () => {
          stop.abort()
          return new Promise(() => undefined)
        },
      },
    )
    await expect(call).rejects.toMatchObject({ code: 'cancelled' })
  })
})

describe('receiving', () => {
  test('goes from the place to an archive that can be sent on', async () => {
    const it = await bench({ far: true })
    const { folder } = await it.helper.call('receive.place', {})
    expect(folder).toBe(join(it.archivesDir, '.backupmanager-uploads'))
    const part = join(folder ?? '', '0d3f.part')
    const tar = oddTar([{ name: 'x', data: randomBytes(200_000) }])
    writeFileSync(part, tar)
    const args = {
      part,
      name: 'a',
      file: 'a.tar',
      sizeBytes: tar.length,
      sha256: sha256Of(tar),
      info: goodInfo,
    }
    const made = await it.helper.call('receive.publish', { ...args, backupInfo: { type: 'custom_dir' } })
    expect(made).toMatchObject({ file: 'a.tar', sizeBytes: tar.length })
    expect((await it.helper.call('catalogue.scan', {})).archives).toMatchObject([
      { name: 'a', fingerprint: made.fingerprint },
    ])
    expect(await it.helper.call('catalogue.read', { names: ['a'] })).toMatchObject({
      archives: [{ name: 'a', info: goodInfo, backupInfo: { type: 'custom_dir' }, error: null }],
    })
    const { chunks } = await take(it, { expected: tar.length, chunkSize: tar.length, chunks: [0] })
    expect(chunks[0]?.sha256).toBe(sha256Of(tar))
    expect(readdirSync(folder ?? '')).toEqual([])
  })

  test('is near when the data are, and a helper that is killed while it copies leaves the upload alone', async () => {
    expect(await (await bench()).helper.call('receive.place', {})).toEqual({ folder: null })
    const it = await bench({ far: true })
    mkdirSync(join(it.dataDir, 'uploads'))
    const part = join(it.dataDir, 'uploads', '1.part')
    const tar = oddTar([{ name: 'x', data: Buffer.alloc(60_000_000) }])
    writeFileSync(part, tar)
    const args = {
      part,
      name: 'a',
      file: 'a.tar',
      sizeBytes: tar.length,
      sha256: sha256Of(tar),
      info: goodInfo,
      backupInfo: null,
    }
    const call = it.helper.call('receive.publish', args).catch((error: unknown) => error)
    await eventually(() => readdirSync(it.archivesDir).includes('.a.received.partial'))
    for (const pid of helpersOf(it)) process.kill(pid, 'SIGKILL')
    expect(await call).toMatchObject({ code: 'helper_unavailable' })
    await eventually(() => readdirSync(it.archivesDir).length === 0)
    expect(await it.helper.call('receive.publish', args)).toMatchObject({ file: 'a.tar' })
    expect(readFileSync(join(it.archivesDir, 'a.tar')).equals(tar)).toBe(true)
  })
})

/** Helper processes of this bench: its places are in their environment. */
function helpersOf(it: Bench): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1')
          .split('\0')
          .includes(`BM_DATA_DIR=${it.dataDir}`)
      } catch {
        return false
      }
    })
}
