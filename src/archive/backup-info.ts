// Our own description of an archive, `backup_info.json`: what made it, for whom, and a hash of everything before it.
import type { ArchiveOrder } from '../domain/helper-protocol.ts'
import { localIso } from '../domain/iso-time.ts'
import { Problem } from '../domain/problem.ts'
import { backupInfoMaxBytes, formatVersion } from './format.ts'

export interface BackupInfoFacts {
  /** Id of the source. */
  readonly type: string
  readonly yunohostVersion: string | null
  /** SHA-256 of the archive's first `sha256Bytes` bytes; of the whole file when only `sha256` is given. */
  readonly sha256?: string
  readonly sha256Bytes?: number
  /** Versions of the programs that took part, e.g. `{tar: '1.34'}`. */
  readonly tools: Readonly<Record<string, string>>
  /** What a kind adds: results, the restore recipe, the server's version. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** The description as data; `created_at` has the offset of the order's time zone. */
export function backupInfo(order: ArchiveOrder, facts: BackupInfoFacts): Record<string, unknown> {
  return {
    format: formatVersion,
    instance_name: order.instance.name,
    instance_url: order.instance.url,
    instance_id: order.instance.id,
    app: order.app,
    type: facts.type,
    created_at: localIso(order.createdAt, order.timeZone, { milliseconds: true }),
    backupmanager_version: order.backupmanagerVersion,
    yunohost_version: facts.yunohostVersion,
    job: { uid: order.job.uid, name: order.job.name },
    ...(facts.sha256 !== undefined && { sha256: facts.sha256 }),
    ...(facts.sha256Bytes !== undefined && { sha256_bytes: facts.sha256Bytes }),
    tools: facts.tools,
    ...facts.extra,
  }
}

/** The file's bytes, for people too. Throws `internal` when it would be too big to be found from a tar's end. */
export function backupInfoBytes(value: Readonly<Record<string, unknown>>): Buffer {
  const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`, 'utf8')
  if (bytes.length > backupInfoMaxBytes) {
    throw new Problem('internal', { detail: `backup_info.json would take ${bytes.length} bytes` })
  }
  return bytes
}
