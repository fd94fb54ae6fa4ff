// Gathers what the home page shows; what costs a program to ask is remembered for a while.
import { sql } from 'kysely'
import { diskGuard } from '../../../domain/disk-guard.ts'
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { DiskState, Offers } from '../../../engine/engine.ts'
import { lastDrills } from '../../../store/drills.ts'
import { unsafeStandings } from '../../../store/job-standing.ts'
import { peerGlances } from '../../../store/peers.ts'
import { backupAges, counts, jobOverview, jobsNeedingAttention } from '../../../store/overview.ts'
import type { WebDeps } from '../../page.ts'
import type { Formats, T } from '../../i18n.ts'
import { attention, type Trouble } from './attention.ts'
import { appsBackedUp, overdueJobs } from './overdue.ts'
import { offSite, peerItems } from './peers.ts'
import { appType } from './protect.ts'
import { remembered, type Known } from './remembered.ts'
import { jobRow } from './row.ts'
import type { HomeFacts } from './view.ts'

const pageSize = 50
/** Jobs read for the attention box, which shows fewer. */
const attentionRead = 20
const appsForMs = 60_000
const diskForMs = 30_000

export const filters = ['', 'problem', 'disabled'] as const
export type Filter = (typeof filters)[number]

export interface HomeQuery {
  readonly search: string
  readonly only: Filter
  /** From 0. */
  readonly page: number
}

/** The reader of one dashboard; `offers` also for the form that protects apps. */
export interface HomeReader {
  read(query: HomeQuery, language: string, t: T, f: Formats): Promise<HomeFacts>
  protectedApps(): Promise<ReadonlySet<string>>
}

/** Makes the reader. */
export function homeReader(deps: WebDeps): HomeReader {
  const { db, engine, clock, config } = deps
  const now = () => clock.now()
  const offers = remembered(() => engine.offers(), now, appsForMs)
  const disk = remembered(() => engine.disk(), now, diskForMs)

  const protectedApps = async (): Promise<ReadonlySet<string>> => {
    const rows = await db
      .selectFrom('jobs')
      .select(sql<string | null>`json_extract(config_json, '$.app_id')`.as('app'))
      .where('type', '=', appType)
      .where('enabled', '=', 1)
      .where(sql<boolean>`json_valid(config_json)`)
      .execute()
    return new Set(rows.flatMap(({ app }) => (app === null ? [] : [app])))
  }

  return {
    protectedApps,
    async read(query, language, t, f) {
      const at = clock.now()
      const only = query.only === '' ? {} : { only: query.only }
      const ages = await backupAges(db)
      const overdue = overdueJobs(ages, at, config.timeZone)
      const search = {
        search: query.search,
        offset: query.page * pageSize,
        limit: pageSize,
        now: at,
        overdue,
      }
      const [sums, overview, needing, apps, space, covered, peers] = await Promise.all([
        counts(db, at, overdue),
        jobOverview(db, { ...search, ...only }),
        jobsNeedingAttention(db, attentionRead, at, overdue),
        offers(),
        disk(),
        protectedApps(),
        peerGlances(db),
      ])
      const drills = await lastDrills(
        db,
        overview.items.map((item) => item.job.id),
      )
      const known = factsOf(apps, space)
      const { reserveBytes } = diskGuard({
        neededBytes: null,
        freeBytes: known.disk?.freeBytes ?? 0,
        totalBytes: known.disk?.totalBytes ?? 0,
        reserveBytes: engine.settings().diskReserveBytes,
      })
      const bad = needing.filter(({ standing }) => unsafeStandings.some((one) => one === standing)).length
      const allBad = sums.failing + sums.noArchive + sums.drillFailed + sums.late + sums.overdue
      return {
        ...query,
        counts: sums,
        rows: overview.items.map((item) => jobRow(item, drills.get(item.job.id) ?? null, at, language, t, f)),
        found: overview.total,
        pageSize,
        attention: attention(
          {
            jobs: needing,
            corruptedArchives: sums.corrupted,
            missingArchives: sums.missing,
            disk: known.disk,
            reserveBytes,
            trouble: known.trouble,
            others: peerItems(peers, at, t, f),
          },
          at,
          t,
          f,
        ),
        unreadAttention: needing.length < attentionRead ? 0 : Math.max(0, allBad - bad),
        apps: known.offers?.apps ?? null,
        parts: known.offers?.parts ?? [],
        protectedApps: covered,
        appsBackedUp: appsBackedUp(ages, overdue),
        disk: known.disk,
        offSite: offSite(peers, t),
      }
    },
  }
}

function factsOf(apps: Known<Offers>, space: Known<DiskState>) {
  const trouble = [
    ...('failure' in apps ? [{ asked: 'apps', problem: problemOf(apps.failure) } as const] : []),
    ...('failure' in space ? [{ asked: 'disk', problem: problemOf(space.failure) } as const] : []),
  ] satisfies Trouble[]
  return {
    offers: 'value' in apps ? apps.value : null,
    disk: 'value' in space ? space.value : null,
    // Both may fail for the same reason, which then is told once.
    trouble: trouble.filter(
      (one, i) => trouble.findIndex((other) => other.problem.code === one.problem.code) === i,
    ),
  }
}

function problemOf(failure: unknown): Problem {
  return isProblem(failure) ? failure : new Problem('internal', {}, { cause: failure })
}
