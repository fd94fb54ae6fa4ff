// Verbs of the sources. Settings are checked once more here: the one who asks has fewer rights than we have.
import { Problem } from '../../domain/problem.ts'
import type { AnySource } from '../../sources/source.ts'
import type { Handle, VerbContext } from '../context.ts'

export const check: Handle<'source.check'> = async (args, context) => {
  const { source, settings } = await prepare(args, context)
  return { errors: await source.check(settings, context.io) }
}

export const estimate: Handle<'source.estimate'> = async (args, context) => {
  const { source, settings } = await prepare(args, context)
  return source.estimate(settings, context.io, args.thorough)
}

export const produce: Handle<'source.produce'> = async (args, context) => {
  const { source, settings } = await prepare(args, context)
  return source.produce(settings, args.archive, context.io)
}

async function prepare(
  args: { readonly type: string; readonly settings: unknown },
  context: VerbContext,
): Promise<{ source: AnySource; settings: unknown }> {
  const source = (await context.sources()).find(({ id }) => id === args.type)
  if (source === undefined) throw new Problem('source_unknown', { type: args.type })
  const settings = source.settings.safeParse(args.settings)
  if (settings.success) return { source, settings: settings.data }
  // Names only: a value may be a password.
  const fields = settings.error.issues.map((issue) => issue.path.join('.') || 'settings')
  throw new Problem('helper_refused', {
    reason: `settings of ${source.id}: ${[...new Set(fields)].join(', ')}`,
  })
}
