// Goes through a directory tree of our own making. Names are bytes in latin1 texts.
import { lstatSync, readdirSync, type BigIntStats } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { bytes } from '../walk.ts'
import { raw } from './selection.ts'

const turnEvery = 500

/** Calls `visit` for `root` (as text) and everything below it, directories before what is in them; no link is followed. */
export async function eachEntry(
  root: string,
  signal: AbortSignal,
  visit: (path: string, stats: BigIntStats) => void,
): Promise<void> {
  const open = [raw(root)]
  let looked = 0
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const stats = lstatSync(bytes(path), { bigint: true })
    visit(path, stats)
    if (stats.isDirectory()) {
      for (const name of readdirSync(bytes(path), { encoding: 'latin1' })) open.push(`${path}/${name}`)
    }
    looked += 1
    if (looked % turnEvery !== 0) continue
    await nextTurn()
    signal.throwIfAborted()
  }
}
