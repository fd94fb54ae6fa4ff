// A scratch folder for a drill: hidden, for root alone, on a disk with room, and gone afterwards. What a killed drill left
// is removed by the next one.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diskGuard } from '../../domain/disk-guard.ts'
import { diskOf } from '../../sys/disk.ts'
import type { SourceIo } from '../source.ts'
import { removeTree } from './remove-tree.ts'

/** The process that uses it, and when that was started. */
const namePattern = /^\.bm-drill-(\d+)-(\d+)-/

export type Scratched<T> =
  | { readonly ok: true; readonly value: T }
  /** No disk has room for it and its reserve. */
  | { readonly ok: false; readonly needed: number; readonly free: number }

/**
 * Calls `work` with an empty folder on the archives' or the data's disk that has room for `needed` bytes, and removes it
 * whatever happens. Rejects as `work` does.
 */
export async function withScratch<T>(
  needed: number,
  io: SourceIo,
  work: (folder: string) => Promise<T>,
): Promise<Scratched<T>> {
  const places = [io.places.archivesDir, io.places.dataDir]
  for (const place of places) await removeLeftovers(place, io)
  let free = 0
  for (const place of places) {
    const disk = await diskOf(place)
    free = Math.max(free, disk.freeBytes)
    if (!diskGuard({ ...disk, neededBytes: needed, reserveBytes: null }).ok) continue
    return { ok: true, value: await inside(join(place, nameFor(io.operation)), io, work) }
  }
  return { ok: false, needed, free }
}

function nameFor(operation: string): string {
  return `.bm-drill-${process.pid}-${startOf(process.pid) ?? '0'}-${operation}`
}

async function inside<T>(folder: string, io: SourceIo, work: (folder: string) => Promise<T>): Promise<T> {
  const calm = { run: io.run, signal: new AbortController().signal }
  try {
    mkdirSync(folder, { mode: 0o700 })
    return await work(folder)
  } finally {
    await removeTree(folder, calm)
  }
}

/** Folders of drills whose process has ended. */
async function removeLeftovers(place: string, io: SourceIo): Promise<void> {
  for (const name of readdirSync(place)) {
    const [, pid, start] = namePattern.exec(name) ?? []
    // A number of a process is given to others later on; together with its start it is not.
    if (pid === undefined || startOf(Number(pid)) === start) continue
    io.log('info', `removing what an earlier drill left: ${name}`)
    await removeTree(join(place, name), io)
  }
}

/** When a process was started, in the kernel's ticks; null when it is not there. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
