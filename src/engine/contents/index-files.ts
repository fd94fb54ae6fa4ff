// The indexes of contents as files: one per archive and state of its file, made under a name that says whose it is, bounded
// in number and size.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, statSync, utimesSync } from 'node:fs'
import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { openContents, type ContentsIndex } from '../../store/contents-index.ts'
import { errorCode, removeIfExists, syncDirectory } from '../../sys/files.ts'

const mostFiles = 50
const mostBytes = 2 * 1024 ** 3
/** A file in progress is written all the time. */
const staleMs = 24 * 3_600_000
const partialName = /^[0-9a-f]{40}\.db\.([0-9]+)-[0-9a-f]{12}\.partial$/

export interface IndexFiles {
  /** Null when it has to be made. `now` in epoch milliseconds: the one that was used longest ago goes first. */
  open(name: string, fingerprint: string, now: number): ContentsIndex | null
  /** A path for one in progress. Leftovers of processes that are gone are removed on the way. */
  begin(name: string, fingerprint: string, now: number): Promise<string>
  /** Gives a finished one its name, and removes what is too much. */
  publish(partial: string, name: string, fingerprint: string): Promise<void>
  /** Removes all that are of no archive in the list, by name and fingerprint. */
  sweep(known: ReadonlyMap<string, string>, now: number): Promise<void>
}

/** In `folder`, which is made when it is needed. */
export function indexFiles(folder: string): IndexFiles {
  const fileOf = (name: string, fingerprint: string): string =>
    `${createHash('sha256').update(`${name}\0${fingerprint}`).digest('hex').slice(0, 40)}.db`

  return {
    open(name, fingerprint, now) {
      const path = join(folder, fileOf(name, fingerprint))
      const index = openContents(path)
      if (index) touch(path, now)
      return index
    },
    async begin(name, fingerprint, now) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await removeLeftovers(folder, now)
      return join(
        folder,
        `${fileOf(name, fingerprint)}.${process.pid}-${randomBytes(6).toString('hex')}.partial`,
      )
    },
    async publish(partial, name, fingerprint) {
      const file = fileOf(name, fingerprint)
      const handle = await open(partial, 'r')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(partial, join(folder, file))
      await syncDirectory(folder)
      for (const old of tooMany(await indexes(folder), file)) await removeIfExists(join(folder, old))
    },
    async sweep(known, now) {
      const good = new Set([...known].map(([name, fingerprint]) => fileOf(name, fingerprint)))
      for (const { file } of await indexes(folder))
        if (!good.has(file)) await removeIfExists(join(folder, file))
      await removeLeftovers(folder, now)
    },
  }
}

/** Only a hint for the choice of what goes: another process may just have removed it. */
function touch(path: string, now: number): void {
  try {
    utimesSync(path, now / 1000, now / 1000)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

interface Stored {
  readonly file: string
  readonly bytes: number
  readonly usedAt: number
}

/** Files that go, the longest unused first; never the newest one. Pure; exported for its test. */
export function tooMany(stored: readonly Stored[], newest: string): readonly string[] {
  let bytes = 0
  let count = 0
  const byUse = stored.toSorted(
    (a, b) => Number(b.file === newest) - Number(a.file === newest) || b.usedAt - a.usedAt,
  )
  return byUse.flatMap((one) => {
    bytes += one.bytes
    count += 1
    return one.file !== newest && (bytes > mostBytes || count > mostFiles) ? [one.file] : []
  })
}

async function indexes(folder: string): Promise<Stored[]> {
  return (await filesIn(folder)).flatMap((file) => {
    const stats = /^[0-9a-f]{40}\.db$/.test(file)
      ? statSync(join(folder, file), { throwIfNoEntry: false })
      : undefined
    return stats ? [{ file, bytes: stats.size, usedAt: stats.mtimeMs }] : []
  })
}

async function removeLeftovers(folder: string, now: number): Promise<void> {
  for (const file of await filesIn(folder)) {
    const pid = partialName.exec(file)?.[1]
    if (pid === undefined) continue
    const path = join(folder, file)
    const stats = statSync(path, { throwIfNoEntry: false })
    // A number of a process is used again some day.
    if (stats && (!existsSync(`/proc/${pid}`) || now - stats.mtimeMs > staleMs)) await removeIfExists(path)
  }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
