// Has one archive made: room on the disk, a name that nothing has yet, and the catalogue's entry for it. For runs, and
// for the archive of the present state before a restore.
import { archiveName, localDay } from '../domain/archive-name.ts'
import { mustLeaveRoom } from '../domain/disk-guard.ts'
import type { ArchiveOrder, Produced } from '../domain/helper-protocol.ts'
import { isProblem, Problem } from '../domain/problem.ts'
import type { AnySource } from '../sources/source.ts'
import { takenNames, type ArchiveEntry } from '../store/archives.ts'
import type { HelperCall } from '../sys/helper-client.ts'
import type { EngineDeps } from './deps.ts'
import type { Config } from './secrets.ts'

const NAME_TRIES = 50

/**
 * Refuses with `insufficient_storage` when the archive would not fit with a margin. The bytes it will need, null when
 * nobody can tell: they are promised then. `newest`: bytes of the last such archive.
 */
export async function mustFit(
  deps: EngineDeps,
  given: {
    readonly source: AnySource
    readonly config: Config
    readonly newest: number | null
    readonly reserveBytes: number | null
    readonly promise: (bytes: number, check: (othersBytes: number) => void) => Promise<void>
    readonly call: HelperCall
  },
): Promise<number | null> {
  const { source, config, newest, call } = given
  // The first time there is nothing to go by: then even a slow way of asking is worth it.
  const asked = { type: source.id, settings: config, thorough: newest === null }
  const estimate = await deps.helper.call('source.estimate', asked, call)
  const needed = estimate.bytes ?? newest
  const disk = await deps.helper.call('disk', {}, call.signal ? { signal: call.signal } : {})
  await given.promise(needed ?? 0, (othersBytes) => {
    mustLeaveRoom({
      neededBytes: needed,
      freeBytes: disk.freeBytes - othersBytes,
      totalBytes: disk.totalBytes,
      reserveBytes: given.reserveBytes,
    })
  })
  return needed
}

export interface Making {
  readonly source: AnySource
  /** Settings with their secrets in clear. */
  readonly config: Config
  /** The middle part of the name. */
  readonly subject: string
  readonly description: string
  readonly job: ArchiveOrder['job']
  readonly call: HelperCall
  /** Told every name before it is tried. */
  onName(name: string): Promise<void>
}

/** Tries the day's name, then -2, -3 …: a name taken since the last scan is only known to the directory. */
export async function makeArchive(deps: EngineDeps, making: Making): Promise<Produced> {
  const { source, config, subject } = making
  const createdAt = deps.clock.now()
  const day = localDay(createdAt, deps.timeZone)
  const prefix = archiveName({ instance: deps.instance.name, subject, day, taken: () => false })
  const taken = new Set(await takenNames(deps.db, prefix))
  for (let attempt = 0; attempt < NAME_TRIES; attempt += 1) {
    const name = archiveName({ instance: deps.instance.name, subject, day, taken: (n) => taken.has(n) })
    await making.onName(name)
    try {
      const archive: ArchiveOrder = {
        name,
        createdAt,
        timeZone: deps.timeZone,
        description: making.description,
        app: subject,
        instance: deps.instance,
        job: making.job,
        backupmanagerVersion: deps.version,
      }
      return await deps.helper.call(
        'source.produce',
        { type: source.id, settings: config, archive },
        making.call,
      )
    } catch (error) {
      if (!isProblem(error, 'archive_exists')) throw error
      taken.add(name)
    }
  }
  throw new Problem('archive_exists', { archive: `${deps.instance.name}_${subject}_${day}` })
}

/** The catalogue's entry for an archive that was just made; of no job. */
export function catalogueEntry(
  deps: EngineDeps,
  source: AnySource,
  produced: Produced,
): ArchiveEntry & { readonly state: 'ok' } {
  return {
    name: archiveOf(produced),
    file: produced.file,
    fingerprint: produced.fingerprint,
    type: source.id,
    app: String(produced.backupInfo['app']),
    instanceName: deps.instance.name,
    createdAt: Date.parse(String(produced.backupInfo['created_at'])),
    sizeBytes: produced.sizeBytes,
    sha256: produced.sha256,
    state: 'ok',
    origin: 'local',
    jobId: null,
    jobUid: null,
    info: produced.info,
    backupInfo: produced.backupInfo,
  }
}

export function archiveOf(produced: Produced): string {
  return produced.file.replace(/\.tar(\.gz)?$/, '')
}
