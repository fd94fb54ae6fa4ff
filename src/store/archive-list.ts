// The archives page and API list: filters, pages by cursor, and what can be filtered by.
import { sql } from 'kysely'
import { z } from 'zod'
import type { Archive, ArchiveOrigin, ArchiveState } from '../domain/archive.ts'
import { invalid } from '../domain/problem.ts'
import { present, toArchive } from './archive-row.ts'
import { readListed, type Listed } from './json.ts'
import { contains } from './like.ts'
import type { Q } from './schema.ts'

export interface ArchiveFilter {
  readonly app?: string
  readonly type?: string
  readonly instance?: string
  /** Part of the name or app. */
  readonly q?: string
  readonly jobId?: number
  readonly state?: ArchiveState
  readonly origin?: ArchiveOrigin
  readonly limit: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string
}

/** Newest first. Throws `validation_failed` (`cursor`) for a cursor that no list gave out. */
export async function listArchives(
  q: Q,
  filter: ArchiveFilter,
): Promise<{ items: Listed<Archive>[]; nextCursor: string | null }> {
  let query = q.selectFrom('archives').selectAll().where(present)
  if (filter.app !== undefined) query = query.where('app', '=', filter.app)
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  if (filter.instance !== undefined) query = query.where('instance_name', '=', filter.instance)
  if (filter.jobId !== undefined) query = query.where('job_id', '=', filter.jobId)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  if (filter.origin !== undefined) query = query.where('origin', '=', filter.origin)
  if (filter.q !== undefined && filter.q !== '') {
    query = query.where(sql<boolean>`(${contains('name', filter.q)} OR ${contains('app', filter.q)})`)
  }
  if (filter.cursor !== undefined) {
    const [createdAt, name] = readCursor(filter.cursor)
    query = query.where(sql<boolean>`(created_at, name) < (${createdAt}, ${name})`)
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('name', 'desc')
    .limit(filter.limit + 1)
    .execute()
  const page = rows.slice(0, filter.limit)
  const last = page.at(-1)
  return {
    items: page.map((row) => readListed(row, toArchive)),
    nextCursor: last && rows.length > page.length ? writeCursor(last.created_at, last.name) : null,
  }
}

/** Values to filter by, sorted. */
export async function facets(q: Q): Promise<{ apps: string[]; types: string[]; instances: string[] }> {
  return {
    apps: await distinct(q, 'app'),
    types: await distinct(q, 'type'),
    instances: await distinct(q, 'instance_name'),
  }
}

async function distinct(q: Q, column: 'app' | 'type' | 'instance_name'): Promise<string[]> {
  const rows = await q
    .selectFrom('archives')
    .select(`${column} as value`)
    .distinct()
    .where(present)
    .where(column, 'is not', null)
    .orderBy(column)
    .execute()
  return rows.map((row) => row.value).filter((value) => value !== null)
}

const cursorSchema = z.tuple([z.number(), z.string()])

function writeCursor(createdAt: number, name: string): string {
  return Buffer.from(JSON.stringify([createdAt, name])).toString('base64url')
}

function readCursor(cursor: string): readonly [number, string] {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw invalid({ field: 'cursor', code: 'unknown_value' })
  }
}
