// The closed list of what the unprivileged server may ask of the root helper, and the lines it answers.
// One request (a JSON line) per helper process; the helper stops everything when its client hangs up.
import { z } from 'zod'
import type { Comparison } from './contents.ts'
import { drillDepths, type DrillResult } from './drill.ts'
import type { FieldError } from './problem.ts'
import { restoreOptionsSchema, stepStates, type RestoreOutcome, type RestorePlan } from './restore.ts'
import { inboxFileSchema, inboxUidSchema, inboxUploadSchema } from './rsync-server.ts'
import { runSteps, type RunWarning, type TargetResult } from './run.ts'

/** YunoHost's own rule for a name it creates or deletes, ASCII only on our side. */
export const archiveNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,49}$/)
  .refine((s) => !s.endsWith('.'))
/** A file name found in the archives directory: foreign ones may be longer or odd, never a path. */
export const storedNameSchema = z
  .string()
  .min(1)
  .max(250)
  .refine((s) => !/[/\0]/.test(s) && s !== '.' && s !== '..')
/** A path in an archive as bytes, base64url: see `ContentsEntry.key`. */
const memberKey = z
  .string()
  .max(12_000)
  .regex(/^[A-Za-z0-9_-]*$/)
const wholeNumber = z.number().int().nonnegative()
const operation = z.uuid()
const settings = z.record(z.string(), z.unknown())

/** What an archive says about itself (`backup_info.json`), given by the caller. */
export const archiveOrderSchema = z.object({
  name: archiveNameSchema,
  /** Epoch milliseconds. */
  createdAt: z.number().int(),
  timeZone: z.string(),
  description: z.string(),
  app: z.string(),
  instance: z.object({ id: z.string(), name: z.string(), url: z.string() }),
  job: z.object({ uid: z.string(), name: z.string() }),
  backupmanagerVersion: z.string(),
})
/** Everything the helper must know to make one archive. */
export type ArchiveOrder = z.infer<typeof archiveOrderSchema>

/** What is to be restored, and how. `settings` are the source's own, with the secrets in clear: see `engine/secrets.ts`. */
const restoreArgs = { archive: storedNameSchema, type: z.string(), settings, options: restoreOptionsSchema }

/** The archive of the state before the restore, to put back from. */
const safety = archiveNameSchema.nullable()

/** An upload in the inbox of a peer. */
const inboxUpload = { uid: inboxUidSchema, uploadId: inboxUploadSchema, filename: inboxFileSchema }
const sshServer = z.object({
  host: z.string().max(255),
  port: z.number().int().min(1).max(65_535),
  user: z.string().max(32),
  hostKeys: z.array(z.string().max(2000)).max(10),
})

/** Arguments of each verb, checked on both sides. Nothing else can be asked. */
export const verbs = {
  /** Free and total bytes of the archives' file system. */
  disk: z.object({}),
  /** Facts for forms: `apps`, `versions`, `admins`, `parts`. */
  'yunohost.facts': z.object({ what: z.enum(['apps', 'versions', 'admins', 'parts']) }),
  /** Looks at the settings with root's eyes: does the path exist, is the app installed? */
  'source.check': z.object({ type: z.string(), settings }),
  'source.estimate': z.object({ type: z.string(), settings, thorough: z.boolean() }),
  'source.produce': z.object({ type: z.string(), settings, archive: archiveOrderSchema }),
  /** What the job's form can offer for a type, and which tool it misses. `settings`: how to reach a server, may be `{}`. */
  'source.offers': z.object({ type: z.string(), settings }),
  /** Looks at archive and machine; changes nothing. */
  'restore.plan': z.object(restoreArgs),
  /** Refused with `restore_plan_changed` when the plan, made anew, is not the one with this digest. */
  'restore.apply': z.object({ ...restoreArgs, safetyArchive: safety, planDigest: z.string().length(64) }),
  /** After a crash: puts back, or finishes, what the operation's journal says. */
  'restore.recover': z.object({ ...restoreArgs, safetyArchive: safety, of: operation }),
  /** Proves that an archive can be restored, in a scratch place; `read` is done by `archive.verify`. */
  'drill.run': z.object({
    archive: storedNameSchema,
    type: z.string(),
    settings,
    depth: z.enum(drillDepths),
  }),
  /** A command that an admin wrote in the job's form, by `sh -c`. */
  hook: z.object({ command: z.string().min(1).max(4096), env: z.record(z.string(), z.string()) }),
  /** Size and times of every archive, without opening any. */
  'catalogue.scan': z.object({}),
  /** Sidecar and backup_info of some archives. */
  'catalogue.read': z.object({ names: z.array(storedNameSchema).max(2000) }),
  'archive.verify': z.object({ name: storedNameSchema }),
  /** Through `yunohost backup delete` where YunoHost knows it, so that its hooks run. */
  'archive.delete': z.object({ name: storedNameSchema }),
  /** All members as records (`archive/member-records.ts`), as data. */
  'archive.members': z.object({ name: storedNameSchema }),
  /**
   * Bytes as data: of the file itself (`raw`), or of the tar in it. `expected`: nothing is sent when the file has another size.
   */
  'archive.bytes': z.object({
    name: storedNameSchema,
    raw: z.boolean(),
    offset: wholeNumber,
    length: wholeNumber.nullable(),
    expected: wholeNumber.nullable(),
  }),
  /**
   * As data: the contents of the file at `path` whose first header begins at byte `offset` of the tar; without `offset` a
   * tar of what is at the path and below.
   */
  'archive.member': z.object({ name: storedNameSchema, path: memberKey, offset: wholeNumber.nullable() }),
  /** Unpacks into a folder that is new or empty. No paths: everything. */
  'archive.extract': z.object({
    name: storedNameSchema,
    to: z.string().min(1).max(4096),
    paths: z.array(memberKey).max(10_000),
    devices: z.boolean(),
  }),
  /** With the directory that the archive was made of, or another. */
  'archive.compare': z.object({
    name: storedNameSchema,
    against: z.string().min(1).max(4096).nullable(),
    thorough: z.boolean(),
  }),
  /** Copies a tar from anywhere into the archives directory. */
  'archive.import': z.object({ path: z.string().min(1).max(4096), name: archiveNameSchema }),
  /**
   * Chunks of the archive's file, for sending: before the bytes of each one, which come as data, a `chunk` frame says what they
   * hash to. Refused with `archive_truncated` when the file has another size than `expected`.
   */
  'archive.chunks': z.object({
    name: storedNameSchema,
    expected: wholeNumber,
    chunkSize: z.number().int().positive(),
    chunks: z.array(wholeNumber).min(1).max(1_000_000),
  }),
  /** A folder on the archives' file system in which the server may write uploads; null when there can be none. */
  'receive.place': z.object({}),
  /**
   * Puts an upload that is whole into the archives directory, with its sidecar, at once. `part` lies in the folder of
   * `receive.place` or in the data folder's `uploads`. The SHA-256 is what the server found; a file that has to be copied to get
   * there is hashed again. `archive_exists` when something has that name. Doing it again after it was done, or cut off anywhere, is
   * harmless; of one name only one at a time may be asked for.
   */
  'receive.publish': z.object({
    part: z.string().min(1).max(4096),
    name: archiveNameSchema,
    file: storedNameSchema,
    sizeBytes: wholeNumber,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    info: z.record(z.string(), z.unknown()),
    backupInfo: z.record(z.string(), z.unknown()).nullable(),
  }),
  /** Whose keys may come to the inbox for archives; all others may no longer. */
  'inbox.configure': z.object({
    peers: z
      .array(
        z.object({
          uid: inboxUidSchema,
          key: z
            .string()
            .max(200)
            .regex(/^ssh-ed25519 [A-Za-z0-9+/]+={0,2}$/),
        }),
      )
      .max(10_000),
  }),
  /**
   * Makes the folder in which a peer may put this file, with an earlier archive beside it when there is room: then parts that
   * are in both need not be sent. Harmless when it is there. `insufficient_storage`, `not_supported` without an inbox.
   */
  'inbox.open': z.object({
    ...inboxUpload,
    sizeBytes: z.number().int().positive(),
    /** The name of an archive. */
    basis: storedNameSchema.nullable(),
    /** Bytes that others still have to write on the same disk. */
    toCome: wholeNumber,
  }),
  /**
   * Moves a file that has come whole to `part`, as `receive.publish` wants it, and hashes it. Done again it hashes what it moved.
   * `upload_incomplete` while it is not there in its size; `helper_refused` when it is no file that rsync can have made.
   */
  'inbox.take': z.object({
    ...inboxUpload,
    sizeBytes: z.number().int().positive(),
    part: z.string().min(1).max(4096),
  }),
  /** Removes the folder of an upload, or with `keep` those of all uploads but these. */
  'inbox.clear': z.union([
    z.object({ uid: inboxUidSchema, uploadId: inboxUploadSchema }),
    z.object({ keep: z.array(inboxUploadSchema).max(100_000) }),
  ]),
  /** Sends an archive to a peer's inbox by rsync over SSH. Progress is bytes that are there. */
  'rsync.send': z.object({
    name: storedNameSchema,
    expected: wholeNumber,
    server: sshServer,
    uploadId: inboxUploadSchema,
    filename: inboxFileSchema,
    bandwidthKib: z.number().int().positive().nullable(),
  }),
  /** Asks a peer's inbox whether it lets us in, and for its rsync. */
  'ssh.probe': z.object({ server: sshServer }),
  /** After a crash: ends what operations left running and removes their partial files. */
  recover: z.object({
    operations: z.array(z.object({ operation, archiveName: archiveNameSchema.nullable() })),
    /** Archives that are being made now: nothing of theirs is taken for a leftover. */
    busy: z.array(archiveNameSchema).default([]),
  }),
} as const
export type Verb = keyof typeof verbs
export type VerbArgs = { [V in Verb]: z.input<(typeof verbs)[V]> }

/** What stands under a name in the archives directory; enough to see whether the cached row is still true. */
export interface ScannedArchive {
  readonly name: string
  readonly file: string
  readonly sizeBytes: number
  /** `inode:size:mtime:ctime` of the tar and mtime of the sidecar; equal means nothing to read again. */
  readonly fingerprint: string
}
export interface CatalogueScan {
  readonly archives: readonly ScannedArchive[]
  /** Tars without their sidecar: being written by YunoHost, or left by a crash. Never archives. */
  readonly unfinished: readonly {
    readonly file: string
    readonly sizeBytes: number
    readonly modifiedAt: number
  }[]
}
export interface ReadArchive {
  readonly name: string
  readonly info: Readonly<Record<string, unknown>> | null
  readonly backupInfo: Readonly<Record<string, unknown>> | null
  /** Why the sidecar could not be read. */
  readonly error: string | null
}
export interface VerifyResult {
  readonly sha256: string
  readonly sizeBytes: number
  /** Members seen by walking the tar. */
  readonly members: number
  /** Empty when the walk came to the archive's proper end; else what is wrong, in English. */
  readonly damage: string
  /** backup_info.json says this about the bytes before it; null when the archive has none. */
  readonly innerSha256: { readonly expected: string; readonly found: string } | null
}
/** What `archive.import` made. */
export interface Imported {
  readonly file: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly fingerprint: string
  readonly members: number
  /** What the archive says about itself, null when it says nothing. */
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}
export interface Estimate {
  /** Bytes the archive will need; null when it cannot be told beforehand. */
  readonly bytes: number | null
  readonly files: number | null
}
export interface Produced {
  readonly file: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly fingerprint: string
  readonly targets: readonly TargetResult[]
  /** At most 1,000; `warningCount` counts all. */
  readonly warnings: readonly RunWarning[]
  readonly warningCount: number
  readonly exitCodes: Readonly<Record<string, number>>
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>>
}
export interface InstalledApp {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly version: string
}
export interface YunohostFacts {
  readonly apps?: readonly InstalledApp[]
  /** YunoHost's version, null when the command is missing. */
  readonly version?: string | null
  readonly admins?: readonly string[]
  readonly parts?: readonly string[]
}
/** What a job's form can offer for one type on this machine. */
export interface SourceOffers {
  /** A tool that is not installed; the type cannot run here. */
  readonly missingTool: string | null
  /** Databases of the server; null when the type has none, or when it could not be asked. */
  readonly databases: readonly string[] | null
  /** Why it could not be asked, in English. */
  readonly error: string | null
}
/** What `receive.publish` put in place. */
export interface Published {
  readonly file: string
  readonly fingerprint: string
  readonly sizeBytes: number
}
export interface RestoreRecovered extends RestoreOutcome {
  /** False when there was no journal: nothing had been changed. */
  readonly found: boolean
}
/** Answers by verb. */
export interface VerbResults {
  disk: { readonly totalBytes: number; readonly freeBytes: number }
  'yunohost.facts': YunohostFacts
  'source.check': { readonly errors: readonly FieldError[] }
  'source.estimate': Estimate
  'source.produce': Produced
  'source.offers': SourceOffers
  'restore.plan': RestorePlan
  'restore.apply': RestoreOutcome
  'restore.recover': RestoreRecovered
  'drill.run': DrillResult
  hook: { readonly exitCode: number }
  'catalogue.scan': CatalogueScan
  'catalogue.read': { readonly archives: readonly ReadArchive[] }
  'archive.verify': VerifyResult
  'archive.delete': { readonly removed: readonly string[] }
  'archive.members': { readonly members: number; readonly fingerprint: string }
  /** `sizeBytes`: of the file. */
  'archive.bytes': { readonly bytes: number; readonly sizeBytes: number }
  'archive.member': { readonly bytes: number }
  'archive.extract': { readonly files: number; readonly bytes: number }
  'archive.compare': Comparison
  'archive.import': Imported
  'archive.chunks': { readonly bytes: number }
  'receive.place': { readonly folder: string | null }
  'receive.publish': Published
  'inbox.configure': { readonly keys: number }
  'inbox.open': { readonly basis: boolean }
  'inbox.take': { readonly sha256: string }
  'inbox.clear': { readonly removed: number }
  /** Over the wire. */
  'rsync.send': { readonly bytesSent: number; readonly bytesReceived: number }
  /** What the inbox said, and our own rsync. */
  'ssh.probe': { readonly answer: string; readonly rsync: string }
  recover: { readonly killed: number; readonly removed: readonly string[] }
}

export const requestSchema = z.object({
  protocol: z.literal(1),
  operation,
  verb: z.enum(Object.keys(verbs) as [Verb, ...Verb[]]),
  args: z.unknown(),
})
export type HelperRequest = z.infer<typeof requestSchema>

const facts = z.record(z.string(), z.union([z.string(), z.number()]))
/** One line of the helper's answer. Exactly one `result` or `problem` ends it. */
export const frameSchema = z.discriminatedUnion('t', [
  z.object({ t: z.literal('log'), stream: z.enum(['out', 'err', 'info']), text: z.string() }),
  z.object({ t: z.literal('step'), step: z.enum(runSteps) }),
  /** State of the step with that index in the plan. */
  z.object({
    t: z.literal('restore'),
    step: z.number().int().nonnegative(),
    state: z.enum(stepStates),
    detail: z.string(),
  }),
  /** Followed by exactly that many raw bytes, then the next line. */
  z.object({ t: z.literal('data'), bytes: z.number().int().positive().max(1_048_576) }),
  /** What the next `bytes` bytes of data are. */
  z.object({
    t: z.literal('chunk'),
    n: z.number().int().nonnegative(),
    bytes: z.number().int().positive(),
    sha256: z.string().length(64),
  }),
  z.object({ t: z.literal('progress'), done: z.number(), total: z.number().nullable() }),
  z.object({ t: z.literal('result'), value: z.unknown() }),
  z.object({
    t: z.literal('problem'),
    code: z.string(),
    facts,
    errors: z.array(z.object({ field: z.string(), code: z.string(), facts: facts.optional() })),
    /** For the run's log; in English, redacted. */
    detail: z.string(),
  }),
])
export type HelperFrame = z.infer<typeof frameSchema>
export type LogStream = 'out' | 'err' | 'info'
