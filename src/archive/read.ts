// Reads what archives say about themselves: YunoHost's sidecar and our own description.
import type { ReadArchive } from '../domain/helper-protocol.ts'
import { archivePaths } from './format.ts'
import { locate } from './locate.ts'
import { readJsonFile } from './read-json.ts'
import { readTail } from './tail.ts'

const atOnce = 8

/** In the order of `names`. What is missing or unreadable is null and told in `error`; nothing rejects because of it. */
export async function readArchives(archivesDir: string, names: readonly string[]): Promise<ReadArchive[]> {
  const results: ReadArchive[] = []
  for (let from = 0; from < names.length; from += atOnce) {
    const some = names.slice(from, from + atOnce)
    results.push(...(await Promise.all(some.map((name) => readArchive(archivesDir, name)))))
  }
  return results
}

async function readArchive(archivesDir: string, name: string): Promise<ReadArchive> {
  const sidecar = await readJsonFile(archivePaths(archivesDir, name).sidecar)
  const backupInfo = await readBackupInfo(archivesDir, name)
  return sidecar.ok
    ? { name, info: sidecar.value, backupInfo, error: null }
    : { name, info: null, backupInfo, error: `${name}.info.json: ${sidecar.error}` }
}

/** `NAME.backup_info.json` beside the tar, else the last member of an uncompressed tar; null when there is neither. */
export async function readBackupInfo(
  archivesDir: string,
  name: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const beside = await readJsonFile(archivePaths(archivesDir, name).backupInfo)
  if (beside.ok) return beside.value
  const found = locate(archivesDir, name)
  if (!found || found.file.endsWith('.gz')) return null
  try {
    return await readTail(found.path, found.stats)
  } catch {
    // The tar itself cannot be read; verifying it says why.
    return null
  }
}
