// Every app at every instance: what it backs up itself, and whose copies it holds. Pure: facts in, cells out.
import type { Held, InstanceFacts, OwnBackup } from './facts.ts'

/** What is wrong with an instance's own backups of an app, worst first. */
export const standings = ['overdue', 'failed', 'none', 'warning', 'running', 'ok', 'off'] as const
export type Standing = (typeof standings)[number]

export interface MatrixCell {
  /** The place of the instance in the list of instances. */
  readonly at: number
  /** Null: it does not back this app up itself. */
  readonly own: {
    readonly standing: Standing
    readonly lastGoodAt: number | null
    readonly sizeBytes: number | null
    readonly archiveCount: number
    /** Names of the instances that hold copies of it. */
    readonly copiesAt: readonly string[]
  } | null
  /** Of others, the newest first. */
  readonly held: readonly Held[]
}

export interface MatrixRow {
  readonly app: string
  readonly type: string | null
  /** Only instances that have something of it, in their order. */
  readonly cells: readonly MatrixCell[]
  readonly worst: Standing
}

/** Rows, the worst first, then by name. An app is the same at two instances when name and type are. */
export function matrixOf(instances: readonly InstanceFacts[]): readonly MatrixRow[] {
  const types = typesOfApps(instances)
  const rows = new Map<string, { app: string; type: string | null; cells: Map<number, Draft> }>()
  const cellOf = (at: number, app: string, type: string | null): Draft => {
    // A copy whose archive is long gone here has lost its type; the app's only one is meant.
    const known = type ?? types.get(app) ?? null
    const key = JSON.stringify([app, known])
    const row = rows.get(key) ?? { app, type: known, cells: new Map<number, Draft>() }
    rows.set(key, row)
    const cell = row.cells.get(at) ?? { own: [], held: [] }
    row.cells.set(at, cell)
    return cell
  }
  instances.forEach((instance, at) => {
    for (const backup of instance.backups) cellOf(at, backup.app, backup.type).own.push(backup)
    for (const held of instance.holds) {
      if (held.of !== instance.madeBy) cellOf(at, held.app, held.type).held.push(held)
    }
  })
  return [...rows.values()].map((row) => finish(row, instances)).toSorted(byUrgency)
}

interface Draft {
  readonly own: OwnBackup[]
  readonly held: Held[]
}

function finish(
  { app, type, cells }: { app: string; type: string | null; cells: ReadonlyMap<number, Draft> },
  instances: readonly InstanceFacts[],
): MatrixRow {
  const done = [...cells]
    .toSorted(([a], [b]) => a - b)
    .map(([at, { own, held }]): MatrixCell => ({
      at,
      own: own.length === 0 ? null : ownOf(own, holdersOf(at, cells, instances)),
      held: held.toSorted((a, b) => b.newestAt - a.newestAt),
    }))
  const worst = done.flatMap((cell) => (cell.own === null ? [] : [cell.own.standing]))
  return { app, type, cells: done, worst: worstOf(worst) }
}

/** Several jobs may back up one app: the worst standing, the newest backup. */
function ownOf(backups: readonly OwnBackup[], copiesAt: readonly string[]): NonNullable<MatrixCell['own']> {
  const newest = backups.toSorted((a, b) => (b.lastGoodAt ?? 0) - (a.lastGoodAt ?? 0))[0]
  return {
    standing: worstOf(backups.map(standingOf)),
    lastGoodAt: newest?.lastGoodAt ?? null,
    sizeBytes: newest?.sizeBytes ?? null,
    archiveCount: backups.reduce((sum, one) => sum + one.archiveCount, 0),
    copiesAt,
  }
}

/** Two instances with one name cannot be told apart by what archives say: then nothing is claimed. */
function holdersOf(
  at: number,
  cells: ReadonlyMap<number, Draft>,
  instances: readonly InstanceFacts[],
): readonly string[] {
  const maker = instances[at]?.madeBy
  if (maker === undefined || instances.filter((one) => one.madeBy === maker).length > 1) return []
  return [...cells].flatMap(([holder, { held }]) => {
    const name = instances[holder]?.name
    return name !== undefined && held.some((one) => one.of === maker) ? [name] : []
  })
}

/** What a glance must tell of one job. */
export function standingOf(backup: OwnBackup): Standing {
  if (!backup.enabled) return 'off'
  if (backup.overdue) return 'overdue'
  if (backup.status === 'error' || backup.status === 'interrupted') return 'failed'
  if (backup.running) return 'running'
  if (backup.lastGoodAt === null) return 'none'
  return backup.status === 'warning' ? 'warning' : 'ok'
}

function worstOf(found: readonly Standing[]): Standing {
  return standings.find((one) => found.includes(one)) ?? 'ok'
}

function byUrgency(a: MatrixRow, b: MatrixRow): number {
  const urgency = ({ worst }: MatrixRow) => {
    const place = standings.indexOf(worst)
    return place < standings.indexOf('warning') ? place : standings.length
  }
  return urgency(a) - urgency(b) || (a.app < b.app ? -1 : a.app > b.app ? 1 : 0)
}

function typesOfApps(instances: readonly InstanceFacts[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const { backups, holds } of instances) {
    for (const { app, type } of [...backups, ...holds]) {
      if (type !== null && !found.has(app)) found.set(app, type)
    }
  }
  return found
}
