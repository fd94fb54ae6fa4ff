// Finds the tar of an archive among real files and symbolic links, as YunoHost does. Never opens one.
import { lstatSync, readlinkSync, statSync, type BigIntStats } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { Problem } from '../domain/problem.ts'
import { errorCode } from '../sys/files.ts'
import { archivePaths } from './format.ts'

export interface Located {
  /** File name in the archives directory: `NAME.tar`, or `NAME.tar.gz` when the former is a link to it or missing. */
  readonly file: string
  readonly path: string
  /** Of the real file. */
  readonly stats: BigIntStats
  /** The symbolic link `NAME.tar`, when there is one, and the absolute path that it names. */
  readonly link: { readonly path: string; readonly target: string } | null
}

/**
 * The tar of archive `name`; null when there is none. Broken links, links to a file of another name and what is not a
 * regular file are no archives.
 */
export function locate(archivesDir: string, name: string): Located | null {
  const paths = archivePaths(archivesDir, name)
  const direct = lstatSync(paths.tar, { bigint: true, throwIfNoEntry: false })
  if (direct?.isFile()) return { file: basename(paths.tar), path: paths.tar, stats: direct, link: null }
  const link = direct?.isSymbolicLink() ? followed(paths.tar, name) : null
  const gzip = lstatSync(paths.gzip, { bigint: true, throwIfNoEntry: false })
  if (gzip?.isFile()) {
    const ours = link?.stats.ino === gzip.ino && link.stats.dev === gzip.dev
    return {
      file: basename(paths.gzip),
      path: paths.gzip,
      stats: gzip,
      link: ours ? { path: paths.tar, target: link.target } : null,
    }
  }
  if (!link) return null
  const { target, stats } = link
  return { file: basename(paths.tar), path: paths.tar, stats, link: { path: paths.tar, target } }
}

/** {@link locate}, or the problem `archive_not_found`. */
export function mustLocate(archivesDir: string, name: string): Located {
  const found = locate(archivesDir, name)
  if (!found) throw new Problem('archive_not_found', { archive: name })
  return found
}

function followed(path: string, name: string): { target: string; stats: BigIntStats } | null {
  try {
    const target = resolve(dirname(path), readlinkSync(path))
    const base = basename(target)
    if (base !== `${name}.tar` && base !== `${name}.tar.gz`) return null
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() ? { target, stats } : null
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'EINVAL', 'EACCES'].includes(errorCode(error) ?? '')) return null
    throw error
  }
}
