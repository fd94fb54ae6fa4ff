// Finds the upload that somebody speaks of, if it is theirs and still worth something.
import { Problem } from '../../domain/problem.ts'
import type { Caller } from '../../domain/token.ts'
import { uploadIdleMs, type Upload } from '../../domain/upload.ts'
import { getUpload, voidUpload, type StoredUpload } from '../../store/uploads.ts'
import type { EngineDeps } from '../deps.ts'
import { partSize } from './part-file.ts'
import type { Sessions } from './sessions.ts'

/** Also a finished one or one that failed. `upload_not_found` for another owner's, as for none. */
export async function mustFind(deps: EngineDeps, caller: Caller, id: string): Promise<StoredUpload> {
  const upload = await getUpload(deps.db, id)
  if (!upload || upload.owner !== caller.owner || expired(upload, deps.clock.now())) throw notFound(id)
  return upload
}

/** Nobody went on with it for too long. Pure. */
export function expired(upload: Upload, now: number): boolean {
  return upload.activeAt + uploadIdleMs < now
}

export function notFound(id: string): Problem {
  return new Problem('upload_not_found', { id: id.slice(0, 64) })
}

/**
 * Its file is gone or not what it was: what was received counts for nothing. The problem to throw. `archives_dir_missing` when
 * not even its folder is there: its disk may come back, and nothing is given up.
 */
export async function lost(deps: EngineDeps, sessions: Sessions, upload: StoredUpload): Promise<Problem> {
  if ((await partSize(upload)) === undefined) return away(upload)
  deps.log.warn(
    { upload: upload.id, file: upload.filename },
    'the partial file of an upload is gone; it has to be sent again',
  )
  await voidUpload(deps.db, upload.id, {
    code: 'interrupted',
    now: deps.clock.now(),
    unproven: true,
  })
  // Not waited for: the caller may be one of those that are to be ended.
  void sessions.end(upload.id)
  return notFound(upload.id)
}

/** The disk that its file lies on is away. */
export function away(upload: Pick<StoredUpload, 'folder'>): Problem {
  return new Problem('archives_dir_missing', { path: upload.folder })
}
