// Makes an archive by `yunohost backup create`: complete, synced, hashed and described, or nothing of it stays.
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describeTar, noteEnd } from '../../archive/append.ts'
import { backupInfo, backupInfoBytes } from '../../archive/backup-info.ts'
import { fingerprintOf } from '../../archive/fingerprint.ts'
import { archivePaths, type ArchivePaths } from '../../archive/format.ts'
import { openRegular } from '../../archive/open-regular.ts'
import type { ArchiveOrder, Produced } from '../../domain/helper-protocol.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import type { RunWarning, TargetResult } from '../../domain/run.ts'
import { asProblem } from '../../sys/failure.ts'
import { removeIfExists, writeFileAtomic } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { changeWithYunohost } from './command.ts'
import { anySaved, createdSchema, targetResults, targetWarnings, type Wanted } from './results.ts'
import { finishedArchive, isTaken, removeTraces, tracesOf } from './traces.ts'

/** One backup to be made. */
export interface CreateCall {
  /** Id of the source, for the archive's description. */
  readonly type: string
  readonly wanted: Wanted
  /** BACKUP_CORE_ONLY: YunoHost leaves data folders and logs of apps out. */
  readonly coreOnly: boolean
  /** Seconds to wait for YunoHost's lock. */
  readonly lockWaitS: number
}

/**
 * Produces the archive of `order`, whose name was checked at the helper's door. Throws `archive_exists`,
 * `nothing_backed_up`, `disk_full`, `yunohost_busy`, `yunohost_failed`, `tool_missing` or `cancelled`.
 */
export async function createBackup(call: CreateCall, order: ArchiveOrder, io: SourceIo): Promise<Produced> {
  const { archivesDir } = io.places
  const { name } = order
  const { marker } = archivePaths(archivesDir, name)
  const before = await tracesOf(archivesDir, name)
  if (isTaken(before, name)) throw new Problem('archive_exists', { name })
  // Until then YunoHost has only waited or looked; what stands under the name would be somebody else's.
  let started = false
  let marked = false
  const wrong = new AbortController()
  const watched = { ...io, signal: AbortSignal.any([io.signal, wrong.signal]) }
  try {
    const args = ['backup', 'create', '--name', name, ...wantedArgs(call.wanted)]
    if (order.description !== '') args.push('--description', order.description)
    const { answer, complaints } = await changeWithYunohost(watched, args, createdSchema, {
      lockWaitS: call.lockWaitS,
      onStarted: () => {
        started = true
        try {
          mark(marker)
          marked = true
        } catch (error) {
          wrong.abort(error)
        }
      },
      ...(call.coreOnly && { env: { BACKUP_CORE_ONLY: '1' } }),
    })
    const targets = targetResults(answer.results, call.wanted, complaints)
    if (!anySaved(targets)) throw new Problem('nothing_backed_up', { detail: targetsTold(targets) })
    return await describe(call, order, targets, io)
  } catch (error) {
    if (started && !isProblem(error, 'archive_exists')) await tidyUp(name, before, io)
    throw cancelledBy(io.signal) ?? asProblem(wrong.signal.aborted ? wrong.signal.reason : error)
  } finally {
    if (marked) await removeIfExists(marker)
  }
}

/** Tells a start after a crash that what stands under this name is ours. Follows no link that waits under its name. */
function mark(marker: string): void {
  rmSync(marker, { force: true })
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  closeSync(openSync(marker, flags, 0o600))
}

/** Never a bare `--apps`: it would mean all apps. A bare `--system` means all parts, and is meant so. */
export function wantedArgs(wanted: Wanted): string[] {
  if (wanted.kind === 'system') return ['--system', ...wanted.ids]
  if (wanted.ids.length === 0) throw new Error('no app was named')
  return ['--apps', ...wanted.ids]
}

async function describe(
  call: CreateCall,
  order: ArchiveOrder,
  targets: readonly TargetResult[],
  io: SourceIo,
): Promise<Produced> {
  const { archivesDir } = io.places
  const found = await finishedArchive(archivesDir, order.name)
  if (found === null) {
    const detail = `it reported success, but ${order.name} is not in ${archivesDir}`
    throw new Problem('yunohost_failed', { command: 'backup create', detail })
  }
  const { file, info } = found
  const path = join(archivesDir, file)
  await syncFile(path)
  await syncFile(join(archivesDir, `${order.name}.info.json`))
  const version = info['from_yunohost_version']
  const yunohostVersion = typeof version === 'string' ? version : null
  const paths = archivePaths(archivesDir, order.name)
  const made = await describeTar(path, {
    signal: io.signal,
    onBytes: (done) => io.progress(done, found.sizeBytes),
    describe: (sha256, bytes) =>
      backupInfo(order, {
        type: call.type,
        yunohostVersion,
        sha256,
        ...(bytes !== null && { sha256Bytes: bytes }),
        tools: yunohostVersion === null ? {} : { yunohost: yunohostVersion },
        extra: { core_only: call.coreOnly, results: resultsTold(targets) },
      }),
    before: (end) => readyToAppend(paths, end, io),
  })
  if (made.beside !== null) {
    io.log('info', `backup_info.json stands beside the archive: ${made.beside}`)
    await writeFileAtomic(paths.backupInfo, backupInfoBytes(made.backupInfo), { mode: 0o644 })
  }
  io.signal.throwIfAborted()
  const warnings: RunWarning[] = targetWarnings(targets)
  return {
    file,
    sizeBytes: made.sizeBytes,
    sha256: made.sha256,
    fingerprint: await fingerprintOf(archivesDir, file),
    targets,
    warnings: warnings.slice(0, 1000),
    warningCount: warnings.length,
    exitCodes: { yunohost: 0 },
    info,
    backupInfo: made.backupInfo,
  }
}

/** After a crash the next start finds in the marker where we were writing. A description beside would hide ours inside. */
async function readyToAppend(paths: ArchivePaths, end: number, io: SourceIo): Promise<boolean> {
  try {
    await removeIfExists(paths.backupInfo)
    await noteEnd(paths.marker, end)
    return true
  } catch (error) {
    io.log('err', `could not prepare the archive for its description: ${asProblem(error).message}`)
    return false
  }
}

function resultsTold(targets: readonly TargetResult[]): Record<string, Record<string, string>> {
  const told: Record<'app' | 'system', Record<string, string>> = { app: {}, system: {} }
  for (const target of targets) {
    if (target.kind === 'app' || target.kind === 'system') told[target.kind][target.id] = target.status
  }
  return { apps: told.app, system: told.system }
}

function targetsTold(targets: readonly TargetResult[]): string {
  return targets.map((target) => `${target.id}: ${target.status}`).join(', ')
}

/** Says in the log what it could not do: the failure that led here matters more. */
async function tidyUp(name: string, before: ReadonlySet<string>, io: SourceIo): Promise<void> {
  try {
    const { removed, left } = await removeTraces(io.places.archivesDir, name, before)
    if (removed.length > 0) io.log('info', `removed what was unfinished: ${removed.join(', ')}`)
    for (const path of left) io.log('err', `left ${path}: something is mounted in it`)
  } catch (error) {
    io.log('err', `could not remove what is unfinished of ${name}: ${asProblem(error).message}`)
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await openRegular(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
