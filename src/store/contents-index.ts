// Reads the index of an archive's contents: pages of a directory, search by name, one entry.
import { rmSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { memberKinds, type ContentsEntry, type ContentsPage } from '../domain/contents.ts'
import { invalid, Problem } from '../domain/problem.ts'
import { contentsVersion, foldedText, topId } from './contents-schema.ts'

/** Rows that are searched between two turns of the event loop. */
const searchAtOnce = 25_000

/** An entry with what is needed to get at its data. */
export interface IndexEntry extends ContentsEntry {
  /** Where it begins in the tar; null for a directory without a member. */
  readonly offset: number | null
  /** A link's target as bytes. */
  readonly link: Buffer | null
}

export type ReadyPage = Extract<ContentsPage, { state: 'ready' }>

export interface Page {
  /** The `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface ContentsIndex {
  /**
   * Directories first, then everything else, both in the order of their names' bytes. `member_not_found` for what is no
   * directory, `validation_failed` (field `after`) for a mark that is none.
   */
  list(path: Buffer, page: Page): ReadyPage
  /** Entries whose last part contains the text, whatever the case, in the same order; those of one name as the tar has them. */
  search(text: string, page: Page, signal?: AbortSignal): Promise<ReadyPage>
  /** Null when there is none. */
  entry(path: Buffer): IndexEntry | null
  close(): void
}

/** Null when there is no such file, or it is not one that this version wrote to its end. */
export function openContents(file: string): ContentsIndex | null {
  let db: BetterSqlite3.Database
  try {
    db = new BetterSqlite3(file, { readonly: true, fileMustExist: true })
  } catch {
    return null
  }
  try {
    if (db.pragma('user_version', { simple: true }) === contentsVersion) return guarded(reading(db), file)
  } catch {
    // Not a database: it is made anew.
  }
  db.close()
  return null
}

/** What turns out to be damaged is removed: the next one who asks has it made again. */
function guarded(index: ContentsIndex, file: string): ContentsIndex {
  const explain = (error: unknown): unknown => {
    const damaged =
      error instanceof BetterSqlite3.SqliteError && /^SQLITE_(?:CORRUPT|NOTADB|IOERR)/.test(error.code)
    if (!damaged) return error
    rmSync(file, { force: true })
    return new Problem(
      'internal',
      { detail: 'the index of the contents was damaged; it is made again' },
      { cause: error },
    )
  }
  const guard = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explain(error)
    }
  }
  return {
    list: (path, page) => guard(() => index.list(path, page)),
    search: async (text, page, signal) => {
      try {
        return await index.search(text, page, signal)
      } catch (error) {
        throw explain(error)
      }
    },
    entry: (path) => guard(() => index.entry(path)),
    close: () => index.close(),
  }
}

interface Row {
  readonly id: number
  readonly parent: number
  readonly rank: number
  readonly name: Buffer
  readonly kind: number
  readonly size: number
  readonly files: number
  readonly entries: number
  readonly modified: number | null
  readonly mode: number | null
  readonly owner: string | null
  readonly grp: string | null
  readonly link: Buffer | null
  readonly place: number | null
}

const columns = 'id, parent, rank, name, kind, size, files, entries, modified, mode, owner, grp, link, place'
/** Exported for the test of its plan. */
export const listQuery = `SELECT ${columns} FROM node WHERE parent = ? AND (rank, name) > (?, ?) ORDER BY rank, name LIMIT ?`
const found = 'id BETWEEN ? AND ? AND instr(coalesce(folded, name), ?) > 0'
const searchQuery = `
  SELECT id, rank, name FROM node WHERE ${found} AND (rank, name, id) > (?, ?, ?) ORDER BY rank, name, id LIMIT ?`

function reading(db: BetterSqlite3.Database): ContentsIndex {
  const list = db.prepare<[number, number, Buffer, number], Row>(listQuery)
  const byPlace = db.prepare<[number, number, Buffer], Row>(
    `SELECT ${columns} FROM node WHERE parent = ? AND rank = ? AND name = ?`,
  )
  const byId = db.prepare<[number], Row>(`SELECT ${columns} FROM node WHERE id = ?`)

  const directory = (path: Buffer): Row | null => {
    let row = byId.get(topId) ?? null
    for (const step of steps(path)) row = row && (byPlace.get(row.id, 0, step) ?? null)
    return row
  }
  const find = (path: Buffer): Row | null => {
    const as = directory(path)
    if (as !== null || path.length === 0) return as
    const slash = path.lastIndexOf(0x2f)
    const above = directory(path.subarray(0, Math.max(0, slash)))
    return above && (byPlace.get(above.id, 1, path.subarray(slash + 1)) ?? null)
  }
  const pathOf = (row: Pick<Row, 'id' | 'parent' | 'name'>, known: Map<number, Buffer>): Buffer => {
    if (row.id === topId) return Buffer.alloc(0)
    let above = known.get(row.parent)
    if (above === undefined) {
      const parent = byId.get(row.parent)
      above = parent ? pathOf(parent, known) : Buffer.alloc(0)
      known.set(row.parent, above)
    }
    return joined(above, row.name)
  }

  return {
    list(path, { after, limit }) {
      const row = directory(path)
      if (row === null) throw new Problem('member_not_found', { path: path.toString('utf8') })
      const from = after === undefined ? { rank: -1, name: Buffer.alloc(0) } : markOf(after)
      const rows = list.all(row.id, from.rank, from.name, limit + 1)
      const shown = rows.slice(0, limit)
      const last = rows.length > limit ? shown.at(-1) : undefined
      return {
        state: 'ready',
        entries: shown.map((one) => plain(toEntry(one, joined(path, one.name)))),
        next: last ? mark({ rank: last.rank, name: last.name, id: 0, total: 0 }) : null,
        total: row.entries,
      }
    },
    async search(text, { after, limit }, signal) {
      const needle = foldedText(text)
      if (needle.length === 0) return { state: 'ready', entries: [], next: null, total: 0 }
      const from = after === undefined ? null : markOf(after)
      const { best, total } = await scan(db, needle, from, limit + 1, signal)
      const known = new Map<number, Buffer>()
      const rows = best.slice(0, limit).flatMap(({ id }) => byId.get(id) ?? [])
      const last = best.length > limit ? best[limit - 1] : undefined
      return {
        state: 'ready',
        entries: rows.map((row) => plain(toEntry(row, pathOf(row, known)))),
        next: last ? mark({ ...last, total }) : null,
        total,
      }
    },
    entry(path) {
      const row = find(path)
      return row && toEntry(row, path)
    },
    close: () => void db.close(),
  }
}

interface Hit {
  readonly id: number
  readonly rank: number
  readonly name: Buffer
}

/** The first `most` hits behind the mark, and how many there are in all: that is counted once and then carried by the mark. */
async function scan(
  db: BetterSqlite3.Database,
  needle: Buffer,
  from: Mark | null,
  most: number,
  signal: AbortSignal | undefined,
): Promise<{ best: readonly Hit[]; total: number }> {
  const hits = db.prepare<unknown[], Hit>(searchQuery)
  const count = db
    .prepare<[number, number, Buffer], number>(`SELECT count(*) FROM node WHERE ${found}`)
    .pluck()
  const last = db.prepare<[], number>('SELECT max(id) FROM node').pluck().get() ?? topId
  let best: Hit[] = []
  let total = from?.total ?? 0
  for (let first = topId + 1; first <= last; first += searchAtOnce) {
    const to = first + searchAtOnce - 1
    const { rank, name, id } = from ?? { rank: -1, name: Buffer.alloc(0), id: 0 }
    best = [...best, ...hits.all(first, to, needle, rank, name, id, most)].toSorted(inOrder).slice(0, most)
    if (from === null) total += count.get(first, to, needle) ?? 0
    await nextTurn()
    signal?.throwIfAborted()
  }
  return { best, total }
}

function inOrder(a: Hit, b: Hit): number {
  return a.rank - b.rank || Buffer.compare(a.name, b.name) || a.id - b.id
}

function steps(path: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < path.length;) {
    const slash = path.indexOf(0x2f, at)
    const end = slash === -1 ? path.length : slash
    found.push(path.subarray(at, end))
    at = end + 1
  }
  return found
}

function joined(path: Buffer, name: Buffer): Buffer {
  return path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name])
}

function toEntry(row: Row, path: Buffer): IndexEntry {
  const kind = memberKinds[row.kind] ?? 'file'
  return {
    key: path.toString('base64url'),
    path: path.toString('utf8'),
    name: row.name.toString('utf8'),
    kind,
    sizeBytes: row.size,
    files: row.files,
    modifiedAt: row.modified,
    mode: row.mode === null ? null : row.mode.toString(8).padStart(4, '0'),
    owner: row.owner,
    group: row.grp,
    linkTarget: row.link === null ? null : row.link.toString('utf8'),
    offset: row.place,
    link: row.link,
  }
}

function plain({ offset: _offset, link: _link, ...entry }: IndexEntry): ContentsEntry {
  return entry
}

interface Mark extends Hit {
  readonly total: number
}

/** Where a page ends: of no meaning to anybody else. */
function mark({ rank, name, id, total }: Mark): string {
  return [rank, id, total, name.toString('base64url')].join('.')
}

function markOf(text: string): Mark {
  const match = /^([01])\.([0-9]{1,15})\.([0-9]{1,15})\.([A-Za-z0-9_-]*)$/.exec(text)
  if (!match) throw invalid({ field: 'after', code: 'unknown_value' })
  const [, rank, id, total, name = ''] = match
  return { rank: Number(rank), id: Number(id), total: Number(total), name: Buffer.from(name, 'base64url') }
}
