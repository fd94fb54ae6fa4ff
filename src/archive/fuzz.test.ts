import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  lstatSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isProblem } from '../domain/problem.ts'
import { CommandError, run } from '../sys/process.ts'
import { broken, goodArchives, randomOf } from './fuzz-world.ts'
import { sliceTar } from './slice.ts'
import { surveyTar, type Survey } from './survey.ts'
import { tarScanner } from './tar-scanner.ts'
import { openTar, type OpenTar, type TarReader } from './tar-stream.ts'
import { unpack } from './unpack.ts'

/** Change it to try others; a failure names it and the number of the archive. */
const seed = Number(process.env['BM_FUZZ_SEED'] ?? 20_261_121)
const archives = Number(process.env['BM_FUZZ_ARCHIVES'] ?? 12_000)
/** How many of the safe ones are then unpacked: every one would take minutes. */
const unpackedByTar = 120
const unpackedByPython = 600
const sliced = 150

let folder: string
let sandbox: string
let python: ReturnType<typeof startPython>

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bm-fuzz-'))
  sandbox = join(folder, 'sandbox')
  mkdirSync(join(sandbox, 'outside'), { recursive: true })
  mkdirSync(join(folder, 'archives'))
  writeFileSync(join(sandbox, 'canary'), 'alive')
  writeFileSync(join(sandbox, 'outside', 'secret'), 'untouched', { mode: 0o600 })
  python = startPython()
})
afterAll(() => {
  python.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** YunoHost unpacks with Python, which follows whatever an archive says: nothing but our own look protects there. */
function startPython() {
  const script = [
    'import sys, tarfile',
    'for line in sys.stdin:',
    '    path, to = line.rstrip("\\n").split("\\t")',
    '    try:',
    '        with tarfile.open(path) as tar:',
    '            tar.extractall(to)',
    '        print("done", flush=True)',
    '    except BaseException as error:',
    '        print(type(error).__name__, flush=True)',
  ].join('\n')
  const child = spawn('python3', ['-W', 'ignore', '-c', script], { stdio: ['pipe', 'pipe', 'ignore'] })
  const lines = createInterface({ input: child.stdout })
  return {
    async unpack(path: string, to: string): Promise<void> {
      const answer = once(lines, 'line')
      child.stdin.write(`${path}\t${to}\n`)
      await answer
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

/** Everything in the sandbox but what was unpacked, with its contents. */
function snapshot(directory: string, skip: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name)
    if (path === skip) return []
    const stats = lstatSync(path)
    const what = stats.isFile()
      ? readFileSync(path, 'latin1')
      : stats.isSymbolicLink()
        ? readlinkSync(path)
        : ''
    const line = `${path} ${stats.mode} ${stats.uid} ${stats.nlink} ${stats.mtimeMs} ${what}`
    return stats.isDirectory() ? [line, ...snapshot(path, skip)] : [line]
  })
}

/** An archive in memory, in pieces that end anywhere. Files take more time than everything else together. */
function inMemory(bytes: Buffer, pieces: () => number): OpenTar {
  const reader = (): TarReader => {
    let at = 0
    return {
      next: async () =>
        at === bytes.length ? null : bytes.subarray(at, (at = Math.min(bytes.length, at + pieces()))),
      skip: async (wanted) => {
        const there = Math.min(wanted, bytes.length - at)
        at += there
        return there
      },
      close: () => undefined,
    }
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    yield bytes
  }
  return {
    gzip: false,
    sizeBytes: bytes.length,
    fingerprint: '',
    bytes: all,
    raw: all,
    reader,
    close: async () => undefined,
  }
}

test(
  'no archive, however broken, ends the reader, or gets anything out of where it is unpacked',
  { timeout: 300_000 },
  async () => {
    const random = randomOf(seed)
    const good = goodArchives(folder)
    const breaker = {
      random,
      archives: good,
      bait: ['../canary', join(sandbox, 'canary'), join(sandbox, 'outside'), '../outside'],
    }
    const staging = join(sandbox, 'staging')
    mkdirSync(staging)
    const before = snapshot(sandbox, staging)
    const counts = { safe: 0, unsafe: 0, damaged: 0, tar: 0, python: 0, sliced: 0 }
    const path = join(folder, 'archives', 'a.tar')

    const untouched = async (n: number, work: (to: string) => Promise<unknown>): Promise<void> => {
      rmSync(staging, { recursive: true, force: true })
      mkdirSync(staging)
      try {
        await work(staging)
      } catch (error) {
        // That it cannot be unpacked is no harm.
        if (!(error instanceof CommandError) && !isProblem(error)) throw error
      }
      expect(snapshot(sandbox, staging), told(n)).toEqual(before)
    }
    const look = async (tar: OpenTar, n: number, strict = false): Promise<Survey> => {
      try {
        return await surveyTar(tar, { strict, capture: (name) => name.endsWith('file') })
      } catch (error) {
        throw new Error(told(n), { cause: error })
      }
    }
    // Spread over all of them.
    const turn = (done: number, most: number): boolean => done < most && random.next() < (most * 4) / archives

    for (let n = 0; n < archives; n += 1) {
      const bytes = broken(breaker)
      const tar = inMemory(bytes, () => 1 + random.below(20_000))
      if (random.below(30) === 0) await compressed(bytes, n)
      const survey = await look(tar, n)
      if (survey.unsafe) counts.unsafe += 1
      else if (survey.damage !== '') counts.damaged += 1
      else counts.safe += 1
      if (survey.unsafe || survey.damage !== '') continue
      if (turn(counts.python, unpackedByPython) && !(await look(tar, n, true)).unsafe) {
        counts.python += 1
        writeFileSync(path, bytes)
        await untouched(n, (to) => python.unpack(path, to))
      }
      if (turn(counts.tar, unpackedByTar)) {
        counts.tar += 1
        await untouched(n, (to) => unpack(tar.bytes(), to, run))
      }
      if (turn(counts.sliced, sliced)) {
        counts.sliced += 1
        await wholeSlice(tar, n)
      }
    }
    // The archives are not all of one sort, or the test would say little.
    expect(Math.min(counts.safe, counts.unsafe, counts.damaged)).toBeGreaterThan(archives / 20)
    expect(counts).toMatchObject({ python: unpackedByPython, tar: unpackedByTar, sliced })

    /** From a file, through gunzip, which may find its own damage. */
    async function compressed(bytes: Buffer, n: number): Promise<void> {
      const packed = gzipSync(bytes, { level: 1 })
      if (random.below(2) === 0) packed[random.below(packed.length)] = random.below(256)
      writeFileSync(path, packed)
      const tar = await openTar(join(folder, 'archives'), 'a')
      try {
        await look(tar, n)
      } finally {
        await tar.close()
      }
    }
  },
)

function told(n: number): string {
  return `archive ${n} of seed ${seed}`
}

/** A part of a safe archive is a whole tar again. */
async function wholeSlice(tar: OpenTar, n: number): Promise<void> {
  const scanner = tarScanner()
  for await (const piece of sliceTar(tar, 'a', (name) => name.length % 2 === n % 2)) scanner.push(piece)
  expect(scanner.end().damage, told(n)).toBe('')
}
