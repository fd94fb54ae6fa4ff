// Which archive is meant by a name that another instance is asked for: a name alone would let it restore whatever has that name there.
import type { ArchiveContent } from '../../domain/archive.ts'
import { Problem } from '../../domain/problem.ts'
import { getArchive } from '../../store/archives.ts'
import type { EngineDeps } from '../deps.ts'

/** What is known here of the archive's content: of the copy at that peer, else of the archive here. Null: nothing. */
export async function contentMeant(
  { db }: Pick<EngineDeps, 'db'>,
  peerId: number,
  name: string,
): Promise<ArchiveContent | null> {
  const copy = await db
    .selectFrom('copies')
    .innerJoin('destinations', 'destinations.id', 'copies.destination_id')
    .select(['copies.sha256', 'copies.size_bytes as sizeBytes'])
    .where('destinations.peer_id', '=', peerId)
    .where('copies.archive_name', '=', name)
    .executeTakeFirst()
  if (copy !== undefined) return copy
  const here = await getArchive(db, name)
  // Of a damaged one nobody knows what it should be.
  return here === null || here.state === 'corrupted'
    ? null
    : { sha256: here.sha256, sizeBytes: here.sizeBytes }
}

/** `archive_differs` when what has that name there is another archive. */
export function mustBeMeant(
  there: { readonly name: string; readonly sha256: string | null; readonly size_bytes: number },
  meant: ArchiveContent | null,
): void {
  if (meant === null) return
  const { sha256, sizeBytes } = meant
  const other = sha256 !== null && there.sha256 !== null && sha256 !== there.sha256
  if (other || there.size_bytes !== sizeBytes) throw new Problem('archive_differs', { archive: there.name })
}
