// Trees and archives for the measurements, made through the real root helper process.
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createHelper, type Helper } from '../../src/sys/helper-client.ts'
import { residentBytes } from './measure.ts'

export const MiB = 1024 * 1024
const entry = join(import.meta.dirname, '../../bin/backupmanager.js')

/** A helper whose archives and data are in that folder. */
export function benchHelper(folder: string): Helper {
  return createHelper({
    target: { kind: 'direct', entry },
    env: {
      BM_ARCHIVES_DIR: join(folder, 'archives'),
      BM_DATA_DIR: join(folder, 'data'),
      BM_YUNOHOST: join(folder, 'no-yunohost'),
    },
  })
}

/** The work with the peak of what its helper had in memory. */
export async function watched<T>(
  work: () => Promise<T>,
): Promise<{ readonly peak: number; readonly result: T }> {
  let peak = 0
  // The kernel keeps the peak itself; it only has to be asked before the process is gone.
  const watch = setInterval(() => (peak = Math.max(peak, childrenPeak())), 20)
  try {
    return { result: await work(), peak }
  } finally {
    clearInterval(watch)
  }
}

/** Backs a tree up; the archive's name. */
export async function backUp(
  folder: string,
  tree: string,
): Promise<{ readonly peak: number; readonly name: string }> {
  const name = `bench_tree_${tree.length}`
  const { peak } = await watched(() =>
    benchHelper(folder).call('source.produce', {
      type: 'custom_dir',
      settings: { source_path: tree },
      archive: {
        name,
        createdAt: Date.now(),
        timeZone: 'UTC',
        description: '',
        app: 'tree',
        instance: { id: 'bench', name: 'bench', url: 'http://127.0.0.1' },
        job: { uid: 'bench', name: 'bench' },
        backupmanagerVersion: '0',
      },
    }),
  )
  return { peak, name }
}

function childrenPeak(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim().split(' ')
  const peaks = children.filter((pid) => pid !== '').map((pid) => peakOf(Number(pid)))
  return Math.max(0, ...peaks)
}

function peakOf(pid: number): number {
  try {
    const { peak } = residentBytes(pid)
    return Number.isFinite(peak) ? peak : 0
  } catch {
    // It ended between the two looks.
    return 0
  }
}

/** Files of equal sizes in folders of a hundred, with contents that do not shrink. */
export function makeTree(root: string, files: number, total: number): void {
  const contents = randomBytes(Math.floor(total / files))
  for (let n = 0; n < files; n += 1) {
    const folder = join(root, `d${Math.floor(n / 100)}`)
    if (n % 100 === 0) mkdirSync(folder, { recursive: true })
    contents.writeUInt32LE(n, 0)
    const fd = openSync(join(folder, `file ${n}`), 'w')
    writeSync(fd, contents)
    closeSync(fd)
  }
}
