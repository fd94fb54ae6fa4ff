// What an archive is for the catalogue: one NAME.tar or NAME.tar.gz with its sidecar NAME.info.json.

export const archiveStates = ['ok', 'unverified', 'corrupted'] as const
export type ArchiveState = (typeof archiveStates)[number]

/** `local`: made by a job here; `received`: sent by a peer; `foreign`: made without BackupManager. */
export const archiveOrigins = ['local', 'received', 'foreign'] as const
export type ArchiveOrigin = (typeof archiveOrigins)[number]

/** What tells one archive from another of its name. */
export interface ArchiveContent {
  /** Null: it was never read whole. */
  readonly sha256: string | null
  readonly sizeBytes: number
}

/** A row of the catalogue. Times are epoch milliseconds, sizes bytes. */
export interface Archive {
  readonly name: string
  /** File name in the archives directory: `NAME.tar` or `NAME.tar.gz`. */
  readonly file: string
  /** Id of the source, or null for a foreign archive whose kind cannot be told. */
  readonly type: string | null
  readonly app: string | null
  readonly instanceName: string | null
  readonly createdAt: number
  /** Size of the tar on disk. */
  readonly sizeBytes: number
  readonly sha256: string | null
  readonly state: ArchiveState
  readonly origin: ArchiveOrigin
  readonly pinned: boolean
  /** When the pin ends by itself; null: it does not. */
  readonly pinnedUntil: number | null
  readonly jobId: number | null
  readonly verifiedAt: number | null
  /** Why it is `corrupted`. */
  readonly stateDetail: string | null
  /** The sidecar, YunoHost's description. */
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}
