// The contents of one regular file of an archive, by where it stands in the tar. Holes of a sparse file come as zeros.
import { Problem } from '../domain/problem.ts'
import { CommandError, type Run } from '../sys/process.ts'
import { kindOf } from './member-records.ts'
import { tarEnd } from './tar-header.ts'
import { tarParts, type TarPart } from './tar-parts.ts'
import { padded } from './tar-scanner.ts'
import type { OpenTar } from './tar-stream.ts'
import { unpackToStdout } from './unpack.ts'

/** Takes the bytes in order; while what it returns is pending, the archive is not read on. */
export type Take = (piece: Buffer) => Promise<void> | undefined

/**
 * `member_not_found` when no regular file of that path (as `cleanName` gives it) begins at byte `offset` of the tar.
 * `archive_truncated`, the signal's reason, or what tar said.
 */
export async function memberContents(
  tar: OpenTar,
  archive: string,
  where: { readonly path: string; readonly offset: number },
  io: { readonly run: Run; readonly signal: AbortSignal },
  take: Take,
): Promise<void> {
  const missing = () =>
    new Problem('member_not_found', { archive, path: Buffer.from(where.path, 'latin1').toString('utf8') })
  for await (const part of parts(tar, archive, where.offset, io.signal, missing)) {
    if (part.name !== where.path || kindOf(part.member) !== 'file') throw missing()
    if (part.member.sparse) await expanded(part, io.run, take)
    else for await (const piece of part.data()) await take(piece)
    return
  }
  throw missing()
}

/** The contents of a sparse file: only tar knows what its data means. Reads the part's data to its end. */
export async function expanded(part: TarPart, run: Run, take: Take): Promise<void> {
  try {
    await unpackToStdout(alone(part), run, take)
  } catch (error) {
    // Stopped because its input failed: that is the reason.
    throw error instanceof CommandError && error.ended.how === 'input_failed' ? (error.cause ?? error) : error
  }
}

/** The member as a tar of its own. */
async function* alone(part: TarPart): AsyncGenerator<Buffer> {
  const { size } = part.member
  yield part.head
  yield* part.data()
  yield Buffer.alloc(padded(size) - size)
  yield tarEnd(part.head.length + padded(size))
}

/** Beginning anywhere but at a header, there is no member rather than a damaged archive. */
async function* parts(
  tar: OpenTar,
  archive: string,
  from: number,
  signal: AbortSignal,
  missing: () => Problem,
): AsyncGenerator<TarPart> {
  const all = tarParts(tar.reader({ signal, from }), archive)
  let first = true
  try {
    for (let next = await all.next(); next.done !== true; next = await all.next()) {
      first = false
      yield next.value
    }
  } catch (error) {
    throw first && !signal.aborted ? missing() : error
  } finally {
    await all.return(undefined)
  }
}
