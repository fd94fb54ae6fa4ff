// One click that protects apps: a job for each, all alike, named after its app.
import type { Job, JobInput } from '../../../domain/job.ts'
import { isProblem, type Problem } from '../../../domain/problem.ts'
import type { RetentionPolicy } from '../../../domain/retention-policy.ts'
import type { Actor, Engine, Offers } from '../../../engine/engine.ts'
import { cronOf, usualWhen } from '../jobs/when.ts'

/** The kinds of jobs that a first visit creates. */
export const appType = 'ynh_app'
export const systemType = 'ynh_system'

/** What may be chosen for "how long"; the first is the proposal. */
export const keepChoices = {
  months: { mode: 'gfs', daily: 7, weekly: 4, monthly: 6, yearly: 0 },
  fortnight: { mode: 'daily', days: 14 },
  week: { mode: 'count', count: 7 },
} as const satisfies Record<string, RetentionPolicy>
export type KeepChoice = keyof typeof keepChoices

/** Creating checks each app on the machine, which takes a moment: some at a time. */
const atOnce = 4

export interface ProtectChoice {
  readonly apps: readonly string[]
  /** Every app that is not protected, whatever `apps` names. */
  readonly all: boolean
  readonly system: boolean
  /** `HH:MM`. */
  readonly time: string
  readonly keep: KeepChoice
  /** Make the first backups right away. */
  readonly startNow: boolean
}

/** Reads the form; what is missing or impossible is the proposal. */
export function protectChoice(form: URLSearchParams): ProtectChoice {
  const time = form.get('time') ?? ''
  const keep = form.get('keep') ?? ''
  return {
    apps: [...new Set(form.getAll('apps'))],
    all: form.has('all'),
    system: form.has('system'),
    time: /^([01]\d|2[0-3]):[0-5]\d$/.test(time) ? time : usualWhen.time,
    keep: isKeep(keep) ? keep : 'months',
    startNow: form.has('start_now'),
  }
}

/** The jobs to create; an app that is not installed, or protected already, is left out. */
export function protectJobs(
  choice: ProtectChoice,
  offers: Offers,
  protectedApps: ReadonlySet<string>,
): JobInput[] {
  const common = {
    cronExpr: cronOf({ ...usualWhen, preset: 'daily', time: choice.time }),
    retention: keepChoices[choice.keep],
    enabled: true,
  }
  const apps = offers.apps.filter(
    (app) => (choice.all || choice.apps.includes(app.id)) && !protectedApps.has(app.id),
  )
  return [
    ...(choice.system ? [{ ...common, name: 'system', type: systemType, config: { parts: [] } }] : []),
    ...apps.map((app) => ({ ...common, name: app.id, type: appType, config: { app_id: app.id } })),
  ]
}

export interface ProtectResult {
  readonly created: readonly Job[]
  readonly failed: readonly { readonly name: string; readonly problem: Problem }[]
}

/** Creates the jobs, as many as can be; a taken name gets the kind behind it. */
export async function protect(
  engine: Engine,
  inputs: readonly JobInput[],
  actor: Actor,
): Promise<ProtectResult> {
  const created: Job[] = []
  const failed: { name: string; problem: Problem }[] = []
  const waiting = [...inputs]
  const worker = async () => {
    for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
      try {
        created.push(await createUnderFreeName(engine, input, actor))
      } catch (error) {
        if (!isProblem(error)) throw error
        failed.push({ name: input.name, problem: error })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { created, failed }
}

async function createUnderFreeName(engine: Engine, input: JobInput, actor: Actor): Promise<Job> {
  try {
    return await engine.createJob(input, actor)
  } catch (error) {
    const taken = isProblem(error) && error.errors.some((e) => e.field === 'name' && e.code === 'name_taken')
    if (!taken) throw error
    return engine.createJob({ ...input, name: `${input.name} (${input.type})` }, actor)
  }
}

function isKeep(text: string): text is KeepChoice {
  return Object.hasOwn(keepChoices, text)
}
