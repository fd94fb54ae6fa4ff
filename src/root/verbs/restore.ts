// Verbs that bring archives back, or prove that they could be.
import { Problem } from '../../domain/problem.ts'
import type { RestorePlan } from '../../domain/restore.ts'
import { planDigest } from '../../sys/plan-digest.ts'
import { carryOut, recoverRestore } from '../../sources/restore/transaction.ts'
import type { AnySource, RestoreRequest } from '../../sources/source.ts'
import type { Args, Handle, VerbContext } from '../context.ts'
import { settingsOf, sourceOf } from './source.ts'

export const plan: Handle<'restore.plan'> = async (args, context) => {
  const { source, request } = await asked(args, context)
  return planned(source, request, context)
}

/** Plans anew first: between the admin's look and this moment the machine may have changed. */
export const apply: Handle<'restore.apply'> = async (args, context) => {
  const { source, request: bare } = await asked(args, context)
  const request = { ...bare, safetyArchive: args.safetyArchive }
  const now = await planned(source, request, context)
  if (now.refusals.length > 0) {
    throw new Problem('restore_refused', { archive: args.archive }, { errors: now.refusals })
  }
  if (planDigest(now) !== args.planDigest)
    throw new Problem('restore_plan_changed', { archive: args.archive })
  return carryOut(source, request, now, context.io, (step, state, detail) =>
    context.onStep(step, state, detail),
  )
}

export const recover: Handle<'restore.recover'> = async (args, context) => {
  const { source, request } = await asked(args, context)
  return recoverRestore(source, { ...request, safetyArchive: args.safetyArchive }, args.of, context.io)
}

export const drill: Handle<'drill.run'> = async (args, context) => {
  const source = await sourceOf(args.type, context)
  const request = { archive: args.archive, settings: settingsOf(source, args.settings), options: {} }
  return source.restore.drill(request, args.depth, context.io)
}

async function asked(
  args: Args<'restore.plan'>,
  context: VerbContext,
): Promise<{ source: AnySource; request: RestoreRequest<unknown> }> {
  const source = await sourceOf(args.type, context)
  const settings: unknown = settingsOf(source, args.settings)
  return { source, request: { archive: args.archive, settings, options: args.options } }
}

/** Options that the source does not know are refused here, for all of them. */
async function planned(
  source: AnySource,
  request: RestoreRequest<unknown>,
  context: VerbContext,
): Promise<RestorePlan> {
  const given = Object.keys(request.options) as (keyof typeof request.options)[]
  const unknown = given.filter((option) => !source.restore.options.includes(option))
  if (unknown.length > 0) {
    const errors = unknown.map((field) => ({
      field,
      code: 'option_unsupported' as const,
      facts: { type: source.id },
    }))
    throw new Problem('validation_failed', { fields: unknown.join(', ') }, { errors })
  }
  return source.restore.plan(request, context.io)
}
