// Facts about this machine that pages ask for often and that change rarely: asked once, remembered for a short while.
import type { SourceOffers } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'
import { getJob } from '../store/jobs.ts'
import type { EngineDeps } from './deps.ts'
import type { DiskState, Offers } from './engine.ts'
import { completeSecrets, jobPlace, openConfig } from './secrets.ts'

const DISK_FOR_MS = 30_000
const OFFERS_FOR_MS = 60_000
const TOOLS_FOR_MS = 600_000
const VERSION_FOR_MS = 3_600_000

export interface Machine {
  disk(): Promise<DiskState>
  offers(): Promise<Offers>
  /** Null without YunoHost. */
  yunohostVersion(): Promise<string | null>
}

export function createMachine(deps: EngineDeps): Machine {
  const version = remembered(VERSION_FOR_MS, async () => {
    const { version } = await deps.helper.call('yunohost.facts', { what: 'versions' })
    return version ?? null
  })
  const missing = remembered(TOOLS_FOR_MS, () => missingTools(deps))
  return {
    disk: remembered(DISK_FOR_MS, async () => ({
      ...(await deps.helper.call('disk', {})),
      at: deps.clock.now(),
    })),
    offers: remembered(OFFERS_FOR_MS, async () => {
      if ((await version()) === null) return { apps: [], parts: [], missing: await missing() }
      const [apps, parts] = await Promise.all([
        deps.helper.call('yunohost.facts', { what: 'apps' }),
        deps.helper.call('yunohost.facts', { what: 'parts' }),
      ])
      return { apps: apps.apps ?? [], parts: parts.parts ?? [], missing: await missing() }
    }),
    yunohostVersion: version,
  }
}

/** Types that cannot run on this machine, with the tool that they miss. */
async function missingTools(deps: EngineDeps): Promise<Readonly<Record<string, string>>> {
  const asked = await Promise.all(
    deps.sources.map(async (source): Promise<[string, string | null]> => {
      const { missingTool } = await deps.helper.call('source.offers', { type: source.id, settings: {} })
      return [source.id, missingTool]
    }),
  )
  return Object.fromEntries(asked.filter((one): one is [string, string] => one[1] !== null))
}

/** What the form can offer for a type. `given` may lack anything; stored secrets of the job are used where none is given. */
export async function sourceOffers(
  deps: EngineDeps,
  type: string,
  given: Readonly<Record<string, unknown>>,
  jobId?: number,
): Promise<SourceOffers> {
  const source = deps.sources.find((one) => one.id === type)
  if (!source) throw new Problem('source_unknown', { type })
  const job = jobId === undefined ? null : await getJob(deps.db, jobId)
  const stored = () =>
    job?.type === type ? openConfig(deps.vault, source, jobPlace(job.uid), job.config) : null
  const settings = completeSecrets(source, given, stored)
  return deps.helper.call('source.offers', { type, settings })
}

/** Calls `ask` at most once per `forMs`; callers at the same time share one call; a failure is not remembered. */
function remembered<T>(forMs: number, ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly value: Promise<T> } | null = null
  return () => {
    // Not the time of day: that may be set back.
    const now = performance.now()
    if (last && now - last.at < forMs) return last.value
    const value = ask()
    const entry = { at: now, value }
    last = entry
    value.catch(() => {
      if (last === entry) last = null
    })
    return value
  }
}
