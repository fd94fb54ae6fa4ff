// Tells what an archive found in the directory is, from its descriptions alone. Descriptions may come from anywhere:
// nothing in them is trusted beyond its shape.
import type { ArchiveOrigin } from './archive.ts'
import { parseArchiveName } from './archive-name.ts'
import type { ReadArchive, ScannedArchive } from './helper-protocol.ts'

/** The part of a job that an archive can belong to. */
export interface KnownJob {
  readonly id: number
  readonly uid: string
}

/** A row for the catalogue, as far as the directory can tell. */
export interface FoundArchive {
  readonly name: string
  readonly file: string
  readonly fingerprint: string
  readonly sizeBytes: number
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly type: string | null
  readonly app: string | null
  readonly instanceName: string | null
  readonly origin: ArchiveOrigin
  readonly jobId: number | null
  readonly jobUid: string | null
  /** What its own description says the whole file must hash to; null when it says nothing about the whole. */
  readonly sha256: string | null
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}

/** `jobs` by uid. An archive of another instance is `received`, one without our description `foreign`. */
export function describeArchive(
  scanned: ScannedArchive,
  read: ReadArchive | null,
  instance: { readonly id: string },
  jobs: ReadonlyMap<string, KnownJob>,
): FoundArchive {
  const info = read?.info ?? {}
  const ours = read?.backupInfo ?? null
  const base = {
    name: scanned.name,
    file: scanned.file,
    fingerprint: scanned.fingerprint,
    sizeBytes: scanned.sizeBytes,
    info,
    backupInfo: ours,
  }
  const createdAt = creation(info, ours, scanned)
  if (!ours) {
    const guess = fromSidecar(info)
    return {
      ...base,
      ...guess,
      createdAt,
      instanceName: null,
      origin: 'foreign',
      jobId: null,
      jobUid: null,
      sha256: null,
    }
  }
  const uid = text(record(ours['job'])['uid'])
  const job = uid === null ? undefined : jobs.get(uid)
  const sha256 = text(ours['sha256'])
  return {
    ...base,
    createdAt,
    type: text(ours['type']),
    app: text(ours['app']),
    instanceName: text(ours['instance_name']) ?? parseArchiveName(scanned.name)?.instance ?? null,
    origin: text(ours['instance_id']) === instance.id || job ? 'local' : 'received',
    jobId: job?.id ?? null,
    jobUid: uid,
    sha256: ours['sha256_bytes'] === undefined && sha256 && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
  }
}

/** The same of one that somebody else sends or sent: of no job here, and nothing that it says of its own bytes counts. */
export function fromElsewhere(found: FoundArchive): FoundArchive {
  return { ...found, origin: 'received', jobId: null, jobUid: null, sha256: null }
}

/** YunoHost's sidecar names apps and system parts; one app alone is an app's archive. */
function fromSidecar(info: Readonly<Record<string, unknown>>): { type: string | null; app: string | null } {
  const apps = Object.keys(record(info['apps']))
  const parts = Object.keys(record(info['system']))
  if (apps.length === 1 && parts.length === 0) return { type: 'ynh_app', app: apps[0] ?? null }
  if (apps.length === 0 && parts.length > 0) return { type: 'ynh_system', app: 'system' }
  return { type: null, app: null }
}

function creation(
  info: Readonly<Record<string, unknown>>,
  ours: Readonly<Record<string, unknown>> | null,
  scanned: ScannedArchive,
): number {
  const said = ours ? Date.parse(text(ours['created_at']) ?? '') : Number.NaN
  if (Number.isFinite(said)) return said
  const seconds = info['created_at']
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 && seconds < 8e12) {
    return Math.trunc(seconds * 1000)
  }
  // The fingerprint's third part is the tar's modification time in nanoseconds.
  const nanoseconds = Number(scanned.fingerprint.split(':')[2])
  return Number.isFinite(nanoseconds) ? Math.trunc(nanoseconds / 1e6) : 0
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
