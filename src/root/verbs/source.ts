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

export const offers: Handle<'source.offers'> = async (args, context) =>
  (await sourceOf(args.type, context)).offers(args.settings, context.io)

async function prepare(
  args: { readonly type: string; readonly settings: unknown },
  context: VerbContext,
): Promise<{ source: AnySource; settings: unknown }> {
  const source = await sourceOf(args.type, context)
  return { source, settings: settingsOf(source, args.settings) }
}

/** The registered source of a type, or `source_unknown`. */
export async function sourceOf(type: string, context: VerbContext): Promise<AnySource> {
  const source = (await context.sources()).find(({ id }) => id === type)
  if (source === undefined) throw new Problem('source_unknown', { type })
  return source
}

/** Settings as the source's schema returns them, or `helper_refused`. */
export function settingsOf(source: AnySource, given: unknown): unknown {
  const settings = source.settings.safeParse(given)
  if (settings.success) return settings.data
  // Names only: a value may be a password.
  const fields = settings.error.issues.map((issue) => issue.path.join('.') || 'settings')
  throw new Problem('helper_refused', {
    reason: `settings of ${source.id}: ${[...new Set(fields)].join(', ')}`,
  })
}
