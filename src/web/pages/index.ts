// Every page of the dashboard. A page is one folder here and its templates in `views/pages`.
import type { MountPage } from '../page.ts'
import { mountActivity } from './activity/routes.ts'
import { mountArchives } from './archives/routes.ts'
import { mountContents } from './contents/routes.ts'
import { mountHome } from './home/routes.ts'
import { mountJobs } from './jobs/routes.ts'
import { mountPeers } from './peers/routes.ts'
import { mountNetwork } from './network/routes.ts'
import { mountPreferences } from './preferences/routes.ts'
import { mountRestore } from './restore/routes.ts'
import { mountRuns } from './runs/routes.ts'
import { mountSettings } from './settings/routes.ts'
import { mountTokens } from './tokens/routes.ts'
import { mountTransfers } from './transfers/routes.ts'

export const mountPages: MountPage = (app, deps) => {
  for (const mount of [
    mountHome,
    mountJobs,
    mountRuns,
    mountArchives,
    mountContents,
    mountRestore,
    mountPeers,
    mountTokens,
    mountTransfers,
    mountNetwork,
    mountActivity,
    mountSettings,
    mountPreferences,
  ]) {
    mount(app, deps)
  }
}
