// Copies that are made by themselves: after a run, and again for those that were missed.
import type { Job } from '../../domain/job.ts'
import type { Destination } from '../../domain/transfer.ts'
import { getArchive } from '../../store/archives.ts'
import { copiesToQueue, destinationsOfJob, getDestination } from '../../store/destinations.ts'
import { insertTransfer } from '../../store/transfers.ts'
import type { EngineDeps } from '../deps.ts'

const ACTOR = 'scheduler'
/** What failed for good is tried once a day: meanwhile somebody may have put it right. */
const AGAIN_AFTER_MS = 86_400_000

/** Queues the copies of a new archive; those that are queued already stay as they are. */
export async function queueCopies(deps: EngineDeps, job: Job, archive: string): Promise<void> {
  for (const destination of await destinationsOfJob(deps.db, job.id)) {
    if (destination.enabled) await queue(deps, archive, destination)
  }
}

/** Queues the newest archive of each job wherever it should be and is not: a crash after a run must lose no copy. */
export async function catchUp(deps: EngineDeps): Promise<void> {
  for (const missing of await copiesToQueue(deps.db, deps.clock.now() - AGAIN_AFTER_MS)) {
    const destination = await getDestination(deps.db, missing.destinationId)
    if (destination) await queue(deps, missing.archive, destination)
  }
}

async function queue(deps: EngineDeps, name: string, destination: Destination): Promise<void> {
  const archive = await getArchive(deps.db, name)
  if (!archive || archive.state === 'corrupted') return
  await insertTransfer(deps.db, {
    direction: 'send',
    archiveName: name,
    destinationId: destination.id,
    mode: destination.mode,
    trigger: 'automatic',
    actor: ACTOR,
    bytesTotal: archive.sizeBytes,
    queuedAt: deps.clock.now(),
  })
}
