// An archive in the making: one hidden file that is hashed and walked while it grows, and becomes `NAME.tar` only when
// it is whole and on the disk. Nothing that exists is ever replaced.
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  writeSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { promisify } from 'node:util'
import { Problem } from '../domain/problem.ts'
import { errorCode, exists, publishExclusive, removeIfExists, writeFileAtomic } from '../sys/files.ts'
import { fingerprintOf } from './fingerprint.ts'
import { follow } from './follow.ts'
import { archivePaths, backupInfoMember } from './format.ts'
import { backupInfoBytes } from './backup-info.ts'
import { tarEnd, tarFile, tarHeader } from './tar-header.ts'
import { padded, tarScanner, type TarMember } from './tar-scanner.ts'

/** Only root needs it; an archive may hold what not every admin should read from a file browser. */
const archiveMode = 0o640

export interface Draft {
  /** Give it to a program as its standard output: what it writes goes on where we stopped. */
  readonly fd: number
  /** Adds whole members of our own. */
  write(members: Buffer): void
  /** Hashes and walks what another program appends until `done` settles; rejects as it does. */
  grow<T>(done: Promise<T>, onBytes?: (written: number) => void): Promise<T>
  /**
   * Takes away the end that the program before has written, so that another one goes on behind the last member: gives the
   * descriptor for it, which {@link Draft.discard} closes. `archive_truncated` when what is there is no proper tar.
   */
  goOn(): number
  /**
   * Adds one file whose size nobody knows yet: `fill` gets a way to append its bytes (or the descriptor, for a program's
   * standard output) and resolves when all of it is there. A failure leaves the draft good for {@link Draft.discard} only.
   */
  stream(
    name: string,
    options: { readonly mtime: number; readonly mode: number },
    fill: (to: Appending) => Promise<void>,
  ): Promise<Streamed>
  /** Bytes that are members so far; where tar's end blocks would begin. */
  length(): number
  /**
   * Ends the tar: `describe` gets the SHA-256 of the members so far and gives backup_info.json. `archive_truncated`
   * when what was appended is no proper tar. Everything is on the disk afterwards.
   */
  seal(describe: (sha256: string, bytes: number) => Readonly<Record<string, unknown>>): Promise<Sealed>
  /** Gives the sidecar, then the tar their final names. `archive_exists` when somebody was faster. */
  publish(sidecar: Buffer): Promise<{ file: string; fingerprint: string }>
  /** Closes, and removes all of it unless it was published. Call it always. */
  discard(): Promise<void>
}

/** The end of the draft: for a program's standard output, or for bytes at hand. */
export interface Appending {
  readonly fd: number
  write(data: Uint8Array): void
}

/** Where the data of a streamed member lies in the draft. */
export interface Streamed {
  readonly size: number
  readonly offset: number
}

export interface Sealed {
  readonly sha256: string
  readonly sizeBytes: number
  readonly backupInfo: Readonly<Record<string, unknown>>
}

/** `archive_exists` when the name is taken by any file, even a broken link or another operation's file in progress. */
export async function openDraft(
  archivesDir: string,
  name: string,
  onMember?: (member: TarMember) => void,
): Promise<Draft> {
  const paths = archivePaths(archivesDir, name)
  for (const path of [paths.tar, paths.gzip, paths.sidecar]) if (await exists(path)) throw taken(name)
  const fd = create(paths.partial, name)
  const hash = createHash('sha256')
  let scanner = tarScanner(onMember)
  /** Bytes seen by the scanner, and how many of them are members. */
  let seen = 0
  let length = 0
  let open = true
  let published = false
  const own: string[] = []
  const more: number[] = []

  const take = (chunk: Buffer): void => {
    const members = scanner.push(chunk)
    seen += chunk.length
    length += members
    hash.update(members === chunk.length ? chunk : chunk.subarray(0, members))
  }
  const close = (): void => {
    if (open) for (const one of [fd, ...more]) closeSync(one)
    open = false
  }

  return {
    fd,
    length: () => length,
    write: (members) => {
      writeAll(fd, members)
      take(members)
    },
    stream: async (name, { mode, mtime }, fill) => {
      const at = seen
      const headerOf = (size: number): Buffer =>
        tarHeader({ name, type: 'file', mode, mtime, size }, { fixedLength: true })
      const offset = at + headerOf(0).length
      writeAll(fd, headerOf(0))
      await fill({ fd, write: (data) => writeAll(fd, data) })
      const size = fstatSync(fd).size - offset
      writeAll(fd, Buffer.alloc(padded(size) - size))
      // Only now its size is known. What is hashed and walked is read back: it is what the file really holds.
      writeAll(fd, headerOf(size), at)
      await follow(fd, { from: at, done: Promise.resolve(), onChunk: take })
      return { size, offset }
    },
    grow: (done, onBytes) => follow(fd, { from: seen, done, onChunk: take, ...(onBytes && { onBytes }) }),
    goOn: () => {
      const { damage } = scanner.end()
      if (damage !== '') throw new Problem('archive_truncated', { archive: name, detail: damage })
      ftruncateSync(fd, length)
      // Of its own: the other one stands where the end was, and what is written there would begin behind a hole.
      const next = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND)
      more.push(next)
      seen = length
      scanner = tarScanner(onMember, length)
      return next
    },
    seal: async (describe) => {
      const { damage, payloadEnd } = scanner.end()
      // Our own members alone have no end blocks yet; after tar has run, nothing but a proper end will do.
      if (
        damage !== '' &&
        !(payloadEnd === null && length === seen && damage.startsWith('end of archive missing'))
      ) {
        throw new Problem('archive_truncated', { archive: name, detail: damage })
      }
      const backupInfo = describe(hash.copy().digest('hex'), length)
      const last = tarFile(backupInfoMember, backupInfoBytes(backupInfo), mtimeOf(backupInfo))
      const ending = Buffer.concat([last, tarEnd(length + last.length)])
      ftruncateSync(fd, length)
      writeAll(fd, ending, length)
      hash.update(ending)
      await promisify(fsync)(fd)
      return { sha256: hash.digest('hex'), sizeBytes: length + ending.length, backupInfo }
    },
    publish: async (sidecar) => {
      close()
      try {
        await writeFileAtomic(paths.sidecar, sidecar, { mode: archiveMode, exclusive: true })
        own.push(paths.sidecar)
        if (await exists(paths.gzip)) throw taken(name)
        await publishExclusive(paths.partial, paths.tar)
      } catch (error) {
        throw errorCode(error) === 'EEXIST' ? taken(name, error) : error
      }
      published = true
      const file = basename(paths.tar)
      return { file, fingerprint: await fingerprintOf(archivesDir, file) }
    },
    discard: async () => {
      close()
      if (published) return
      for (const path of [...own, paths.partial]) await removeIfExists(path)
    },
  }
}

function create(partial: string, name: string): number {
  try {
    const fd = openSync(
      partial,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      archiveMode,
    )
    fchmodSync(fd, archiveMode)
    return fd
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw taken(name, error)
    if (errorCode(error) === 'ENOENT')
      throw new Problem('archives_dir_missing', { path: dirname(partial) }, { cause: error })
    throw error
  }
}

function writeAll(fd: number, data: Uint8Array, position: number | null = null): void {
  let written = 0
  while (written < data.length) {
    const at = position === null ? null : position + written
    written += writeSync(fd, data, written, data.length - written, at)
  }
}

function mtimeOf(backupInfo: Readonly<Record<string, unknown>>): number {
  const at = Date.parse(String(backupInfo['created_at']))
  return Number.isFinite(at) ? Math.floor(at / 1000) : 0
}

function taken(name: string, cause?: unknown): Problem {
  return new Problem('archive_exists', { archive: name }, cause === undefined ? {} : { cause })
}
