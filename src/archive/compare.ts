// Holds an archive against a directory as it is now: what is only here, only there, or different. Memory for a hash per
// path, whatever the number of files.
import { Problem } from '../domain/problem.ts'
import type { Comparison, ContentsChange } from '../domain/contents.ts'
import type { Run } from '../sys/process.ts'
import { differences, type LiveTree } from './compare-entry.ts'
import { sameContent } from './compare-content.ts'
import { cleanName } from './path-guard.ts'
import { pathTable, type PathTable } from './path-table.ts'
import { mustBeSafe, surveyTar } from './survey.ts'
import { tarParts } from './tar-parts.ts'
import type { OpenTar } from './tar-stream.ts'

const mostChanges = 10_000
/** Paths may be long: so many characters of them are told. */
const mostText = 8 * 1024 * 1024

export interface CompareOrder {
  /** The directory in the archive, as `cleanName` gives it; '' is its top. */
  readonly payload: string
  readonly live: LiveTree
  /** Calls back for everything in the directory that a backup would hold, with paths relative to it (latin1: bytes). */
  readonly walk: (onEntry: (path: string) => void) => Promise<unknown>
  /** Also read and compare the contents of files of equal size. */
  readonly thorough: boolean
}

export interface CompareIo {
  readonly run: Run
  readonly signal: AbortSignal
  progress(done: number, total: number | null): void
}

/** Rejects with `archive_unsafe`, `archive_truncated`, `member_not_found` (no such directory in it), or the signal's reason. */
export async function compareArchive(
  tar: OpenTar,
  archive: string,
  order: CompareOrder,
  io: CompareIo,
): Promise<Omit<Comparison, 'against'>> {
  const { payload, live, thorough } = order
  const last = await lastMembers(tar, archive, payload, io.signal)
  const changes = collector()
  let same = 0
  let member = 0
  const reader = tar.reader({
    signal: io.signal,
    onRead: (position) => io.progress(Math.min(position, tar.sizeBytes), tar.sizeBytes),
  })
  for await (const part of tarParts(reader, archive)) {
    member += 1
    const path = relative(part.name, payload)
    // Of several members of one name the last one counts, as when it is unpacked.
    if (path === null || last.get(path) !== member) continue
    const target = part.member.type === '1' ? relativeTarget(part.member.linkName, payload) : null
    const found = differences(live, path, part.member, target)
    if (found === null) changes.add('removed', path, [])
    else {
      const compares = thorough && found.comparable
      const what =
        compares && !(await sameContent(part, live, path, io)) ? ['content', ...found.what] : found.what
      if (what.length > 0) changes.add('changed', path, what)
      else same += 1
    }
  }
  await order.walk((path) => {
    if (last.get(path) === undefined) changes.add('added', path, [])
  })
  return { same, ...changes.result() }
}

/** By relative path the number of its last member, counted from 1. */
async function lastMembers(
  tar: OpenTar,
  archive: string,
  payload: string,
  signal: AbortSignal,
): Promise<PathTable> {
  const table = pathTable()
  let member = 0
  const survey = await surveyTar(tar, {
    signal,
    onMember: (_, name) => {
      member += 1
      const path = relative(name, payload)
      if (path !== null) table.set(path, member)
    },
  })
  mustBeSafe(archive, survey)
  if (table.size() === 0) throw new Problem('member_not_found', { archive, path: shown(payload) })
  return table
}

/** '' for the directory itself, null for what is not below it. */
function relative(name: string, payload: string): string | null {
  if (payload === '' || name === payload) return payload === '' ? name : ''
  return name.startsWith(`${payload}/`) ? name.slice(payload.length + 1) : null
}

function relativeTarget(linkName: Buffer, payload: string): string | null {
  return relative(cleanName(linkName), payload)
}

function collector() {
  const changes: ContentsChange[] = []
  const counts = { added: 0, removed: 0, changed: 0 }
  let text = 0
  return {
    add(change: ContentsChange['change'], path: string, what: readonly string[]): void {
      counts[change] += 1
      if (changes.length === mostChanges || text > mostText) return
      text += path.length
      changes.push({ path: path === '' ? '.' : shown(path), change, what })
    },
    result: () => ({
      ...counts,
      changes: changes.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)),
    }),
  }
}

function shown(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8')
}
