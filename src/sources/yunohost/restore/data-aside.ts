// Keeps a data folder under another name while an app is restored over it: scripts of apps move or delete what they find.
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Problem } from '../../../domain/problem.ts'
import { exists, syncDirectory } from '../../../sys/files.ts'
import { removeTree } from '../../restore/remove-tree.ts'
import type { SourceIo } from '../../source.ts'

/** The other name, in the same folder. Without the root of tests. */
export function asideName(path: string, operation: string): string {
  return `${path}.before-restore-${operation.slice(0, 8)}`
}

/** Renames `path` to `aside`, synced. Nothing happens when nothing is there. */
export async function setAside(path: string, aside: string, io: Pick<SourceIo, 'places'>): Promise<void> {
  const { systemRoot } = io.places
  if (await exists(systemRoot + aside)) throw new Problem('internal', { detail: `${aside} is there already` })
  if (!(await exists(systemRoot + path))) return
  await rename(systemRoot + path, systemRoot + aside)
  await syncDirectory(dirname(systemRoot + path))
}

/**
 * Puts it back in the place of what was restored there. Nothing happens when it was not set aside, or is back already. Throws
 * when something is mounted there by now: the former data keeps its other name.
 */
export async function putBack(
  path: string,
  aside: string,
  io: Pick<SourceIo, 'places' | 'run' | 'signal'>,
): Promise<void> {
  const { systemRoot } = io.places
  if (!(await exists(systemRoot + aside))) return
  await removeTree(systemRoot + path, io)
  await rename(systemRoot + aside, systemRoot + path)
  await syncDirectory(dirname(systemRoot + path))
}
