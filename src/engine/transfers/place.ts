// Where archives that are being fetched grow, and what is left of those that nobody wants any more.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { unfinishedFetches } from '../../store/transfers.ts'
import { errorCode, removeIfExists } from '../../sys/files.ts'
import type { EngineDeps } from '../deps.ts'
import { ownFolder } from '../receive/place.ts'

const partName = /^fetch-(\d+)\.part$/

/** Its partial file in that folder. */
export function partPath(folder: string, transferId: number): string {
  return join(folder, `fetch-${transferId}.part`)
}

/** Removes what finished and cancelled transfers left. */
export async function removeLeftParts(deps: EngineDeps, signal: AbortSignal): Promise<void> {
  const { folder } = await deps.helper.call('receive.place', {}, { signal })
  const wanted = await unfinishedFetches(deps.db)
  for (const one of new Set([ownFolder(deps), folder ?? ownFolder(deps)])) {
    for (const name of await filesOf(one)) {
      const id = partName.exec(name)?.[1]
      if (id !== undefined && !wanted.has(Number(id))) await removeIfExists(join(one, name))
    }
  }
}

async function filesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
