// Stored things as the API writes them: what api.md says and nothing more, cut to the bounds of the contract.
import type { z } from 'zod'
import type { copySchema, WireArchive } from '../../domain/api/archives.ts'
import type { WireRun } from '../../domain/api/summary.ts'
import type { Archive } from '../../domain/archive.ts'
import { localIso } from '../../domain/iso-time.ts'
import type { Run } from '../../domain/run.ts'
import type { Copy } from '../../domain/transfer.ts'
import { time } from '../../domain/wire.ts'

export function wireRun(run: Run, timeZone: string): WireRun {
  return {
    id: run.id,
    job_id: run.jobId,
    status: run.status,
    trigger: run.trigger,
    started_at: time(run.startedAt, timeZone),
    finished_at: time(run.finishedAt, timeZone),
    archive_name: run.archiveName,
    size_bytes: run.sizeBytes,
    error: run.errorCode,
  }
}

export function wireArchive(archive: Archive, timeZone: string): WireArchive {
  return {
    name: archive.name,
    file: archive.file,
    type: clipped(archive.type, 60),
    app: clipped(archive.app, 300),
    instance_name: clipped(archive.instanceName, 300),
    created_at: localIso(archive.createdAt, timeZone),
    size_bytes: archive.sizeBytes,
    // Somebody else's sidecar may say anything.
    sha256: archive.sha256 !== null && /^[0-9a-f]{64}$/.test(archive.sha256) ? archive.sha256 : null,
    state: archive.state,
    origin: archive.origin,
    pinned: archive.pinned,
    job_id: archive.jobId,
  }
}

export function wireCopy(
  copy: Copy & { readonly destination: string },
  timeZone: string,
): z.input<typeof copySchema> {
  return {
    destination_id: copy.destinationId,
    destination: clip(copy.destination, 300),
    state: copy.state,
    size_bytes: copy.sizeBytes,
    copied_at: localIso(copy.copiedAt, timeZone),
    checked_at: localIso(copy.checkedAt, timeZone),
  }
}

/** At most so many characters. */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

function clipped(text: string | null, most: number): string | null {
  return text === null ? null : clip(text, most)
}
