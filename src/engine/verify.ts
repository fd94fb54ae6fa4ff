// Proves an archive by reading it again, on demand and in rotation. What it finds lands in the catalogue.
import type { Archive } from '../domain/archive.ts'
import type { VerifyResult } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'
import { addActivity } from '../store/activity.ts'
import { getArchive, setState } from '../store/archives.ts'
import { setRetentionHold } from '../store/jobs.ts'
import type { EngineDeps } from './deps.ts'
import type { Actor } from './engine.ts'
import { withHold } from './hold.ts'

/**
 * Reads the archive, compares its SHA-256 with the recorded one (or records it the first time) and walks the tar.
 * A mismatch marks it `corrupted` and suspends removal for its job until an admin has looked.
 */
export async function verifyArchive(
  deps: EngineDeps,
  name: string,
  actor: Actor,
  signal?: AbortSignal,
): Promise<Archive> {
  const archive = await getArchive(deps.db, name)
  if (!archive) throw new Problem('archive_not_found', { archive: name })
  return withHold(deps, name, 'verify', async () => {
    const result = await deps.helper.call('archive.verify', { name }, signal ? { signal } : {})
    return record(deps, archive, result, actor)
  })
}

async function record(
  deps: EngineDeps,
  archive: Archive,
  result: VerifyResult,
  actor: Actor,
): Promise<Archive> {
  const damage = whatIsWrong(archive, result)
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    await setState(trx, archive.name, {
      state: damage === null ? 'ok' : 'corrupted',
      detail: damage,
      verifiedAt: now,
      // A damaged archive keeps the hash it should have.
      ...(damage === null ? { sha256: result.sha256 } : {}),
    })
    if (damage !== null && archive.jobId !== null) await setRetentionHold(trx, archive.jobId, 'verify_failed')
    await addActivity(trx, {
      at: now,
      actor,
      action: damage === null ? 'archive.verify' : 'archive.corrupted',
      subject: archive.name,
      jobId: archive.jobId,
      facts: { members: result.members, ...(damage === null ? {} : { detail: damage }) },
    })
    const after = await getArchive(trx, archive.name)
    if (!after) throw new Problem('archive_not_found', { archive: archive.name })
    return after
  })
}

/** Null when the archive is proven good; else a short English text for the archive's page. */
export function whatIsWrong(
  archive: Pick<Archive, 'sha256' | 'sizeBytes'>,
  result: VerifyResult,
): string | null {
  if (archive.sha256 !== null && archive.sha256 !== result.sha256) {
    return `SHA-256 is ${result.sha256}, recorded was ${archive.sha256}`
  }
  if (result.damage !== '') return result.damage
  const inner = result.innerSha256
  if (inner && inner.expected !== inner.found) {
    return `backup_info.json promises SHA-256 ${inner.expected}, found ${inner.found}`
  }
  return null
}
