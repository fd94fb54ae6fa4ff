// Writes the index of an archive's contents, in pieces that are short enough for a server that does other things beside.
import { closeSync, openSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { memberKinds, type MemberKind } from '../domain/contents.ts'
import { contentsSchema, contentsVersion, folded, topId } from './contents-schema.ts'

/** A member as it is told of; of several with one name the last counts. */
export interface IndexedMember {
  /** The path as bytes, without slashes at its ends; empty for the top. */
  readonly name: Buffer
  readonly kind: MemberKind
  /** Bytes once unpacked. */
  readonly size: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number
  readonly mode: number
  readonly owner: string
  readonly group: string
  readonly link: Buffer
  /** Where it begins in the tar. */
  readonly offset: number
}

export interface ContentsBuild {
  /** Takes some microseconds per member. */
  add(member: IndexedMember): void
  /** Adds up the directories and closes the file, which is whole then. Rejects with the signal's reason. */
  finish(signal: AbortSignal): Promise<void>
  /** Closes it; the caller removes the file. Safe to call twice, also after {@link ContentsBuild.finish}. */
  close(): void
}

/** Directories whose ids are remembered; more are looked up. */
const rememberedMost = 20_000
/** Rows that are added up between two turns of the event loop. */
const sumAtOnce = 4000

/** Creates the file, which must not exist. */
export function buildContents(file: string): ContentsBuild {
  // What is in an archive is nobody else's business.
  closeSync(openSync(file, 'wx', 0o600))
  const db = new BetterSqlite3(file)
  // Nobody reads it before it is whole: neither journal nor sync is needed while it grows.
  db.pragma('page_size = 8192')
  db.pragma('journal_mode = OFF')
  db.pragma('synchronous = OFF')
  db.pragma('locking_mode = EXCLUSIVE')
  db.pragma('cache_size = -24000')
  db.exec(contentsSchema)
  db.exec('BEGIN')
  const tree = treeWriter(db)
  return {
    add: (member) => tree.add(member),
    async finish(signal) {
      await addUp(db, signal)
      db.exec('COMMIT')
      db.pragma(`user_version = ${contentsVersion}`)
      db.close()
    },
    close: () => {
      if (db.open) db.close()
    },
  }
}

function treeWriter(db: BetterSqlite3.Database): { add(member: IndexedMember): void } {
  const idOf = db
    .prepare<[number, number, Buffer], number>(
      'SELECT id FROM node WHERE parent = ? AND rank = ? AND name = ?',
    )
    .pluck()
  const makeDirectory = db.prepare<[number, Buffer, Buffer | null, number]>(
    'INSERT INTO node (parent, rank, name, folded, kind) VALUES (?, 0, ?, ?, ?)',
  )
  const describe = db.prepare<[number, number, string, string, number, number]>(
    'UPDATE node SET modified = ?, mode = ?, owner = ?, grp = ?, place = ? WHERE id = ?',
  )
  const put = db.prepare(`
    INSERT INTO node (parent, rank, name, folded, kind, size, files, modified, mode, owner, grp, link, place)
    VALUES (?, 1, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (parent, rank, name) DO UPDATE SET kind = excluded.kind, size = excluded.size, modified = excluded.modified,
      mode = excluded.mode, owner = excluded.owner, grp = excluded.grp, link = excluded.link, place = excluded.place`)
  const isEmpty = db
    .prepare<[number], number>('SELECT NOT EXISTS (SELECT 1 FROM node WHERE parent = ?)')
    .pluck()
  const remove = db.prepare<[number]>('DELETE FROM node WHERE id = ?')
  const removeFile = db.prepare<[number, Buffer]>(
    'DELETE FROM node WHERE parent = ? AND rank = 1 AND name = ?',
  )
  const directory = memberKinds.indexOf('directory')
  let remembered = new Map<string, number>()

  /** The id of a directory, which is made with its parents when there is no row for it yet. */
  const directoryId = (path: Buffer): number => {
    if (path.length === 0) return topId
    const key = path.toString('latin1')
    const known = remembered.get(key)
    if (known !== undefined) return known
    const { parent, name } = split(path)
    const above = directoryId(parent)
    let id = idOf.get(above, 0, name)
    if (id === undefined) {
      // Something is below it: it is no file, whatever an earlier member said.
      removeFile.run(above, name)
      id = Number(makeDirectory.run(above, name, folded(name), directory).lastInsertRowid)
    }
    if (remembered.size >= rememberedMost) remembered = new Map()
    remembered.set(key, id)
    return id
  }

  return {
    add(member) {
      const { modifiedAt, mode, owner, group, offset } = member
      if (member.kind === 'directory') {
        describe.run(modifiedAt, mode, owner, group, offset, directoryId(member.name))
        return
      }
      if (member.name.length === 0) return
      const { parent, name } = split(member.name)
      const above = directoryId(parent)
      const instead = idOf.get(above, 0, name)
      if (instead !== undefined) {
        // A directory that holds something stays one; it could not be replaced by unpacking either.
        if (isEmpty.get(instead) !== 1) return
        remove.run(instead)
        remembered.delete(member.name.toString('latin1'))
      }
      const link = member.link.length === 0 ? null : member.link
      const kind = memberKinds.indexOf(member.kind)
      put.run(above, name, folded(name), kind, member.size, modifiedAt, mode, owner, group, link, offset)
    },
  }
}

function split(path: Buffer): { parent: Buffer; name: Buffer } {
  const slash = path.lastIndexOf(0x2f)
  return slash === -1
    ? { parent: path.subarray(0, 0), name: path }
    : { parent: path.subarray(0, slash), name: path.subarray(slash + 1) }
}

/** From the last row to the first: what is below a directory has come before it. */
async function addUp(db: BetterSqlite3.Database, signal: AbortSignal): Promise<void> {
  const files = db.prepare<[number, number], { parent: number; size: number; files: number }>(
    'SELECT parent, total(size) AS size, count(*) AS files FROM node WHERE id BETWEEN ? AND ? AND rank = 1 GROUP BY parent',
  )
  const addFiles = db.prepare<[number, number, number, number]>(
    'UPDATE node SET size = size + ?, files = files + ?, entries = entries + ? WHERE id = ?',
  )
  const directories = db
    .prepare<[number, number], number>(
      'SELECT id FROM node WHERE id BETWEEN ? AND ? AND rank = 0 ORDER BY id DESC',
    )
    .pluck()
  const addDirectory = db.prepare<{ id: number }>(`
    UPDATE node SET size = node.size + below.size, files = node.files + below.files, entries = node.entries + 1
    FROM (SELECT parent, size, files FROM node WHERE id = :id) AS below WHERE node.id = below.parent`)
  let last = db.prepare<[], number>('SELECT max(id) FROM node').pluck().get() ?? topId
  while (last > 0) {
    signal.throwIfAborted()
    const first = Math.max(1, last - sumAtOnce + 1)
    for (const sum of files.all(first, last)) addFiles.run(sum.size, sum.files, sum.files, sum.parent)
    for (const id of directories.all(first, last)) addDirectory.run({ id })
    last = first - 1
    await nextTurn()
  }
}
