// The source `ynh_system`: the parts of the YunoHost server itself, all of them or those that are named.
import { z } from 'zod'
import { Problem } from '../../domain/problem.ts'
import type { Source } from '../source.ts'
import { createBackup, type CreateCall } from '../yunohost/create.ts'
import { dryRun } from '../yunohost/dry-run.ts'
import {
  customHooksDir,
  installedVersion,
  partPattern,
  systemParts,
  yunohostOffers,
} from '../yunohost/facts.ts'
import { longLockWaitS, shortLockWaitS } from '../yunohost/patience.ts'
import { recalledParts } from '../yunohost/restore/described.ts'
import { yunohostRestorer } from '../yunohost/restore/index.ts'

const settings = z.strictObject({
  /** None means all, also those that appear later. */
  parts: z.array(z.string().regex(partPattern)).max(200).default([]),
})
export type YnhSystemSettings = z.infer<typeof settings>

/** The source for a server whose own backup hooks are in `hooksDir`. */
export function createYnhSystem(hooksDir: string): Source<YnhSystemSettings> {
  return {
    id: 'ynh_system',
    settings,
    secrets: [],
    lane: 'yunohost',
    tools: ['yunohost'],
    supportsCoreOnly: false,
    subject: () => 'system',
    offers: (_given, io) => yunohostOffers(io),
    async check(system, io) {
      // Reading hook folders would find "parts" on a machine without YunoHost, too.
      if ((await installedVersion(io)) === null) throw new Problem('tool_missing', { tool: 'yunohost' })
      const known = await systemParts(hooksDir)
      return system.parts
        .filter((part) => !known.includes(part))
        .map((part) => ({ field: 'config.parts', code: 'part_unknown', facts: { part } }))
    },
    async estimate(system, io, thorough) {
      if (!thorough) return { bytes: null, files: null }
      return dryRun(callFor(system, shortLockWaitS), io)
    },
    produce: (system, order, io) => createBackup(callFor(system, longLockWaitS), order, io),
    restore: yunohostRestorer('ynh_system', recalledParts),
  }
}

export const ynhSystem = createYnhSystem(customHooksDir)

function callFor(system: YnhSystemSettings, lockWaitS: number): CreateCall {
  return { type: 'ynh_system', wanted: { kind: 'system', ids: system.parts }, coreOnly: false, lockWaitS }
}
