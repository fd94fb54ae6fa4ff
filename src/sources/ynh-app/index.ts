// The source `ynh_app`: one installed YunoHost app, saved and restored by YunoHost itself.
import { z } from 'zod'
import type { Source } from '../source.ts'
import { createBackup, type CreateCall } from '../yunohost/create.ts'
import { dryRun } from '../yunohost/dry-run.ts'
import { appIdPattern, installedApps, yunohostOffers } from '../yunohost/facts.ts'
import { longLockWaitS, shortLockWaitS } from '../yunohost/patience.ts'
import { recalledApp } from '../yunohost/restore/described.ts'
import { yunohostRestorer } from '../yunohost/restore/index.ts'

const settings = z.strictObject({
  app_id: z.string().regex(appIdPattern),
  core_only: z.boolean().default(false),
})
export type YnhAppSettings = z.infer<typeof settings>

export const ynhApp: Source<YnhAppSettings> = {
  id: 'ynh_app',
  settings,
  secrets: [],
  lane: 'yunohost',
  tools: ['yunohost'],
  supportsCoreOnly: true,
  subject: (app) => app.app_id,
  offers: (_given, io) => yunohostOffers(io),
  async check(app, io) {
    const apps = await installedApps(io)
    if (apps.some((one) => one.id === app.app_id)) return []
    return [{ field: 'config.app_id', code: 'app_not_installed', facts: { app: app.app_id } }]
  },
  async estimate(app, io, thorough) {
    if (!thorough) return { bytes: null, files: null }
    return dryRun(callFor(app, shortLockWaitS), io)
  },
  produce: (app, order, io) => createBackup(callFor(app, longLockWaitS), order, io),
  restore: yunohostRestorer('ynh_app', recalledApp),
}

function callFor(app: YnhAppSettings, lockWaitS: number): CreateCall {
  return {
    type: 'ynh_app',
    wanted: { kind: 'app', ids: [app.app_id] },
    coreOnly: app.core_only,
    lockWaitS,
  }
}
