// A directory backup against the plain tools: the same tree, interleaved, through the real root helper process.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { backUp, makeTree, MiB } from './archives.ts'
import { median, report, timed } from './measure.ts'

const rounds = 5

export interface CustomDirFigures {
  /** Medians in milliseconds. */
  readonly tarMs: number
  readonly tarAndSyncMs: number
  readonly oursMs: number
  /** Peak resident bytes of the root helper. */
  readonly smallPeak: number
  readonly largePeak: number
}

/** 1 GiB in 10,000 files; prints and returns the figures. Takes about 3 GiB of the temporary folder. */
export async function benchCustomDir(): Promise<CustomDirFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'bm-bench-'))
  try {
    const tree = join(folder, 'tree')
    const small = join(folder, 'small')
    makeTree(tree, 10_000, 1024 * MiB)
    makeTree(small, 640, 64 * MiB)
    for (const name of ['archives', 'data']) mkdirSync(join(folder, name))

    const tar: number[] = []
    const synced: number[] = []
    const ours: number[] = []
    let largePeak = 0
    const { peak: smallPeak } = await backUp(folder, small)
    // The first round only warms the caches up.
    for (let round = 0; round <= rounds; round += 1) {
      const a = await settled(folder, () => plainTar(folder, tree, false))
      const b = await settled(folder, () => plainTar(folder, tree, true))
      let peak = 0
      const c = await settled(folder, async () => void ({ peak } = await backUp(folder, tree)))
      if (round === 0) continue
      tar.push(a)
      synced.push(b)
      ours.push(c)
      largePeak = Math.max(largePeak, peak)
    }
    const figures = {
      tarMs: median(tar),
      tarAndSyncMs: median(synced),
      oursMs: median(ours),
      smallPeak,
      largePeak,
    }
    print(figures, [tar, synced, ours])
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function print(figures: CustomDirFigures, all: readonly (readonly number[])[]): void {
  const seconds = (ms: number): string => (ms / 1000).toFixed(2)
  const list = (given: readonly number[] = []): string => given.map(seconds).join(' ')
  const { tarMs, tarAndSyncMs, oursMs, smallPeak, largePeak } = figures
  report(`(a) tar -cf: ${list(all[0])}`, `${seconds(tarMs)} s`, '-')
  report(`(b) tar -cf, then sync FILE: ${list(all[1])}`, `${seconds(tarAndSyncMs)} s`, '-')
  report(`(c) backup, hashed and synced: ${list(all[2])}`, `${seconds(oursMs)} s`, '-')
  report('(c) / (a)', (oursMs / tarMs).toFixed(2), '≤ 1.15')
  report('(c) / (b), the same work', (oursMs / tarAndSyncMs).toFixed(2), '≤ 1.15')
  report('peak memory of the helper, 64 MiB', `${(smallPeak / MiB).toFixed(0)} MiB`, '< 200 MiB')
  report('peak memory of the helper, 1 GiB', `${(largePeak / MiB).toFixed(0)} MiB`, '< 200 MiB')
  const growth = (largePeak - smallPeak) / MiB
  report('growth of memory from 64 MiB to 1 GiB', `${growth.toFixed(0)} MiB`, 'flat: < 32 MiB')
  console.log(
    `load of the machine meanwhile: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
  )
}

/** Milliseconds of the work alone: what it wrote is removed, and everything is on the disk before the next one. */
async function settled(folder: string, work: () => unknown): Promise<number> {
  execFileSync('sync')
  const ms = await timed(work)
  for (const name of ['archives', 'out.tar']) rmSync(join(folder, name), { recursive: true, force: true })
  mkdirSync(join(folder, 'archives'))
  return ms
}

function plainTar(folder: string, tree: string, sync: boolean): void {
  const out = join(folder, 'out.tar')
  execFileSync('tar', ['-cf', out, '-C', folder, tree.slice(folder.length + 1)])
  if (sync) execFileSync('sync', [out])
}
