// Which members of an archive belong to a restore. Pure. Names are bytes in latin1 texts.
import { customPart } from '../../../archive/format.ts'
import type { TarMember } from '../../../archive/tar-scanner.ts'
import type { SourcePath } from '../paths.ts'

/**
 * `chosen`: to be restored. `above`: a directory that leads to a chosen path. `target`: a file that is not chosen, to which
 * a chosen hard link leads: it is unpacked so that the link can be made, and then thrown away.
 */
export type Role = 'chosen' | 'above' | 'target'

export interface Selection {
  /** The saved directory in the tar, without a slash at its end. */
  readonly prefix: string
  /** Number of names in the prefix. */
  readonly depth: number
  /** The paths as they were asked for. */
  readonly asked: ReadonlySet<string>
  /** Chosen paths relative to the saved directory, none of them below another; null: all of it. */
  readonly chosen: readonly string[] | null
  /** Relative path of a member below the saved directory, empty for itself; null for all others. */
  relative(member: Pick<TarMember, 'name'>): string | null
  /** Role of a relative path. */
  role(relative: string): Role | null
}

/**
 * All of the saved directory, or `paths` of it (relative, as text). `targets`: relative paths with the role `target`.
 */
export function selectionOf(
  source: SourcePath,
  paths: readonly string[] | undefined,
  targets: ReadonlySet<string> = new Set(),
): Selection {
  const prefix = `${customPart.folder}${source.root}`
  const asked = new Set(paths?.map(raw))
  const chosen = paths === undefined ? null : outermost(asked)
  const all = new Set(chosen)
  const above = new Set(chosen?.flatMap((path) => ancestors(path)))
  return {
    prefix,
    depth: prefix.split('/').length,
    asked,
    chosen,
    relative: ({ name }) => {
      const found = name.toString('latin1').replace(/\/+$/, '')
      if (found === prefix) return ''
      return found.startsWith(`${prefix}/`) ? found.slice(prefix.length + 1) : null
    },
    role: (relative) => {
      if (chosen === null || all.has(relative)) return 'chosen'
      if (relative === '' || above.has(relative)) return 'above'
      if (ancestors(relative).some((path) => all.has(path))) return 'chosen'
      return targets.has(relative) ? 'target' : null
    },
  }
}

/** Says of each member, in the order of the tar, whether it is a device node, or a hard link to one. */
export function deviceWatch(): (member: Pick<TarMember, 'name' | 'type' | 'linkName'>) => boolean {
  const devices = new Set<string>()
  return ({ name, type, linkName }) => {
    const is = type === '3' || type === '4' || (type === '1' && devices.has(linkName.toString('latin1')))
    if (is) devices.add(name.toString('latin1'))
    return is
  }
}

/** Whether a path may be asked for: relative, without empty names, `.` and `..`. */
export function isRelative(path: string): boolean {
  return !path.includes('\0') && path.split('/').every((step) => step !== '' && step !== '.' && step !== '..')
}

/** Directories that lead to a relative path, the outermost first, without the path itself. */
export function ancestors(path: string): string[] {
  const steps = path.split('/')
  return steps.slice(1).map((_, i) => steps.slice(0, i + 1).join('/'))
}

/** Text as bytes in a latin1 text. */
export function raw(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** Bytes in a latin1 text as people read them. */
export function shown(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

function outermost(all: ReadonlySet<string>): string[] {
  return [...all].filter((path) => !ancestors(path).some((above) => all.has(above))).toSorted()
}
