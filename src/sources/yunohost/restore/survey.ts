// Everything that the decision about a restore depends on, gathered once and changing nothing.
import { dirname } from 'node:path'
import { readBackupInfo } from '../../../archive/read.ts'
import { diskOf } from '../../../sys/disk.ts'
import type { SourceIo } from '../../source.ts'
import { installedVersion } from '../facts.ts'
import { knownToYunohost } from '../known.ts'
import { readArchived, type Archived } from './archived.ts'
import { askServer, lookAt, type LiveFolder, type Server } from './server.ts'

export interface RestoreSurvey {
  readonly archive: string
  /** YunoHost finds this very archive by its name. */
  readonly known: boolean
  readonly archived: Archived
  /** Made without the large data folders, and says so. */
  readonly coreOnly: boolean
  readonly server: Server
  /** Where the data of the archive's apps would go, by app; only those with data in the archive. */
  readonly data: ReadonlyMap<string, LiveFolder>
  /** Where YunoHost unpacks archives. */
  readonly freeBytes: number
}

/** Rejects with `archive_not_found`, `yunohost_failed`, `timed_out`, or the signal's reason. */
export async function surveyRestore(archive: string, io: SourceIo): Promise<RestoreSurvey> {
  const { archivesDir } = io.places
  const version = await installedVersion(io)
  // Before the sidecar is read: YunoHost makes a missing one.
  const known = version !== null && (await knownToYunohost(archive, io))
  const archived = await readArchived(archive, io)
  const server = await askServer(io, version, archived.info !== null && archived.info.apps.size > 0)
  const backupInfo = await readBackupInfo(archivesDir, archive)
  const data = new Map<string, LiveFolder>()
  for (const [id, { hasData, settings }] of archived.apps) {
    if (hasData && settings?.dataDir != null) data.set(id, await lookAt(settings.dataDir, io))
  }
  return {
    archive,
    known,
    archived,
    coreOnly: backupInfo?.['core_only'] === true,
    server,
    data,
    freeBytes: (await diskOf(dirname(archivesDir))).freeBytes,
  }
}
