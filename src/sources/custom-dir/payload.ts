// The payload of the archive: lists the tree, lets GNU tar append it to the draft, and checks that all of it arrived.
import { archivePaths, type Part } from '../../archive/format.ts'
import type { Draft } from '../../archive/draft.ts'
import { pathTable } from '../../archive/path-table.ts'
import type { TarMember } from '../../archive/tar-scanner.ts'
import { Problem } from '../../domain/problem.ts'
import { removeIfExists } from '../../sys/files.ts'
import type { SourceIo } from '../source.ts'
import { entered, type Entered } from './entered.ts'
import { expectMembers } from './expected-members.ts'
import { createList, type ListFile } from './list-file.ts'
import { shownPath, tarName, type SourcePath } from './paths.ts'
import type { Settings } from './settings.ts'
import { tarArguments, tarEnvironment } from './tar-command.ts'
import type { WalkTotals } from './walk.ts'
import { walkSource } from './walk-source.ts'
import { addWalkWarnings, type Warnings } from './warnings.ts'

/** The tree as it was found. */
export interface Listed {
  readonly totals: WalkTotals
  readonly list: ListFile
  /**
   * Symbolic links that have several names; null when there are none. As hard links they would do harm: Python's tarfile,
   * and so YunoHost, gives the mode of a hard link to the file that the symbolic link leads to, wherever that is.
   */
  readonly links: ListFile | null
  readonly directories: Entered
}

/** Writes the names for tar into the archive's list files. The caller closes and removes them, the latter also after a failure. */
export async function listTree(
  settings: Settings,
  source: SourcePath,
  name: string,
  io: SourceIo,
): Promise<Listed> {
  const files = archivePaths(io.places.archivesDir, name)
  // The draft is ours alone: whatever stands there was left by a crash.
  for (const file of [files.list, files.links]) await removeIfExists(file)
  const list = createList(files.list)
  const late: { links: ListFile | null } = { links: null }
  try {
    const directories = entered()
    for (const parent of [...source.parents, source.self]) list.add(parent)
    const totals = await walkSource(settings, source, io, {
      onEntry: (path, _, isLinkedLink) => {
        const into = isLinkedLink ? (late.links ??= createList(files.links)) : list
        into.add(tarName(source, path))
      },
      onEnter: (directory) => directories.add(list.count(), directory),
    })
    list.finish()
    late.links?.finish()
    return { totals, list, links: late.links, directories }
  } catch (error) {
    list.close()
    late.links?.close()
    throw error
  }
}

/** Watches over the members of a draft while tar writes them. */
export interface MemberWatch {
  /** The draft's `onMember`; does nothing until {@link appendTree} has begun. */
  readonly onMember: (member: TarMember) => void
  readonly begin: (check: (member: TarMember) => void) => void
}

/** A watch that is given to the draft before anybody knows what to expect. */
export function memberWatch(): MemberWatch {
  let check: ((member: TarMember) => void) | null = null
  return { onMember: (member) => check?.(member), begin: (given) => void (check = given) }
}

/**
 * Runs tar into the draft, and once more for symbolic links with several names: behind all the rest, each a member of its own.
 * Its exit code (0 or 1, or 2 when only single files failed). Throws `disk_full`, `source_missing`, `source_unreadable`,
 * `archive_truncated`, `command_failed`, or what `run` throws.
 */
export async function appendTree(call: {
  readonly draft: Draft
  readonly watch: MemberWatch
  readonly source: SourcePath
  readonly part: Part
  readonly listed: Listed
  readonly warnings: Warnings
  readonly io: SourceIo
}): Promise<number> {
  const { draft, source, warnings, io } = call
  const { totals, list, links, directories } = call.listed
  addWalkWarnings(warnings, source, totals)
  const total = draft.length() + totals.tarBytes
  const pass = passes(call, total)
  const isFailure = (code: number): boolean => code === 2 && warnings.unknown().length > 0
  let { code, stderrTail, missing } = await pass(list, draft.fd, { apart: false })
  if (links !== null && !isFailure(code)) {
    const more = await pass(links, draft.goOn(), { apart: true })
    code = Math.max(code, more.code)
    stderrTail += more.stderrTail
    missing += more.missing
  }
  const exchanged = await directories.exchanged(list.names(), io.signal, (name) =>
    warnings.add({ code: 'file_changed', path: shownPath(name) }),
  )
  if (exchanged !== null) {
    const detail = 'the directory was exchanged while it was backed up'
    throw new Problem('source_unreadable', { path: shownPath(exchanged), detail })
  }
  if (isFailure(code)) {
    throw new Problem('command_failed', { command: 'tar', detail: stderrTail.slice(-500) })
  }
  if (missing > warnings.leftOut()) {
    const detail = `${missing} of ${totals.entries} files are not in the archive, tar reported ${warnings.leftOut()}`
    throw new Problem('archive_truncated', { detail })
  }
  io.progress(total, total)
  return code
}

interface Passed {
  readonly code: number
  readonly stderrTail: string
  /** Names that are not in the archive. */
  readonly missing: number
}

/** One run of tar after the other, which know of each other's symbolic links. The list is removed afterwards. */
function passes(
  call: Omit<Parameters<typeof appendTree>[0], 'listed'>,
  total: number,
): (list: ListFile, stdoutFd: number, options: { readonly apart: boolean }) => Promise<Passed> {
  const { draft, part, source, warnings, io } = call
  const links = pathTable()
  return async (list, stdoutFd, options) => {
    const names = list.names()
    const expected = expectMembers(names, part.folder, source.self, links)
    const wrong = new AbortController()
    call.watch.begin((member) => {
      const why = expected.member(member)
      if (why !== null) wrong.abort(new Problem('source_unreadable', { path: shown(member), detail: why }))
    })
    try {
      const done = io.run('tar', tarArguments(list.path, part, options), {
        signal: AbortSignal.any([io.signal, wrong.signal]),
        env: tarEnvironment,
        stdoutFd,
        okCodes: [0, 1, 2],
        onStderrLine: (line) => warnings.tarSaid(line),
      })
      const { code, stderrTail } = await draft.grow(done, (written) =>
        io.progress(Math.min(written, total), total),
      )
      if (warnings.full()) throw new Problem('disk_full')
      const { missing, selfMissing } = expected.finish()
      if (wrong.signal.aborted) throw wrong.signal.reason
      if (selfMissing) throw new Problem('source_missing', { path: source.shown })
      return { code, stderrTail, missing }
    } catch (error) {
      if (wrong.signal.aborted) throw wrong.signal.reason
      throw error
    } finally {
      names.return(undefined)
      await removeIfExists(list.path)
    }
  }
}

function shown(member: TarMember): string {
  return member.name.toString('utf8')
}
