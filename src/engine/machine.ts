// Facts about this machine that pages ask for often and that change rarely: asked once, remembered for a short while.
import type { EngineDeps } from './deps.ts'
import type { DiskState, Offers } from './engine.ts'

const DISK_FOR_MS = 30_000
const OFFERS_FOR_MS = 60_000
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
  return {
    disk: remembered(DISK_FOR_MS, async () => ({
      ...(await deps.helper.call('disk', {})),
      at: deps.clock.now(),
    })),
    offers: remembered(OFFERS_FOR_MS, async () => {
      if ((await version()) === null) return withoutYunohost(deps)
      const [apps, parts] = await Promise.all([
        deps.helper.call('yunohost.facts', { what: 'apps' }),
        deps.helper.call('yunohost.facts', { what: 'parts' }),
      ])
      return { apps: apps.apps ?? [], parts: parts.parts ?? [], missing: {} }
    }),
    yunohostVersion: version,
  }
}

function withoutYunohost(deps: EngineDeps): Offers {
  const missing = deps.sources
    .filter((source) => source.tools.includes('yunohost'))
    .map((source): [string, string] => [source.id, 'yunohost'])
  return { apps: [], parts: [], missing: Object.fromEntries(missing) }
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
