// Removes an archive: through YunoHost where it knows it, so that its hooks run, else by hand. The tar goes first:
// a tar without its sidecar is never taken for an archive again.
import { lstatSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { archiveNameSchema } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'
import { exists, removeIfExists, syncDirectory } from '../sys/files.ts'
import { archivePaths } from './format.ts'
import { locate } from './locate.ts'

/** True when YunoHost knew the archive and deleted it, false when it does not know it; rejects when it failed. */
export type DeleteThroughYunohost = (name: string) => Promise<boolean>

/**
 * Paths that are gone afterwards, tar first. Removing what is not there is no error: a deletion that a crash cut in two
 * is finished by calling it again. Rejects with what YunoHost's deletion or the system said.
 */
export async function deleteArchive(
  name: string,
  io: { readonly places: { readonly archivesDir: string } },
  deleteThroughYunohost?: DeleteThroughYunohost,
): Promise<{ removed: string[] }> {
  const { archivesDir } = io.places
  const paths = archivePaths(archivesDir, name)
  const files = filesOf(archivesDir, name)
  const there: string[] = []
  for (const file of files) if (await exists(file)) there.push(file)
  if (there.length === 0) return { removed: [] }

  const tars = files.slice(0, -2)
  // Nothing but a name that YunoHost would accept is given to it.
  if (deleteThroughYunohost && tars.length > 0 && archiveNameSchema.safeParse(name).success) {
    const done = await deleteThroughYunohost(name)
    if (done && (await exists(tars[0] ?? paths.tar))) {
      throw new Problem('yunohost_failed', { detail: `${name} is still there after its deletion` })
    }
  }
  for (const file of files) await removeIfExists(file)
  for (const directory of new Set(there.map((file) => dirname(file)))) await syncDirectory(directory)
  return { removed: there }
}

/** Tar (link and target), then sidecar and our own description. Only files that are this archive's by their names. */
function filesOf(archivesDir: string, name: string): string[] {
  const paths = archivePaths(archivesDir, name)
  const found = locate(archivesDir, name)
  const tars: string[] = []
  if (found?.link && lstatSync(found.link.target, { throwIfNoEntry: false })?.isFile())
    tars.push(found.link.target)
  if (found?.link) tars.push(found.link.path)
  if (found && !tars.some((tar) => basename(tar) === found.file)) tars.push(found.path)
  return [...tars, paths.sidecar, paths.backupInfo]
}
