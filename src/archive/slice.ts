// A part of an archive as a tar of its own: the wanted members with their headers as they stand.
import { Problem } from '../domain/problem.ts'
import { cleanName } from './path-guard.ts'
import { surveyTar } from './survey.ts'
import { changedHead, globalsOf } from './tar-head.ts'
import { tarEnd } from './tar-header.ts'
import { tarParts, type TarPart } from './tar-parts.ts'
import { padded, type TarMember } from './tar-scanner.ts'
import type { OpenTar, ReadOptions } from './tar-stream.ts'

/** Whether a member belongs to it, by its name as {@link cleanName} gives it. */
export type Wanted = (name: string) => boolean

/** What is at `path` (as {@link cleanName} gives it) and below; '' is everything. */
export function below(path: string): Wanted {
  return (name) => path === '' || name === path || name.startsWith(`${path}/`)
}

/** No tool makes links to links to links …: an archive that is made to keep us busy ends here. */
const mostLinks = 8

/**
 * Streams it. A hard link to a file that is not wanted becomes that file; further links to it are links to the first one.
 * The caller has asked {@link surveyTar} whether the archive is safe. Rejects with `archive_truncated`.
 */
export async function* sliceTar(
  tar: OpenTar,
  archive: string,
  wanted: Wanted,
  options: ReadOptions = {},
): AsyncGenerator<Buffer> {
  const { signal } = options
  const elsewhere = await linkedElsewhere(tar, wanted, signal)
  /** Targets that are not wanted, under the name that they got here. */
  const taken = new Map<string, Buffer>()
  let length = 0
  const counted = (part: Buffer): Buffer => {
    length += part.length
    return part
  }

  for await (const part of tarParts(tar.reader(options), archive)) {
    if (!wanted(part.name)) {
      const globals = globalsOf(part.head)
      if (globals.length > 0) yield counted(globals)
      continue
    }
    const target = part.member.type === '1' ? elsewhere.get(cleanName(part.member.linkName)) : undefined
    if (target === undefined) {
      yield counted(part.head)
      for await (const piece of part.data()) yield counted(piece)
    } else {
      const first = taken.get(target.name)
      if (first !== undefined) {
        yield counted(changedHead(part.head, { linkName: first }))
        continue
      }
      taken.set(target.name, part.member.name)
      for await (const piece of instead(tar, archive, part, target.offset, signal)) yield counted(piece)
    }
    const rest = padded(length) - length
    if (rest > 0) yield counted(Buffer.alloc(rest))
  }
  yield tarEnd(length)
}

/** The target's member under the link's name; its last piece is not padded. */
async function* instead(
  tar: OpenTar,
  archive: string,
  link: TarPart,
  from: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const globals = globalsOf(link.head)
  if (globals.length > 0) yield globals
  for await (const part of tarParts(tar.reader({ signal, from }), archive)) {
    yield changedHead(part.head, { name: link.member.name })
    yield* part.data()
    return
  }
  throw new Problem('archive_truncated', { archive, detail: 'the target of a hard link is missing' })
}

interface Target {
  readonly name: string
  /** Of its first header in the tar. */
  readonly offset: number
}

/** Where the files are that wanted hard links lead to and that are not wanted themselves, by the links' targets. */
async function linkedElsewhere(
  tar: OpenTar,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Target>> {
  const open = new Set<string>()
  const found = new Map<string, TarMember>()
  const note = (member: TarMember, name: string): void => {
    if (member.type !== '1' || !wanted(name)) return
    const target = cleanName(member.linkName)
    if (!wanted(target)) open.add(target)
  }
  await surveyTar(tar, { signal, onMember: note })
  // A link's target stands before it; of several members of one name the last one counts, as when it is unpacked.
  for (let looked = 0, round = 0; open.size > looked && round < mostLinks; round += 1) {
    looked = open.size
    await surveyTar(tar, {
      signal,
      onMember: (member, name) => void (open.has(name) && found.set(name, member)),
    })
    for (const member of found.values()) if (member.type === '1') open.add(cleanName(member.linkName))
  }
  const targets = new Map<string, Target>()
  for (const name of open) {
    let member = found.get(name)
    let real = name
    for (let hop = 0; member?.type === '1' && hop < mostLinks; hop += 1) {
      real = cleanName(member.linkName)
      member = found.get(real)
    }
    if (member !== undefined && member.type !== '1') targets.set(name, { name: real, offset: member.offset })
  }
  return targets
}
