// What a job is. The shape of `config` belongs to its source (`src/sources/<type>`).
import type { DrillDepth } from './drill.ts'
import type { RetentionPolicy } from './retention-policy.ts'

/** Commands an admin wrote, run by `sh -c` as root around the backup. */
export interface JobHooks {
  readonly preBackup?: string
  readonly postBackup?: string
  /** Seconds each command may take. */
  readonly timeoutS: number
}

/** A stored job. Times are epoch milliseconds. */
export interface Job {
  readonly id: number
  /** Stays the same for ever, also in the archives; ids may start again with a new database. */
  readonly uid: string
  readonly name: string
  /** Id of a source. */
  readonly type: string
  /** Settings of the source, as its own schema checked them; secret fields are encrypted. */
  readonly config: Readonly<Record<string, unknown>>
  readonly cronExpr: string
  readonly retention: RetentionPolicy
  readonly enabled: boolean
  readonly coreOnly: boolean
  readonly hooks: JobHooks
  /** Seconds a run may take; null: the instance's default. */
  readonly timeoutS: number | null
  readonly createdAt: number
  readonly updatedAt: number
  /** How the job's archives are proven, null: not beyond the rotation of verifications. */
  readonly drill: DrillPolicy | null
  readonly nextDrillAt: number | null
  /** Next tick; null while disabled or when the expression never fires again. */
  readonly nextRunAt: number | null
  /** Why removal of old archives is suspended, null when it is not (product.md §6, anomalies). */
  readonly retentionHold: string | null
}

/** The newest archive is proven every so many days. */
export interface DrillPolicy {
  readonly depth: DrillDepth
  /** 1 to 365. */
  readonly everyDays: number
}

/** What an admin gives when creating or changing a job; checked by `engine/jobs.ts`. */
export interface JobInput {
  readonly name: string
  readonly type: string
  readonly config: unknown
  readonly cronExpr: string
  readonly retention: RetentionPolicy
  readonly enabled?: boolean
  readonly coreOnly?: boolean
  readonly hooks?: Partial<JobHooks>
  readonly timeoutS?: number | null
  readonly drill?: DrillPolicy | null
}
