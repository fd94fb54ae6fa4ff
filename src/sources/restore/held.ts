// Directories that somebody else than root may write to: what stands in them can become a link to elsewhere between two looks.
// Root works in them only through a directory that it holds open, and keeps its own things where nobody else can.
import { closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs'
import { Problem } from '../../domain/problem.ts'

/**
 * The deepest directory on the way to `path` (a real path of a directory) in which nobody but root, or whoever runs us, can
 * move things about, if it is on the same file system; else null.
 */
export function safeFolder(path: string): string | null {
  const steps = path.split('/').filter((step) => step !== '')
  let safe: string | null = null
  for (let i = 0; i <= steps.length; i += 1) {
    const at = `/${steps.slice(0, i).join('/')}`
    if (!isSafe(at)) break
    safe = at
  }
  return safe !== null && lstatSync(safe).dev === lstatSync(path).dev ? safe : null
}

function isSafe(path: string): boolean {
  const { uid, gid, mode } = lstatSync(path)
  const ours = uid === 0 || uid === process.getuid?.()
  // Where the sticky bit is set, only the owner of a thing may move it.
  if ((mode & 0o1000) !== 0) return ours
  const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0)
  return ours && !others
}

/**
 * Gives `work` a name for `path` (bytes in a latin1 text) that goes through its parent as it is now, however somebody
 * renames directories meanwhile. Throws `restore_failed` when a link leads there; the system's error when there is none.
 */
export function heldIn<T>(path: string, work: (held: Buffer) => T): T {
  const slash = path.lastIndexOf('/')
  const parent = Buffer.from(slash === 0 ? '/' : path.slice(0, slash), 'latin1')
  const fd = openSync(parent, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    if (!readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).equals(parent)) {
      const detail = `${parent.toString('utf8')} has become a symbolic link`
      throw new Problem('restore_failed', { detail })
    }
    return work(Buffer.from(`/proc/self/fd/${fd}/${path.slice(slash + 1)}`, 'latin1'))
  } finally {
    closeSync(fd)
  }
}

/** Opens a directory itself, not what a link at its place leads to, for changing its owner, mode and times. */
export function withDirectory<T>(path: string, work: (fd: number) => T): T {
  return heldIn(path, (held) => {
    const fd = openSync(held, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      return work(fd)
    } finally {
      closeSync(fd)
    }
  })
}
