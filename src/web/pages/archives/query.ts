// Reads the list of archives as the page asks for it: a search, four filters, fifty at a time, newest first.
import type { ExpressionBuilder, Kysely } from 'kysely'
import { archiveStates, type ArchiveState } from '../../../domain/archive.ts'
import { contains } from '../../../store/like.ts'
import type { Schema } from '../../../store/schema.ts'

export const pageSize = 50

/** `missing`: the catalogue knows it, but its file is gone; `pinned`: never deleted by retention. */
export const shownStates = [...archiveStates, 'missing', 'pinned'] as const
export type ShownState = (typeof shownStates)[number]

export interface Wanted {
  /** Part of a name, app or job. */
  readonly search: string
  readonly app: string
  readonly type: string
  readonly instance: string
  readonly state: ShownState | ''
  /** From 1. */
  readonly page: number
}

export interface ListedArchive {
  readonly name: string
  readonly type: string | null
  readonly app: string | null
  readonly instance_name: string | null
  readonly created_at: number
  readonly size_bytes: number
  readonly state: ArchiveState
  readonly origin: 'local' | 'received' | 'foreign'
  readonly pinned: number
  readonly deleting: number
  readonly missing_at: number | null
  readonly verified_at: number | null
  readonly job_id: number | null
  readonly job_name: string | null
}

export interface FoundArchives {
  readonly rows: readonly ListedArchive[]
  readonly count: number
  readonly bytes: number
}

/** Reads the query of `/archives`; what is not understood is left out. */
export function wantedOf(query: Readonly<Record<string, string>>): Wanted {
  const page = Number(query['page'])
  return {
    search: (query['q'] ?? '').trim().slice(0, 200),
    app: query['app'] ?? '',
    type: query['type'] ?? '',
    instance: query['instance'] ?? '',
    state: shownStates.find((state) => state === query['state']) ?? '',
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
  }
}

/** One page of archives, with the number and bytes of all that were found (files that are gone weigh nothing). */
export async function findArchives(db: Kysely<Schema>, wanted: Wanted): Promise<FoundArchives> {
  const found = db
    .selectFrom('archives')
    .leftJoin('jobs', 'jobs.id', 'archives.job_id')
    .where((eb) => eb.and(conditions(eb, wanted)))
  const [rows, totals] = await Promise.all([
    found
      .select([
        'archives.name',
        'archives.type',
        'archives.app',
        'archives.instance_name',
        'archives.created_at',
        'archives.size_bytes',
        'archives.state',
        'archives.origin',
        'archives.pinned',
        'archives.deleting',
        'archives.missing_at',
        'archives.verified_at',
        'archives.job_id',
        'jobs.name as job_name',
      ])
      .orderBy('archives.created_at', 'desc')
      .orderBy('archives.name', 'desc')
      .limit(pageSize)
      .offset((wanted.page - 1) * pageSize)
      .execute(),
    found
      .select((eb) => [
        eb.fn.countAll<number>().as('count'),
        eb.fn
          .sum<number | null>('archives.size_bytes')
          .filterWhere('archives.missing_at', 'is', null)
          .as('bytes'),
      ])
      .executeTakeFirstOrThrow(),
  ])
  return { rows, count: totals.count, bytes: totals.bytes ?? 0 }
}

/** How many good copies of these archives are elsewhere, by name. */
export async function countCopies(
  db: Kysely<Schema>,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map()
  const rows = await db
    .selectFrom('copies')
    .select((eb) => ['archive_name as name', eb.fn.countAll<number>().as('count')])
    .where('archive_name', 'in', names)
    .where('state', '=', 'present')
    .groupBy('archive_name')
    .execute()
  return new Map(rows.map(({ name, count }) => [name, count]))
}

type Eb = ExpressionBuilder<Schema & { jobs: Schema['jobs'] }, 'archives' | 'jobs'>

function conditions(eb: Eb, { search, app, type, instance, state }: Wanted) {
  const all = []
  if (search !== '') {
    all.push(
      eb.or([
        contains('archives.name', search),
        contains('archives.app', search),
        contains('jobs.name', search),
      ]),
    )
  }
  if (app !== '') all.push(eb('archives.app', '=', app))
  if (type !== '') all.push(eb('archives.type', '=', type))
  if (instance !== '') all.push(eb('archives.instance_name', '=', instance))
  if (state === 'missing') all.push(eb('archives.missing_at', 'is not', null))
  else if (state === 'pinned') all.push(eb('archives.pinned', '=', 1))
  else if (state !== '') all.push(eb('archives.state', '=', state), eb('archives.missing_at', 'is', null))
  return all
}
