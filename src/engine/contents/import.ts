// An archive brought by hand: copied into the archives directory and entered in the catalogue, proven by the way it came in.
import { basename } from 'node:path'
import type { Archive } from '../../domain/archive.ts'
import { isArchiveName } from '../../domain/archive-name.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { addActivity } from '../../store/activity.ts'
import { getArchive, setPinned, setState } from '../../store/archives.ts'
import { rescan } from '../catalogue.ts'
import type { EngineDeps } from '../deps.ts'

/**
 * The row as it is afterwards. One that belongs to a job here is pinned: its rules would remove it as too old before anybody
 * had a use for it. `name_invalid` and `archive_exists`, with the field `name`, or `file` when the name is that of the file; and
 * what `archive.import` rejects with.
 */
export async function importFile(
  deps: EngineDeps,
  given: { readonly file: string; readonly name: string | null; readonly actor: string },
  signal: AbortSignal,
): Promise<Archive> {
  const name = given.name ?? nameOf(given.file)
  const field = given.name === null ? 'file' : 'name'
  if (!isArchiveName(name)) {
    const errors = [{ field, code: 'archive_name_invalid', facts: { name } } as const]
    throw new Problem('name_invalid', { name }, { errors })
  }
  const made = await deps.helper
    .call('archive.import', { path: given.file, name }, { signal })
    .catch((error: unknown) => {
      if (!isProblem(error, 'archive_exists')) throw error
      const errors = [{ field, code: 'archive_name_taken', facts: { archive: name } } as const]
      throw new Problem('archive_exists', error.facts, { cause: error, errors })
    })
  await rescan(deps)
  return deps.db.transaction().execute(async (trx) => {
    const found = await getArchive(trx, name)
    if (!found) throw new Problem('archive_not_found', { archive: name })
    const now = deps.clock.now()
    // All of it was read, hashed and walked while it was copied. A name that is known from before has one content only.
    const other = found.sha256 !== null && found.sha256 !== made.sha256
    await setState(
      trx,
      name,
      other
        ? {
            state: 'corrupted',
            detail: `SHA-256 is ${made.sha256}, recorded was ${found.sha256}`,
            verifiedAt: now,
          }
        : { state: 'ok', detail: null, sha256: made.sha256, verifiedAt: now },
    )
    if (found.jobId !== null) await setPinned(trx, name, true)
    await addActivity(trx, {
      at: now,
      actor: given.actor,
      action: 'archive.import',
      subject: name,
      jobId: found.jobId,
      facts: { bytes: made.sizeBytes, members: made.members },
    })
    return (await getArchive(trx, name)) ?? found
  })
}

/** The archive's name in the name of its file. */
export function nameOf(file: string): string {
  return basename(file).replace(/\.tar(?:\.gz)?$|\.tgz$/, '')
}
