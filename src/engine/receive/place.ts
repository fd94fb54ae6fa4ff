// Where an upload's file goes, and whether there is room for it.
import { join } from 'node:path'
import { mustLeaveRoom } from '../../domain/disk-guard.ts'
import { getSettings } from '../../store/settings.ts'
import { diskOf, type DiskSpace } from '../../sys/disk.ts'
import type { EngineDeps } from '../deps.ts'
import { makeFolder } from './part-file.ts'

/** A folder in which this process may write, and the disks that an archive passes on its way. */
export interface Place {
  readonly folder: string
  readonly disks: readonly DiskSpace[]
  /** What an admin wants to stay free; null: as usual. */
  readonly reserveBytes: number | null
}

/** Where uploads lie when they cannot lie beside the archives. */
export function ownFolder(deps: Pick<EngineDeps, 'dataDir'>): string {
  return join(deps.dataDir, 'uploads')
}

/** The folder is made when it is ours. Rejects as the helper does (`archives_dir_missing`, …). */
export async function choosePlace(deps: EngineDeps): Promise<Place> {
  const [archives, { folder }, { diskReserveBytes: reserveBytes }] = await Promise.all([
    deps.helper.call('disk', {}),
    deps.helper.call('receive.place', {}),
    getSettings(deps.db),
  ])
  if (folder !== null && folder !== ownFolder(deps)) return { folder, disks: [archives], reserveBytes }
  const own = ownFolder(deps)
  await makeFolder(own)
  return { folder: own, disks: [archives, await diskOf(own)], reserveBytes }
}

/** `insufficient_storage` when one of the disks would get too full; `toCome`: bytes that others still have to write. Pure. */
export function mustFit(place: Place, neededBytes: number, toCome: number): void {
  for (const disk of place.disks) {
    const freeBytes = disk.freeBytes - toCome
    mustLeaveRoom({
      neededBytes,
      freeBytes,
      totalBytes: disk.totalBytes,
      reserveBytes: place.reserveBytes,
    })
  }
}
