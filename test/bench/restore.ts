// Restoring a directory against `tar -xf` of the same archive, interleaved, through the real root helper process.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planDigest } from '../../src/sys/plan-digest.ts'
import { backUp, benchHelper, makeTree, MiB, watched } from './archives.ts'
import { median, report, timed } from './measure.ts'

const rounds = 5

/** 1 GiB in 10,000 files; prints the figures. Takes about 3 GiB of the temporary folder. */
export async function benchRestore(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bm-bench-'))
  try {
    const tree = join(folder, 'tree')
    for (const name of ['archives', 'data']) mkdirSync(join(folder, name))
    makeTree(tree, 10_000, 1024 * MiB)
    const { name } = await backUp(folder, tree)
    rmSync(tree, { recursive: true })
    const plain: number[] = []
    const synced: number[] = []
    const applied: number[] = []
    const whole: number[] = []
    let peak = 0
    // The first round only warms the caches up.
    for (let round = 0; round <= rounds; round += 1) {
      const a = await settled(folder, () => untar(folder, name, false))
      const b = await settled(folder, () => untar(folder, name, true))
      const c = await settled(folder, async () => {
        const apply = await watched(() => restore(folder, name, tree))
        peak = Math.max(peak, apply.peak)
      })
      const d = await settled(folder, async () => {
        await benchHelper(folder).call('archive.verify', { name })
        await restore(folder, name, tree)
      })
      if (round === 0) continue
      plain.push(a)
      synced.push(b)
      applied.push(c)
      whole.push(d)
    }
    print([plain, synced, applied, whole], peak)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function print(all: readonly (readonly number[])[], peak: number): void {
  const seconds = (figures: readonly number[] = []): string =>
    figures.map((ms) => (ms / 1000).toFixed(2)).join(' ')
  const [plain = [], synced = [], applied = [], whole = []] = all
  const line = (what: string, figures: readonly number[]) =>
    report(`${what}: ${seconds(figures)}`, `${(median(figures) / 1000).toFixed(2)} s`, '-')
  line('(a) tar -xf', plain)
  line('(b) tar -xf, then sync', synced)
  line('(c) restore: planned twice, unpacked, synced, swapped', applied)
  line('(d) the same, after reading and hashing the archive', whole)
  const ratio = (figures: readonly number[], against: readonly number[]) =>
    (median(figures) / median(against)).toFixed(2)
  report('(c) / (a)', ratio(applied, plain), '≤ 1.25')
  report('(c) / (b), the same work', ratio(applied, synced), '≤ 1.25')
  report('(d) / (b)', ratio(whole, synced), '(no bar)')
  report('peak memory of the helper', `${(peak / MiB).toFixed(0)} MiB`, '< 200 MiB')
}

async function restore(folder: string, archive: string, tree: string): Promise<void> {
  const helper = benchHelper(folder)
  const args = { archive, type: 'custom_dir', settings: { source_path: tree }, options: {} }
  const plan = await helper.call('restore.plan', args)
  const outcome = await helper.call('restore.apply', {
    ...args,
    planDigest: planDigest(plan),
    safetyArchive: null,
  })
  if (outcome.status !== 'success') throw new Error(JSON.stringify(outcome.problem))
}

function untar(folder: string, name: string, sync: boolean): void {
  const into = join(folder, 'untarred')
  mkdirSync(into)
  execFileSync('tar', ['-xf', join(folder, 'archives', `${name}.tar`), '-C', into])
  if (sync) execFileSync('sync', ['-f', into])
}

/** Milliseconds of the work alone: what it wrote is removed, and everything is on the disk before the next one. */
async function settled(folder: string, work: () => unknown): Promise<number> {
  execFileSync('sync')
  const ms = await timed(work)
  for (const name of ['untarred', 'tree']) rmSync(join(folder, name), { recursive: true, force: true })
  return ms
}
