// The YunoHost commands of a restore. Their exit codes prove nothing: what they answer and what is there afterwards does.
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { removeWorkDir, workDirOf } from '../../../archive/work-dir.ts'
import { isProblem, Problem } from '../../../domain/problem.ts'
import { asProblem } from '../../../sys/failure.ts'
import { exists } from '../../../sys/files.ts'
import type { SourceIo } from '../../source.ts'
import { changeWithYunohost, commandYunohost } from '../command.ts'
import { installedApps } from '../facts.ts'
import { isYunohostBusy } from '../lock.ts'
import { longLockWaitS } from '../patience.ts'
import { targetResults, type Wanted } from '../results.ts'
import { spareUmask } from './modes.ts'
import { settingsDirOf } from './server.ts'

const states = z.record(z.string(), z.string()).optional()
const restoredSchema = z.object({ apps: states, system: states })

/** The option with which an app that could not be restored is not removed by YunoHost itself. */
const keepOption = '--no-remove-on-failure'

/** Whether the installed version has that option. Asked once per restore: it takes a second. */
export async function keepsFailedApps(io: SourceIo): Promise<boolean> {
  const [file, ...words] = io.places.yunohost
  if (file === undefined) throw new Problem('tool_missing', { tool: 'yunohost' })
  const { stdout } = await io.run(file, [...words, 'backup', 'restore', '--help'], {
    signal: io.signal,
    timeoutMs: 120_000,
    // How a version answers that knows no `--help` here is not worth a failure.
    okCodes: [0, 1, 2],
  })
  return stdout.includes(keepOption)
}

/** True when YunoHost counts it as installed, be it broken: then it would refuse to restore it. */
export async function isThere(app: string, io: SourceIo): Promise<boolean> {
  return (await exists(settingsDirOf(app, io))) || (await installedApps(io)).some(({ id }) => id === app)
}

/** Removes an app as it is now; its data stays. Throws unless it is gone afterwards. */
export async function removeApp(app: string, io: SourceIo): Promise<void> {
  try {
    await commandYunohost(io, ['app', 'remove', app], { lockWaitS: longLockWaitS })
  } catch (error) {
    if (io.signal.aborted || isProblem(error, 'yunohost_busy') || (await isThere(app, io))) throw error
    io.log('err', `YunoHost complained, but ${app} is removed: ${asProblem(error).message}`)
  }
  if (await isThere(app, io)) {
    throw new Problem('yunohost_failed', { command: 'app remove', detail: `${app} is still there` })
  }
}

/** The same for what a failed or killed restore left, which may be too little for YunoHost to remove it. */
export async function removeRemains(app: string, io: SourceIo): Promise<void> {
  if (!(await isThere(app, io))) return
  try {
    await removeApp(app, io)
  } catch (error) {
    if (!isProblem(error, 'yunohost_failed')) throw error
    io.log('err', `removing what YunoHost knows of ${app}: ${error.message}`)
    await rm(settingsDirOf(app, io), { recursive: true, force: true })
  }
}

/**
 * Restores apps or parts of an archive. `yunohost_failed` unless each of them is restored: for an app without a restore
 * script YunoHost reports no error but a warning, and has restored nothing.
 */
export async function restoreFrom(
  archive: string,
  wanted: Wanted,
  options: { readonly keepFailed: boolean },
  io: SourceIo,
): Promise<void> {
  await clearWorkDir(archive, io)
  await spareUmask(io)
  const targets = wanted.kind === 'app' ? '--apps' : '--system'
  const args = ['backup', 'restore', archive, targets, ...wanted.ids, '--force']
  if (wanted.kind === 'app' && options.keepFailed) args.push(keepOption)
  try {
    const { answer, complaints } = await changeWithYunohost(io, args, restoredSchema, {
      lockWaitS: longLockWaitS,
    })
    const bad = targetResults(answer, wanted, complaints).filter(({ status }) => status !== 'success')
    if (bad.length > 0) {
      const detail = bad.map(({ id, status, detail: why }) => `${id}: ${why ?? status}`).join('; ')
      throw new Problem('yunohost_failed', { command: 'backup restore', detail })
    }
  } finally {
    await clearWorkDir(archive, io)
  }
}

/** A killed restore leaves what it has unpacked. Whoever restores that archive now may need it. */
async function clearWorkDir(archive: string, io: SourceIo): Promise<void> {
  if (await isYunohostBusy(io)) return
  const workDir = workDirOf(io.places.archivesDir, archive)
  if ((await removeWorkDir(workDir)) === 'mounted')
    io.log('err', `left ${workDir}: something is mounted in it`)
}
