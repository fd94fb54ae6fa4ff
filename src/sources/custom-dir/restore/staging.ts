// The hidden directory beside the target in which everything is made ready, and where the former state waits.
import { mkdirSync, renameSync, rmdirSync } from 'node:fs'
import { exists } from '../../../sys/files.ts'
import { syncDirectory } from '../../../sys/files.ts'
import { Problem } from '../../../domain/problem.ts'
import { removeTree } from '../../restore/remove-tree.ts'
import type { Changes, RestoreTransaction, SourceIo } from '../../source.ts'
import type { Settings } from '../settings.ts'

export interface Staging {
  readonly path: string
  /** What is unpacked. */
  readonly fresh: string
  /** What was in its place, by number. */
  readonly former: string
  /** Copy of a unit file that is replaced. */
  readonly unit: string
}

/** The places of an operation's staging directory in `folder`. Pure. */
export function stagingIn(folder: string, operation: string): Staging {
  return stagingAt(`${folder === '/' ? '' : folder}/.bm-restore-${operation}`)
}

function stagingAt(path: string): Staging {
  return { path, fresh: `${path}/new`, former: `${path}/former`, unit: `${path}/unit` }
}

/** Announces and makes it, for root alone. */
export async function makeStaging(folder: string, tx: RestoreTransaction, io: SourceIo): Promise<Staging> {
  const staging = stagingIn(folder, io.operation)
  await tx.will({ kind: 'staging', data: { path: staging.path } })
  for (const path of [staging.path, staging.fresh, staging.former]) mkdirSync(path, { mode: 0o700 })
  await syncDirectory(folder)
  return staging
}

export const stagingChanges: Changes<Settings> = {
  staging: {
    /** What could not be put back stays where it is: it is the only copy. */
    undo: async ({ path }, _, io) => {
      const staging = stagingAt(String(path))
      for (const kept of [staging.former, strayPath(staging.path)]) {
        if (!isEmptyOrAbsent(kept)) {
          throw new Problem('put_back_failed', { detail: `something is still in ${kept}` })
        }
      }
      await discard(staging.path, io)
    },
    finish: async ({ path }, _, io) => discard(String(path), io),
  },
}

/** Where something is put that has appeared in a place which is needed for the former state. */
export function strayPath(staging: string): string {
  return `${staging}/found`
}

/** Under another name first: from then on nobody takes it for something that still has to be put back. */
async function discard(path: string, io: SourceIo): Promise<void> {
  const doomed = `${path}.gone`
  if (await exists(path)) renameSync(path, doomed)
  await removeTree(doomed, io)
}

/** Removes an empty directory; false when it is not empty. */
function isEmptyOrAbsent(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOENT') return true
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}
