// Indexes of archives' contents: found, or made once. Whoever asks for one that is being made shares the work.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { join } from 'node:path'
import { recordReader } from '../../archive/member-records.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { archiveFile, type ArchiveFile } from '../../store/archive-file.ts'
import { fingerprints } from '../../store/archives.ts'
import { buildContents } from '../../store/contents-build.ts'
import type { ContentsIndex } from '../../store/contents-index.ts'
import { removeIfExists } from '../../sys/files.ts'
import { rescan } from '../catalogue.ts'
import type { EngineDeps } from '../deps.ts'
import { withHold } from '../hold.ts'
import { indexFiles } from './index-files.ts'

/** An archive that cannot be indexed is not read again for each page that asks. */
const rememberFailureMs = 10 * 60_000

/** One that is being made. */
export interface Building {
  /** Members, and bytes of the archive's file, so far. */
  members: number
  done: number
  readonly totalBytes: number
  /** Resolves when the file is there; rejects with why it is not. */
  readonly ended: Promise<void>
}

export interface Indexes {
  /** The index, or its making, which begins with this call. The caller closes the index. `archive_not_found`. */
  ask(name: string): Promise<ContentsIndex | Building>
  /** Waits for it. `archive_unsafe`, `archive_truncated`, `archive_in_use`, or the signal's reason. */
  ready(name: string, signal?: AbortSignal): Promise<ContentsIndex>
  /** Removes those of archives that are gone or have changed. */
  sweep(): Promise<void>
  /** Stops what is being made and waits for it. */
  close(): Promise<void>
}

export function isBuilding(asked: ContentsIndex | Building): asked is Building {
  return 'ended' in asked
}

export function createIndexes(deps: EngineDeps): Indexes {
  const files = indexFiles(join(deps.dataDir, 'contents'))
  const stop = new AbortController()
  const building = new Map<string, Building>()
  const failures = new Map<string, { readonly problem: Problem; readonly at: number }>()
  let last: Promise<unknown> = Promise.resolve()

  const begin = (archive: ArchiveFile): Building => {
    const progress = { members: 0, done: 0 }
    const work = async (): Promise<void> => {
      try {
        await make(archive, progress)
      } catch (error) {
        const problem = stop.signal.aborted ? new Problem('cancelled', {}, { cause: error }) : error
        if (isProblem(problem, 'archive_unsafe') || isProblem(problem, 'archive_truncated')) {
          failures.set(keyOf(archive), { problem, at: performance.now() })
        }
        throw problem
      } finally {
        building.delete(keyOf(archive))
      }
    }
    // One after the other: each keeps a processor busy.
    const ended = last.then(work)
    last = ended.catch(() => undefined)
    const one: Building = Object.assign(progress, { totalBytes: archive.sizeBytes, ended })
    building.set(keyOf(archive), one)
    return one
  }

  const make = async (archive: ArchiveFile, progress: { members: number; done: number }): Promise<void> => {
    const { name, fingerprint } = archive
    const { signal } = stop
    const partial = await files.begin(name, fingerprint, deps.clock.now())
    const build = buildContents(partial)
    try {
      const records = recordReader()
      const take = (piece: Uint8Array): Promise<void> => {
        for (const record of records(piece)) {
          build.add(record)
          progress.members += 1
        }
        return nextTurn()
      }
      const result = await withHold(deps, name, 'download', () =>
        deps.helper.call(
          'archive.members',
          { name },
          {
            signal,
            onData: take,
            onFrame: (frame) => void (frame.t === 'progress' && (progress.done = frame.done)),
          },
        ),
      )
      await build.finish(signal)
      await files.publish(partial, name, result.fingerprint)
      if (result.fingerprint !== fingerprint) await rescan(deps, signal)
    } finally {
      build.close()
      await removeIfExists(partial)
    }
  }

  const ask: Indexes['ask'] = async (name) => {
    const archive = await archiveFile(deps.db, name)
    if (!archive) throw new Problem('archive_not_found', { archive: name })
    const index = files.open(name, archive.fingerprint, deps.clock.now())
    if (index) return index
    const failure = failures.get(keyOf(archive))
    if (failure && performance.now() - failure.at < rememberFailureMs) throw failure.problem
    failures.delete(keyOf(archive))
    if (stop.signal.aborted) throw new Problem('cancelled')
    const one = building.get(keyOf(archive)) ?? begin(archive)
    // Who waits for it hears of its failure; the next one who asks begins anew.
    one.ended.catch(() => undefined)
    return one
  }

  return {
    ask,
    async ready(name, signal) {
      // The second time its file had changed since it was last looked at.
      for (let times = 0; times < 3; times += 1) {
        const asked = await ask(name)
        if (!isBuilding(asked)) return asked
        await orAborted(asked.ended, signal)
      }
      throw new Problem('archive_in_use', { archive: name })
    },
    sweep: async () => files.sweep(await fingerprints(deps.db), deps.clock.now()),
    async close() {
      stop.abort()
      await Promise.allSettled([...building.values()].map(({ ended }) => ended))
    },
  }
}

function keyOf({ name, fingerprint }: ArchiveFile): string {
  return `${name}\0${fingerprint}`
}

/** The work goes on for others; who is gone does not wait for it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
