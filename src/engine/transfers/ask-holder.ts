// Asks a peer what an archive is that it holds.
import { archiveInfoSchema, type WireArchiveInfo } from '../../domain/api/archives.ts'
import { Problem } from '../../domain/problem.ts'
import type { Destination } from '../../domain/transfer.ts'
import { readAnswer } from '../../sys/peer-answer.ts'
import type { EngineDeps } from '../deps.ts'
import { targetOf } from './attempt.ts'

/** Descriptions may be long. */
const LONG_ANSWER = 16 * 1024 * 1024
const ASK_LIMIT_MS = 60_000

/** What the holder says of an archive, with the hash without which nothing is fetched. */
export type Offered = WireArchiveInfo & { readonly sha256: string }

/** `archive_not_found`, `archive_corrupted`, `peer_answer_invalid`, and what reaching a peer fails with. */
export async function askHolder(
  deps: EngineDeps,
  destination: Destination,
  name: string,
  signal: AbortSignal,
): Promise<Offered> {
  const target = await targetOf(deps, destination)
  const answer = await deps.peerHttp.request(target, {
    method: 'GET',
    path: `/archives/${encodeURIComponent(name)}/info`,
    signal,
    maxBytes: LONG_ANSWER,
    totalMs: ASK_LIMIT_MS,
  })
  const said = readAnswer(answer, archiveInfoSchema)
  const { sha256 } = said
  if (said.name !== name || ![`${name}.tar`, `${name}.tar.gz`].includes(said.file)) {
    throw new Problem('peer_answer_invalid', { detail: 'it describes another archive' })
  }
  if (said.state === 'corrupted')
    throw new Problem('archive_corrupted', { archive: name, detail: 'its holder says so' })
  if (sha256 === null) {
    throw new Problem('peer_answer_invalid', {
      detail: 'its holder has not hashed it yet: have it verified there',
    })
  }
  return { ...said, sha256 }
}
