// Looks at archive and machine for a restore, and remembers what it saw for the moment when the plan is carried out.
import type { RestorePlan } from '../../../domain/restore.ts'
import { asProblem } from '../../../sys/files.ts'
import { cancelledBy } from '../../cancelled.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import { sourcePath } from '../paths.ts'
import type { Settings } from '../settings.ts'
import { decide, type Decision } from './decide.ts'
import { wantsRecipe, type Seen } from './seen.ts'
import { lookAround } from './here.ts'
import { targetPathError } from './refusals.ts'
import { lookThrough } from './saved.ts'
import { isRelative } from './selection.ts'
import { lookAtTarget } from './target.ts'

/** Everything that carrying a restore out needs. */
export interface Prepared {
  readonly seen: Seen
  readonly decision: Decision
}

/** An archive may take minutes to look through: who plans and carries out at once does it once. */
const prepared = new WeakMap<RestorePlan, Prepared>()

/** See {@link Restorer.plan}. */
export async function plan(request: RestoreRequest<Settings>, io: SourceIo): Promise<RestorePlan> {
  const ready = await prepare(request, io)
  prepared.set(ready.decision.plan, ready)
  return ready.decision.plan
}

/** What was seen when the plan was made; looked at anew for a plan that comes from elsewhere. */
export async function preparedFor(
  made: RestorePlan,
  request: RestoreRequest<Settings>,
  io: SourceIo,
): Promise<Prepared> {
  return prepared.get(made) ?? prepare(request, io)
}

async function prepare(request: RestoreRequest<Settings>, io: SourceIo): Promise<Prepared> {
  try {
    const seen = await look(request, io)
    return { seen, decision: decide(seen) }
  } catch (error) {
    throw cancelledBy(io.signal) ?? asProblem(error)
  }
}

async function look(request: RestoreRequest<Settings>, io: SourceIo): Promise<Seen> {
  const { archive, options } = request
  const saved = await lookThrough(request, io)
  const given = targetPathError(options.target_path) === null ? options.target_path : undefined
  const target = given === undefined ? saved.source : sourcePath(given)
  const nowhere = { archive, options, saved, target: null, here: null }
  if (target === null || (given === undefined && options.target_path !== undefined)) return nowhere
  const facts = await lookAtTarget(target, saved.selection?.chosen?.filter(isRelative) ?? null, io)
  const recipe = saved.recipe.ok && wantsRecipe(options, saved, target.shown) ? saved.recipe.recipe : null
  return { archive, options, saved, target: facts, here: await lookAround(saved.payload, recipe, io) }
}
