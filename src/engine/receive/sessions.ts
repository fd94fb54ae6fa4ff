// What is known in memory of uploads under way: who is writing what, and the hash of the whole file as far as it has come.
// All of it can be made again from the rows and the files.
import { Problem } from '../../domain/problem.ts'
import { parallelChunksMost } from '../../domain/upload.ts'
import { recordedChunks, type StoredUpload } from '../../store/uploads.ts'
import type { EngineDeps } from '../deps.ts'
import type { Received } from '../federation.ts'
import { partPath } from './part-file.ts'
import { createWholeHash, type HashedBytes, type WholeHash } from './whole-hash.ts'

/** Connections of one owner that may bring chunks at one time. */
const connectionsMost = 8

export interface Session {
  readonly id: string
  readonly archiveName: string
  readonly hash: WholeHash
  /** Aborts when the upload ends or the server stops. */
  readonly signal: AbortSignal
  /** Counts a connection until it calls what is returned. `upload_busy` when there are too many. */
  enter(owner: string): () => void
  /**
   * Works on chunk `n` after everybody who came before with the same one. `hurry` aborts when somebody else waits for it: a
   * connection that is dead need not be waited for as long as one that nobody replaced.
   */
  alone<T>(n: number, work: (hurry: AbortSignal) => Promise<T>): Promise<T>
  /** Set while the whole file is being checked and put in place: who asks again waits for the same end. */
  finishing: Promise<Received> | null
}

export interface Sessions {
  /** Of an upload that is open. */
  of(upload: StoredUpload): Promise<Session>
  /** Resolves when nobody is putting this upload, or one of that archive, in place any more. */
  settled(which: { readonly id: string } | { readonly archiveName: string }): Promise<void>
  /** Ends its writers and forgets it; resolves when none of them touches the file any more. */
  end(id: string): Promise<void>
  /** Forgets those that nobody works on: the next one who comes starts anew. */
  rest(): Promise<void>
  close(): Promise<void>
  readonly counted: Readonly<HashedBytes>
}

interface Held extends Session {
  readonly stop: AbortController
  /** Connections and what else touches the file. */
  readonly working: Set<Promise<unknown>>
}

export function createSessions(deps: EngineDeps): Sessions {
  const held = new Map<string, Promise<Held>>()
  const owners = new Map<string, number>()
  const counted: HashedBytes = { passing: 0, readBack: 0 }
  let closed = false

  const make = async (upload: StoredUpload): Promise<Held> => {
    const stop = new AbortController()
    const recorded = await recordedChunks(deps.db, upload.id)
    const { totalSize, chunkSize, totalChunks } = upload
    const hash = createWholeHash({ path: partPath(upload), totalSize, chunkSize, totalChunks }, recorded, {
      counted,
      signal: stop.signal,
      complain: (error) => deps.log.warn({ err: error, upload: upload.id }, 'a partial file cannot be read'),
    })
    return createSession(upload, hash, stop, owners)
  }
  const endOne = async (session: Held): Promise<void> => {
    session.stop.abort(new Problem('cancelled'))
    await Promise.allSettled(session.working)
    await session.hash.idle()
  }

  return {
    counted,
    async of(upload) {
      if (closed) throw new Problem('cancelled')
      const known = held.get(upload.id)
      if (known) return known
      const made = make(upload)
      held.set(upload.id, made)
      made.catch(() => held.delete(upload.id))
      return made
    },
    async settled(which) {
      for (const session of await Promise.all(held.values())) {
        const meant = 'id' in which ? session.id === which.id : session.archiveName === which.archiveName
        // How it ended is for those who asked for it.
        if (meant && session.finishing) await Promise.allSettled([session.finishing])
      }
    },
    async end(id) {
      const session = held.get(id)
      if (!session) return
      held.delete(id)
      await endOne(await session)
    },
    async rest() {
      for (const [id, made] of held) {
        const session = await made
        if (session.working.size === 0 && session.finishing === null) held.delete(id)
      }
    },
    async close() {
      closed = true
      const sessions = await Promise.all(held.values())
      await Promise.all(sessions.map((session) => endOne(session)))
      await Promise.allSettled(sessions.flatMap((session) => session.finishing ?? []))
    },
  }
}

function createSession(
  upload: StoredUpload,
  hash: WholeHash,
  stop: AbortController,
  owners: Map<string, number>,
): Held {
  const working = new Set<Promise<unknown>>()
  const last = new Map<number, { readonly ended: Promise<void>; readonly hurry: AbortController }>()
  let arriving = 0
  return {
    id: upload.id,
    archiveName: upload.archiveName,
    hash,
    signal: stop.signal,
    stop,
    working,
    finishing: null,
    enter(owner) {
      const ofOwner = owners.get(owner) ?? 0
      if (arriving >= parallelChunksMost) throw busy(parallelChunksMost)
      if (ofOwner >= connectionsMost) throw busy(connectionsMost)
      arriving += 1
      owners.set(owner, ofOwner + 1)
      return () => {
        arriving -= 1
        const left = (owners.get(owner) ?? 1) - 1
        if (left === 0) owners.delete(owner)
        else owners.set(owner, left)
      }
    },
    async alone(n, work) {
      const before = last.get(n)
      before?.hurry.abort()
      const hurry = new AbortController()
      const mine = (before?.ended ?? Promise.resolve()).then(() => work(hurry.signal))
      const ended = mine.then(
        () => undefined,
        () => undefined,
      )
      const own = { ended, hurry }
      last.set(n, own)
      working.add(ended)
      try {
        return await mine
      } finally {
        working.delete(ended)
        if (last.get(n) === own) last.delete(n)
      }
    },
  }
}

function busy(limit: number): Problem {
  return new Problem('upload_busy', { limit, retryAfterS: 1 })
}
