// The forced command of the inbox's account: receives one file by rsync into the folder that root made for it, and nothing else.
// It runs for whoever has a peer's key, so what it was asked is taken apart, and rsync gets arguments that are made here.
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  inboxNoteSchema,
  inboxUidSchema,
  partialFolder,
  readInboxCommand,
  strangerIn,
  type InboxNote,
  type ReceiveRequest,
} from '../domain/rsync-server.ts'
import { errorCode } from '../sys/files.ts'
import { run, runAttached } from '../sys/process.ts'

/** How often an upload's folder is looked at while rsync writes there. */
const LOOK_MS = 1000
/** Beyond twice the file, for one that is kept and one that grows. */
const SLACK = 8 * 1024 * 1024

/** What a peer may not have. */
class Refused extends Error {}

/** `argv`: the inbox and the peer's id; `command`: what the client asked for. Resolves with the exit code. */
export async function inboxMain(argv: readonly string[], command: string | undefined): Promise<number> {
  try {
    const [folder = '', uid = '', ...more] = argv
    if (!folder.startsWith('/') || !inboxUidSchema.safeParse(uid).success || more.length > 0)
      throw new Refused('it is for sshd alone')
    const request = readInboxCommand(command)
    if (request.kind === 'refused') throw new Refused(request.reason)
    if (request.kind === 'probe') return await probe(uid)
    return await receive(join(folder, uid), request)
  } catch (error) {
    const reason = error instanceof Refused ? error.message : 'it does not work here'
    process.stderr.write(`backupmanager inbox: refused: ${reason}\n`)
    return 1
  }
}

async function probe(uid: string): Promise<number> {
  const { stdout } = await run('rsync', ['--version'])
  const version = /version\s+(\S{1,20})/.exec(stdout)?.[1] ?? 'unknown'
  process.stdout.write(`backupmanager inbox ${uid} ok rsync ${version}\n`)
  return 0
}

async function receive(peer: string, request: ReceiveRequest): Promise<number> {
  const folder = join(peer, request.uploadId)
  const note = await readNote(`${folder}.json`)
  if (note === null || note.filename !== request.filename) throw new Refused('no such upload')
  await mustBeGood(folder, note)
  const stop = new AbortController()
  const over = new AbortController()
  const watching = watch(folder, note, stop, over.signal)
  // One at a time, and no file larger than the one that was announced.
  const limited = ['prlimit', `--fsize=${note.sizeBytes}`, '--', 'rsync', ...request.args]
  const code = await runAttached('flock', ['--nonblock', '--conflict-exit-code', '75', folder, ...limited], {
    cwd: folder,
    signal: stop.signal,
  })
  over.abort()
  const wrong = await watching
  if (wrong !== null) throw new Refused(wrong)
  if (code === 75) throw new Refused('this upload is still being received')
  return code
}

async function readNote(path: string): Promise<InboxNote | null> {
  try {
    return inboxNoteSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** Ends rsync when something comes that is not the file; what that was, null when all was well. */
async function watch(
  folder: string,
  note: InboxNote,
  stop: AbortController,
  over: AbortSignal,
): Promise<string | null> {
  for (;;) {
    try {
      await sleep(LOOK_MS, undefined, { signal: over })
    } catch {
      // The end: looked at once more.
    }
    try {
      await mustBeGood(folder, note)
    } catch (error) {
      // Root may have taken it, and closed the folder.
      if (errorCode(error) === 'EACCES' || errorCode(error) === 'ENOENT') return null
      stop.abort()
      return error instanceof Refused ? error.message : 'the folder cannot be read'
    }
    if (over.aborted) return null
  }
}

async function mustBeGood(folder: string, note: InboxNote): Promise<void> {
  const own = await lstat(folder)
  if (!own.isDirectory()) throw new Refused('no such upload')
  const entries = await sizesIn(folder)
  const partial = entries.some((entry) => entry.name === partialFolder && entry.folder)
    ? await sizesIn(join(folder, partialFolder))
    : []
  if (entries.some((entry) => entry.odd) || partial.some((entry) => entry.odd || entry.folder))
    throw new Refused('there is something else than files')
  const stranger = strangerIn(entries, note) ?? partial.find((entry) => entry.name !== note.filename)?.name
  if (stranger !== undefined) throw new Refused('not one file')
  const bytes = [...entries.filter((entry) => entry.name !== note.basis), ...partial]
    .filter((entry) => !entry.folder)
    .reduce((sum, entry) => sum + entry.sizeBytes, 0)
  if (bytes > 2 * note.sizeBytes + note.spare + SLACK) throw new Refused('more than was announced')
}

interface Entry {
  readonly name: string
  readonly folder: boolean
  /** Neither a file nor a folder. */
  readonly odd: boolean
  readonly sizeBytes: number
}

async function sizesIn(folder: string): Promise<Entry[]> {
  const found: Entry[] = []
  for (const name of await readdir(folder)) {
    const stats = await lstat(join(folder, name)).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return null
      throw error
    })
    if (stats === null) continue
    const folderHere = stats.isDirectory()
    found.push({
      name,
      folder: folderHere,
      odd: !folderHere && !stats.isFile(),
      sizeBytes: stats.size,
    })
  }
  return found
}
