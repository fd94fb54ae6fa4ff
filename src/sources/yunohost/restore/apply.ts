// Carries out a plan of `decide.ts`. Every change is announced first; `changes.ts` says how it is taken back.
import { Problem } from '../../../domain/problem.ts'
import type { PlannedStep, RestorePlan } from '../../../domain/restore.ts'
import type { RestoreRequest, RestoreTransaction, SourceIo } from '../../source.ts'
import { knownToYunohost } from '../known.ts'
import { whenYunohostIsFree } from '../lock.ts'
import { longLockWaitS } from '../patience.ts'
import { isThere, keepsFailedApps, removeApp, restoreFrom } from './call.ts'
import { asideName, setAside } from './data-aside.ts'
import { keepModes, modesNow } from './modes.ts'

/** Throws `yunohost_failed`, `yunohost_busy`, `cancelled` and the like; what was announced by then is taken back. */
export async function applyRestore(
  request: RestoreRequest<unknown>,
  plan: RestorePlan,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  const safety = plan.safety === null ? null : await safetyArchiveOf(request, io)
  const keepFailed = await keepsFailedApps(io)
  // While somebody else's command runs nothing is announced, so that giving up costs nothing.
  await whenYunohostIsFree(io, longLockWaitS)
  for (const step of plan.steps) {
    if (step.code === 'restore_parts') {
      const parts = factOf(step, 'parts').split(', ')
      const modes = await modesNow(io)
      await tx.will({ kind: 'parts_restored', data: { parts, savable: savableParts(plan), safety, modes } })
      await tx.step('restore_parts', async () => {
        await restoreFrom(request.archive, { kind: 'system', ids: parts }, { keepFailed }, io)
        await keepModes(modes, io)
      })
    }
    if (step.code === 'remove_app') {
      const app = factOf(step, 'app')
      await tx.will({ kind: 'app_removed', data: { app, safety } })
      await tx.step('remove_app', () => removeApp(app, io))
    }
    if (step.code === 'restore_app') await restoreApp(factOf(step, 'app'), request, plan, tx, io, keepFailed)
  }
}

async function restoreApp(
  app: string,
  request: RestoreRequest<unknown>,
  plan: RestorePlan,
  tx: RestoreTransaction,
  io: SourceIo,
  keepFailed: boolean,
): Promise<void> {
  await tx.step('restore_app', async () => {
    // Somebody may have installed it while we waited; then it is not ours to remove when something fails.
    if (await isThere(app, io)) throw new Problem('restore_plan_changed', { archive: request.archive, app })
    const path = asideOf(plan, app)
    const aside = path === null ? null : asideName(path, io.operation)
    if (path !== null && aside !== null) {
      await tx.will({ kind: 'data_set_aside', data: { path, aside } })
      await setAside(path, aside, io)
    }
    await tx.will({ kind: 'app_restored', data: { app } })
    await restoreFrom(request.archive, { kind: 'app', ids: [app] }, { keepFailed }, io)
    if (!(await isThere(app, io))) {
      throw new Problem('yunohost_failed', {
        command: 'backup restore',
        detail: `${app} is not there afterwards`,
      })
    }
    if (aside !== null) tx.remark({ code: 'data_set_aside', facts: { app, path: aside } })
  })
}

/** Nothing is removed before there is a way back. */
async function safetyArchiveOf(request: RestoreRequest<unknown>, io: SourceIo): Promise<string> {
  const { safetyArchive } = request
  if (safetyArchive == null) throw new Problem('internal', { detail: 'no safety archive was made' })
  if (!(await knownToYunohost(safetyArchive, io))) {
    throw new Problem('yunohost_failed', {
      command: 'backup info',
      detail: `${safetyArchive} is not known to it`,
    })
  }
  return safetyArchive
}

function savableParts(plan: RestorePlan): string[] {
  const parts = plan.safety?.settings['parts']
  return Array.isArray(parts) ? parts.filter((part) => typeof part === 'string') : []
}

/** The folder that the plan says is kept under another name, null when there is none for this app. */
function asideOf(plan: RestorePlan, app: string): string | null {
  const said = plan.warnings.find(({ code, facts }) => code === 'data_set_aside' && facts['app'] === app)
  return said === undefined ? null : String(said.facts['path'])
}

function factOf(step: PlannedStep, name: string): string {
  const fact = step.facts[name]
  if (typeof fact !== 'string') throw new Error(`step ${step.code} without ${name}`)
  return fact
}
