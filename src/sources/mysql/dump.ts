// Writes the dump of a database: four parts, each a whole dump of its own, one behind the other in one file. Loaded as it
// is, it gives the database. A restore takes the parts one by one: views may name their database, so they are made in
// the final place; events would begin to work in a scratch one.
import type { Appending } from '../../archive/draft.ts'
import { Problem } from '../../domain/problem.ts'
import type { Server } from './connection.ts'
import { dumpScan, type DumpEnd } from './dump-scan.ts'
import type { Relations } from './facts.ts'
import { hiddenScan } from './hidden.ts'

/** In the order of the file. */
export const partNames = ['tables', 'routines', 'views', 'events'] as const
export type PartName = (typeof partNames)[number]
/** Bytes of each part; 0 for one that is not there. `routines` has the triggers as well. */
export type DumpParts = Readonly<Record<PartName, number>>

export interface Dumped {
  readonly parts: DumpParts
  readonly longestLine: number
}

/** The database changed its tables while it was dumped. Begin anew. */
export class TablesChanged extends Error {
  override readonly name = 'TablesChanged'
}

/**
 * Appends the dump. `onBytes` is told the bytes so far. Throws `dump_incomplete` for what is not a whole dump,
 * {@link TablesChanged}, or what the server says.
 */
export async function writeDump(
  server: Server,
  database: string,
  found: Relations,
  to: Appending,
  onBytes: (written: number) => void,
): Promise<Dumped> {
  const parts: Record<PartName, number> = { tables: 0, routines: 0, views: 0, events: 0 }
  let longestLine = 0
  for (const part of partNames) {
    const args = partArguments(part, server, database, found)
    if (args === null) continue
    const before = parts.tables + parts.routines + parts.views
    const { end, bytes } = await run(server, part, args, database, to, (written) => onBytes(before + written))
    parts[part] = bytes
    longestLine = Math.max(longestLine, end.longestLine)
    if (part === 'tables') mustHold(end, found)
  }
  return { parts, longestLine }
}

/** Null when there is nothing to dump. */
export function partArguments(
  part: PartName,
  server: Server,
  database: string,
  { tables, views, brokenViews }: Relations,
): string[] | null {
  const ignored = (names: readonly string[]) => names.map((name) => `--ignore-table=${database}.${name}`)
  switch (part) {
    case 'tables': {
      const history =
        tables.some(({ versioned }) => versioned) && keepsHistory(server) ? ['--dump-history'] : []
      return ['--skip-triggers', ...history, ...ignored([...views, ...brokenViews]), '--', database]
    }
    case 'routines':
      return [
        '--no-data',
        '--no-create-info',
        '--triggers',
        '--routines',
        ...ignored(brokenViews),
        '--',
        database,
      ]
    case 'views':
      return views.length === 0 ? null : ['--no-data', '--skip-triggers', '--', database, ...views]
    case 'events':
      return [
        '--no-data',
        '--no-create-info',
        '--skip-triggers',
        '--events',
        ...ignored(brokenViews),
        '--',
        database,
      ]
  }
}

/** Whether this dump program can save the former rows of versioned tables. */
export function keepsHistory({ tools }: Server): boolean {
  const [major = 0, minor = 0] = tools.version.split('.').map(Number)
  return tools.ofMariadb && (major > 10 || (major === 10 && minor >= 11))
}

async function run(
  server: Server,
  part: PartName,
  args: readonly string[],
  database: string,
  to: Appending,
  onBytes: (written: number) => void,
): Promise<{ readonly end: DumpEnd; readonly bytes: number }> {
  const scan = dumpScan()
  const hiding = hiddenScan(part === 'tables')
  let hidden = ''
  let bytes = 0
  const write = (data: Buffer): void => {
    to.write(data)
    bytes += data.length
    onBytes(bytes)
  }
  await server.dump(args, database, (chunk) => {
    hidden ||= hiding.push(chunk)
    if (hidden === '') write(scan.push(chunk))
  })
  // A restore could not load it: whoever wrote that would decide what root executes.
  if (hidden !== '') throw new Problem('dump_incomplete', { database, detail: hidden })
  const end = scan.end()
  write(end.rest)
  if (end.fault !== '') throw new Problem('dump_incomplete', { database, detail: end.fault })
  return { end, bytes }
}

/** What was announced in the recipe must be in the dump, no more and no less. */
function mustHold(end: DumpEnd, found: Relations): void {
  const tables = found.tables.map(({ name }) => name)
  if (!same(end.tables, tables) || !same(end.sequences, found.sequences)) throw new TablesChanged()
}

function same(found: ReadonlySet<string>, wanted: readonly string[]): boolean {
  return found.size === wanted.length && wanted.every((name) => found.has(name))
}
