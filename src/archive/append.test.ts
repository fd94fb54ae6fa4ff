import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { describeTar, noteEnd, settleAppend, type DescribedTar, type DescribeOptions } from './append.ts'
import { archivePaths } from './format.ts'
import { readBackupInfo } from './read.ts'
import { recoverArchive } from './recover.ts'
import { foreignTar, goodInfo, sha256Of } from './testing-archives.ts'
import { verifyArchive } from './verify.ts'

/** As YunoHost writes them: Python's tarfile, PAX, a whole number of records. */
function pythonTar(folder: string, name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, `${name}.tar`)
  const script = `
import io, json, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    for name, text in json.load(sys.stdin).items():
        member = tarfile.TarInfo(name)
        data = text.encode()
        member.size, member.mtime = len(data), 1795248188.25
        tar.addfile(member, io.BytesIO(data))
`
  execFileSync('python3', ['-c', script, path], { input: JSON.stringify(files) })
  writeFileSync(join(folder, `${name}.info.json`), files['info.json'] ?? '{}')
  return path
}

const files = { 'apps/é/a': 'x'.repeat(3000), 'info.json': JSON.stringify(goodInfo), 'apps/b': '' }

function described(extra: Readonly<Record<string, unknown>> = {}): DescribeOptions['describe'] {
  return (sha256, bytes) => ({
    type: 'ynh_app',
    sha256,
    ...(bytes !== null && { sha256_bytes: bytes }),
    ...extra,
  })
}

/** What GNU tar and Python's tarfile read of many tars at once: member names and all contents, or the error. */
function readByOthers(paths: readonly string[]): { gnu: string[][]; python: string[] } {
  const gnu = paths.map((path) =>
    execFileSync('tar', ['-tf', path], { stdio: 'pipe' }).toString().trimEnd().split('\n'),
  )
  const script = `
import hashlib, sys, tarfile
for path in sys.stdin.read().split("\\0"):
    with tarfile.open(path) as tar:
        print(" ".join(m.name + ":" + hashlib.sha1(tar.extractfile(m).read()).hexdigest() for m in tar))
`
  const python = execFileSync('python3', ['-c', script], { input: paths.join('\0') })
    .toString()
    .trimEnd()
    .split('\n')
  return { gnu, python }
}

interface Step {
  readonly call: 'write' | 'truncate' | 'sync'
  readonly position: number
  readonly data: Buffer
}

/** What is asked of the file while `work` runs, in order. */
async function stepsOf(path: string, work: () => Promise<unknown>): Promise<Step[]> {
  const steps: Step[] = []
  const sample = await open(path)
  const kind = Object.getPrototypeOf(sample) as Record<Step['call'], (...args: never[]) => unknown>
  await sample.close()
  for (const call of ['write', 'truncate', 'sync'] as const) {
    const real = kind[call]
    const spy = vi.spyOn(kind, call).mockImplementation(function note(this: unknown, ...args: unknown[]) {
      const [first, offset, length, at] = args
      if (call === 'write') {
        const data = Buffer.from((first as Buffer).subarray(Number(offset), Number(offset) + Number(length)))
        steps.push({ call, position: Number(at), data })
      } else steps.push({ call, position: Number(first ?? 0), data: Buffer.alloc(0) })
      return real.apply(this, args as never[])
    })
    onTestFinished(() => spy.mockRestore())
  }
  await work()
  return steps
}

/** The file after a step, and as a crash in the middle of it may leave it. */
function* images(before: Buffer, step: Step): Generator<Buffer> {
  if (step.call === 'truncate') {
    const after = Buffer.alloc(step.position)
    before.copy(after)
    yield after
  }
  if (step.call !== 'write') return
  const put = (pieces: readonly (readonly [from: number, to: number])[]): Buffer => {
    const after = Buffer.alloc(Math.max(before.length, step.position + step.data.length))
    before.copy(after)
    for (const [from, to] of pieces) step.data.copy(after, step.position + from, from, to)
    return after
  }
  const blocks = Math.ceil(step.data.length / 512)
  // Torn in the order of the bytes, and blocks in any order: a disk promises only whole sectors.
  for (let to = 512; to < step.data.length; to += 512) yield put([[0, to]])
  for (const to of [1, 100, 700]) if (to < step.data.length && step.data.length > 512) yield put([[0, to]])
  const seeds = blocks > 1 ? 12 : 0
  for (let seed = 1; seed <= seeds; seed += 1) {
    const some = Array.from({ length: blocks }, (_, i) => i).filter(
      (i) => ((i + 1) * seed * 2_654_435_761) % 7 < 4,
    )
    yield put(some.map((i) => [i * 512, (i + 1) * 512] as const))
  }
  yield put([[0, step.data.length]])
}

describe('a description put into a tar of YunoHost', () => {
  test.each([0, 100, 8000, 60_000])(
    'is its last member, found and proven, also with %i more bytes',
    async (more) => {
      const folder = await temporaryFolder()
      const path = pythonTar(folder, 'app', files)
      const before = readFileSync(path)
      const done = await describeTar(path, { describe: described({ more: 'é'.repeat(more / 2) }) })
      const after = await readFile(path)
      expect(done).toEqual({
        beside: null,
        sha256: sha256Of(after),
        sizeBytes: after.length,
        backupInfo: expect.objectContaining({ type: 'ynh_app' }) as unknown,
      })
      expect(await readBackupInfo(folder, 'app')).toEqual(done.backupInfo)
      const bytes = Number(done.backupInfo['sha256_bytes'])
      expect(done.backupInfo['sha256']).toBe(sha256Of(before.subarray(0, bytes)))
      expect(after.subarray(0, bytes).equals(before.subarray(0, bytes))).toBe(true)
      expect(before.subarray(bytes).every((byte) => byte === 0)).toBe(true)
      expect(after.length % 10_240).toBe(0)
      const proven = await verifyArchive(folder, 'app')
      expect(proven).toMatchObject({ damage: '', sha256: done.sha256, members: 4 })
      expect(proven.innerSha256?.found).toBe(done.backupInfo['sha256'])
      const { gnu, python } = readByOthers([path])
      expect(gnu[0]?.at(-1)).toBe('backup_info.json')
      expect(python[0]).toMatch(/ backup_info\.json:[0-9a-f]{40}$/)
    },
  )

  test('goes where there is little or much room behind the end, in tars of other programs', async () => {
    const folder = await temporaryFolder()
    const whole = foreignTar()
    const end = whole.length - 10_240 + whole.subarray(-10_240).findLastIndex((byte) => byte !== 0) + 1
    const tight = whole.subarray(0, Math.ceil(end / 512) * 512 + 1024)
    for (const [name, tar] of [
      ['tight', tight],
      ['roomy', Buffer.concat([whole, Buffer.alloc(20_480)])],
    ] as const) {
      const path = join(folder, `${name}.tar`)
      writeFileSync(path, tar)
      writeFileSync(join(folder, `${name}.info.json`), JSON.stringify(goodInfo))
      const done = await describeTar(path, { describe: described() })
      expect(done.beside).toBe(null)
      expect(done.sha256).toBe(sha256Of(await readFile(path)))
      expect(await readBackupInfo(folder, name)).toEqual(done.backupInfo)
      expect((await verifyArchive(folder, name)).damage).toBe('')
    }
  })

  test('leaves a tar that everybody reads wholly, with it or without, at whatever moment the machine dies', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', files)
    const original = readFileSync(path)
    const steps = await stepsOf(path, () =>
      describeTar(path, { describe: described({ more: 'y'.repeat(9000) }) }),
    )
    expect(steps.map((step) => step.call)).toEqual(['truncate', 'write', 'sync', 'write', 'sync'])
    const header = steps[3]
    expect(header?.data.length).toBe(512)
    expect(steps[1]?.position).toBe((header?.position ?? 0) + 512)

    const paths: string[] = []
    const withIt: boolean[] = []
    let now: Buffer = original
    for (const step of steps) {
      for (const image of images(now, step)) {
        const name = `image${paths.length}`
        paths.push(join(folder, `${name}.tar`))
        withIt.push(step === header)
        writeFileSync(join(folder, `${name}.tar`), image)
        now = image
      }
    }
    expect(paths.length).toBeGreaterThan(30)
    const { gnu, python } = readByOthers([path, ...paths])
    const [gnuFull = [], ...gnuImages] = gnu
    const [pythonFull = '', ...pythonImages] = python
    const without = pythonFull.replace(/ backup_info\.json:\w+$/, '')
    expect(gnuImages).toEqual(withIt.map((has) => (has ? gnuFull : gnuFull.slice(0, -1))))
    expect(pythonImages).toEqual(withIt.map((has) => (has ? pythonFull : without)))

    // The next start takes away what was half written, so that nothing is taken for damage.
    for (const [i] of paths.entries()) {
      const { marker, sidecar } = archivePaths(folder, `image${i}`)
      writeFileSync(marker, '')
      writeFileSync(sidecar, files['info.json'])
      await noteEnd(marker, header?.position ?? 0)
      await recoverArchive(folder, `image${i}`)
      expect((await verifyArchive(folder, `image${i}`)).damage).toBe('')
      expect((await readBackupInfo(folder, `image${i}`)) !== null).toBe(withIt[i])
      if (withIt[i] === false) expect(sha256Of(await readFile(paths[i] ?? ''))).toBe(sha256Of(original))
    }
  })

  test('is not begun when its place cannot be noted', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', files)
    const before = readFileSync(path)
    const ends: number[] = []
    const done = await describeTar(path, {
      describe: described(),
      before: async (end) => {
        ends.push(end)
        return false
      },
    })
    expect(done.beside).toBe('its end could not be noted')
    expect(done.sha256).toBe(sha256Of(before))
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(before.subarray(ends[0]).every((byte) => byte === 0)).toBe(true)
  })

  test('is taken back when the disk fails in the middle', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', files)
    const before = readFileSync(path)
    const sample = await open(path)
    const kind = Object.getPrototypeOf(sample) as { sync(): Promise<void> }
    await sample.close()
    const real = kind.sync
    let calls = 0
    const spy = vi.spyOn(kind, 'sync').mockImplementation(function fail(this: unknown) {
      calls += 1
      if (calls === 2) return Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
      return real.call(this)
    })
    onTestFinished(() => spy.mockRestore())
    const done = await describeTar(path, { describe: described() })
    expect(done).toMatchObject({ beside: 'it could not be written (ENOSPC)', sha256: sha256Of(before) })
    expect(readFileSync(path).equals(before)).toBe(true)
  })
})

describe('a description stands beside', () => {
  async function beside(path: string): Promise<DescribedTar> {
    const before = readFileSync(path)
    const done = await describeTar(path, { describe: described() })
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(done.sha256).toBe(sha256Of(before))
    expect(done.backupInfo).toEqual({ type: 'ynh_app', sha256: done.sha256 })
    return done
  }

  test('a compressed archive, whatever its name', async () => {
    const folder = await temporaryFolder()
    for (const name of ['packed.tar.gz', 'packed.tar']) {
      const path = join(folder, name)
      writeFileSync(path, gzipSync(foreignTar()))
      expect((await beside(path)).beside).toBe('it is compressed')
    }
  })

  test('a file that has several names', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', files)
    linkSync(path, join(folder, 'copy'))
    expect((await beside(path)).beside).toBe('the file has several names')
  })

  test('a tar that is damaged or has no end', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'bad.tar')
    writeFileSync(path, foreignTar().subarray(0, 1536))
    expect((await beside(path)).beside).toMatch(/^the tar is damaged: /)
    writeFileSync(path, Buffer.concat([foreignTar(), Buffer.from('x'.repeat(512))]))
    expect((await beside(path)).beside).toMatch(/^the tar is damaged: data behind the end/)
    writeFileSync(path, '')
    expect((await beside(path)).beside).toMatch(/^the tar is damaged: /)
  })

  test('a tar that cannot be written', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', files)
    // Needs root, as YunoHost's own commands do.
    execFileSync('mount', ['--bind', folder, folder])
    onTestFinished(() => void execFileSync('umount', [folder]))
    execFileSync('mount', ['-o', 'remount,bind,ro', folder])
    expect((await beside(path)).beside).toBe('it cannot be written (EROFS)')
  })

  test('never of what a symbolic link leads to', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', files)
    symlinkSync(path, join(folder, 'link.tar'))
    await expect(describeTar(join(folder, 'link.tar'), { describe: described() })).rejects.toMatchObject({
      code: 'ELOOP',
    })
  })
})

test('reading can be cancelled, and then nothing was written', async () => {
  const folder = await temporaryFolder()
  const path = pythonTar(folder, 'app', files)
  const before = sha256Of(readFileSync(path))
  const work = describeTar(path, { signal: AbortSignal.abort(), describe: described() })
  await expect(work).rejects.toMatchObject({ name: 'AbortError' })
  expect(sha256Of(readFileSync(path))).toBe(before)
})

describe('settling after a crash', () => {
  test('touches nothing without a marker, or when the marker does not fit the file', async () => {
    const folder = await temporaryFolder()
    const path = pythonTar(folder, 'app', { ...files, big: 'z'.repeat(3_000_000) })
    const before = readFileSync(path)
    const { marker } = archivePaths(folder, 'app')
    const untouched = async (): Promise<void> => {
      await settleAppend(folder, 'app')
      expect(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(sha256Of(before))
    }
    await untouched()
    // Far from the end, in the middle of a block, behind the end, at a member, and nonsense.
    for (const text of [
      '{"end":512}',
      '{"end":3000001}',
      '{"end":99999744}',
      '{"end":0}',
      '{"end":-1}',
      'x',
      '',
    ]) {
      writeFileSync(marker, text)
      await untouched()
    }
    const info = before.subarray(0, (await stat(path)).size).lastIndexOf('big')
    writeFileSync(marker, JSON.stringify({ end: Math.floor(info / 512) * 512 }))
    await untouched()
    chmodSync(marker, 0o600)
  })
})
