// Verbs that look into archives, take parts out of them, and bring archives in.
import { realpathSync, statSync } from 'node:fs'
import { compareArchive } from '../../archive/compare.ts'
import { extractArchive } from '../../archive/extract.ts'
import { customPart } from '../../archive/format.ts'
import { importArchive } from '../../archive/import.ts'
import { memberContents } from '../../archive/member-contents.ts'
import { recordWriter } from '../../archive/member-records.ts'
import { cleanName } from '../../archive/path-guard.ts'
import { readBackupInfo } from '../../archive/read.ts'
import { below, sliceTar } from '../../archive/slice.ts'
import { mustBeSafe, surveyTar } from '../../archive/survey.ts'
import { openTar, type OpenTar } from '../../archive/tar-stream.ts'
import { invalid, Problem, type FieldErrorCode } from '../../domain/problem.ts'
import { sourcePath } from '../../sources/custom-dir/paths.ts'
import { walkSource } from '../../sources/custom-dir/walk-source.ts'
import { errorCode } from '../../sys/files.ts'
import type { Handle, VerbContext } from '../context.ts'

const recordsBytes = 256 * 1024

/** Nothing is told of an archive with members that could not be unpacked: `archive_unsafe`, after some of the data. */
export const members: Handle<'archive.members'> = ({ name }, context) =>
  withTar(name, context, async (tar) => {
    const { io } = context
    let taken: Promise<void> | undefined
    const writer = recordWriter(recordsBytes, (records) => {
      taken = context.data(records)
    })
    const survey = await surveyTar(tar, {
      signal: io.signal,
      onMember: (member, clean) => writer.add(member, clean, linkOf(member.type, member.linkName)),
      between: () => taken,
      onRead: (position) => io.progress(Math.min(position, tar.sizeBytes), tar.sizeBytes),
    })
    mustBeSafe(name, survey)
    writer.flush()
    await taken
    return { members: survey.members, fingerprint: tar.fingerprint }
  })

export const bytes: Handle<'archive.bytes'> = ({ name, raw, offset, length, expected }, context) =>
  withTar(name, context, async (tar) => {
    const { sizeBytes } = tar
    const { signal } = context.io
    if (expected !== null && expected !== sizeBytes) return { bytes: 0, sizeBytes }
    const region = { offset, ...(length !== null && { length }) }
    const sent = await send(context, raw ? tar.raw({ signal, ...region }) : tar.bytes({ signal, region }))
    return { bytes: sent, sizeBytes }
  })

export const member: Handle<'archive.member'> = ({ name, path, offset }, context) =>
  withTar(name, context, async (tar) => {
    const { io } = context
    const clean = pathOf(path)
    if (offset !== null) {
      let sent = 0
      await memberContents(tar, name, { path: clean, offset }, io, (piece) => {
        sent += piece.length
        return context.data(piece)
      })
      return { bytes: sent }
    }
    return { bytes: await send(context, sliceTar(tar, name, below(clean), { signal: io.signal })) }
  })

export const extract: Handle<'archive.extract'> = ({ name, to, paths, devices }, context) =>
  withTar(name, context, (tar) =>
    extractArchive(tar, name, { to, paths: paths.map(pathOf), devices }, context.io),
  )

/** An archive of a directory is compared with that directory, or the one given; any other from its top with one given. */
export const compare: Handle<'archive.compare'> = async ({ name, against, thorough }, context) => {
  const { io } = context
  const description = await readBackupInfo(io.places.archivesDir, name)
  const source = description?.['type'] === 'custom_dir' ? description['source_path'] : undefined
  const made = typeof source === 'string' ? source : null
  const given = against ?? made
  if (given === null) throw invalid({ field: 'against', code: 'only_directories_compared' })
  const live = liveTree(given)
  const excludes = made === null ? [] : textsOf(description?.['excludes'])
  const settings = {
    source_path: live.path,
    excludes,
    one_file_system: made !== null && description?.['one_file_system'] !== false,
  }
  const walked = sourcePath(live.path)
  if (walked === null) throw invalid({ field: 'against', code: 'path_not_absolute', facts: { path: given } })
  return withTar(name, context, async (tar) => ({
    against: live.path,
    ...(await compareArchive(
      tar,
      name,
      {
        payload: made === null ? '' : cleanName(Buffer.from(`${customPart.folder}/${made}`)),
        live: { root: walked.root },
        walk: (onEntry) => walkSource(settings, walked, io, { onEntry: (path) => onEntry(path) }),
        thorough,
      },
      io,
    )),
  }))
}

export const importFile: Handle<'archive.import'> = (args, { io }) => {
  if (!args.path.startsWith('/'))
    throw invalid({ field: 'file', code: 'path_not_absolute', facts: { path: args.path } })
  return importArchive(args, io)
}

async function withTar<T>(name: string, { io }: VerbContext, work: (tar: OpenTar) => Promise<T>): Promise<T> {
  const tar = await openTar(io.places.archivesDir, name)
  try {
    return await work(tar)
  } finally {
    await tar.close()
  }
}

/** How many bytes there were. */
async function send(context: VerbContext, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let sent = 0
  for await (const piece of pieces) {
    sent += piece.length
    await context.data(piece)
  }
  return sent
}

/** A key as a path of bytes, in the form of {@link cleanName}. */
function pathOf(key: string): string {
  const path = Buffer.from(key, 'base64url')
  const clean = cleanName(path)
  if (path.includes(0) || clean.split('/').includes('..'))
    throw new Problem('member_not_found', { path: path.toString('utf8') })
  return clean
}

/** A hard link's target is looked up by its name; a symbolic link's is only shown. */
function linkOf(type: string, linkName: Buffer): string {
  return type === '1' ? cleanName(linkName) : linkName.toString('latin1')
}

function liveTree(against: string): { path: string } {
  const refuse = (code: FieldErrorCode) => invalid({ field: 'against', code, facts: { path: against } })
  if (!against.startsWith('/')) throw refuse('path_not_absolute')
  if (/\p{Cc}/u.test(against)) throw refuse('control_characters')
  try {
    const path = realpathSync(against)
    if (!statSync(path).isDirectory()) throw refuse('path_not_directory')
    return { path }
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENAMETOOLONG') throw refuse('path_missing')
    throw code === 'ENOTDIR' || code === 'ELOOP' ? refuse('path_not_directory') : error
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
