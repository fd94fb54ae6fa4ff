// What the receiving side of an rsync is asked to run, taken apart: nothing but one file into one upload's folder. Pure.
// The forms are those that rsync 3.5.0 was seen to send for our own options; older ones differ in the letters after `e`.
import { z } from 'zod'

/** Where rsync keeps what has come of a file: a folder beside it. */
export const partialFolder = '.rsync-partial'
/** Seconds of silence after which rsync gives up, on both sides. */
export const rsyncTimeoutS = 60

/** An instance's id as the name of a folder. */
export const inboxUidSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)
export const inboxUploadSchema = z.uuid()
/** Begins with no dot and no dash: never a hidden file, an option or a way out. */
export const inboxFileSchema = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}$/)

/** What root notes beside an upload's folder, as `<uploadId>.json`. */
export const inboxNoteSchema = z.object({
  filename: inboxFileSchema,
  sizeBytes: z.number().int().positive(),
  /** A file with an earlier archive, of which parts need not be sent again. */
  basis: inboxFileSchema.nullable(),
  /** Bytes of that archive, and what was put behind the part that has come, which is not counted as its sender's. */
  spare: z.number().int().nonnegative().default(0),
  joined: z.number().int().nonnegative().nullable().default(null),
})
export type InboxNote = z.infer<typeof inboxNoteSchema>

/** A request to receive one file. */
export interface ReceiveRequest {
  readonly kind: 'receive'
  readonly uploadId: string
  readonly filename: string
  /** Arguments for rsync, made anew, to be run in the upload's folder. */
  readonly args: readonly string[]
}
export type InboxRequest =
  | ReceiveRequest
  | { readonly kind: 'probe' }
  | { readonly kind: 'refused'; readonly reason: string }

/** Nothing that a shell or rsync would take for more than it is. */
const plain = /^[A-Za-z0-9_.,=/ -]{1,500}$/
/** `-yte.LsfxCIvu`: similar files as basis, times; after `e` what the sender's version can do. */
const letters = /^-(?=[a-z])([yt]{0,3})(e[0-9]*\.[A-Za-z]{0,30})?$/

/** Reads the value of SSH_ORIGINAL_COMMAND, which anybody with the key may choose. */
export function readInboxCommand(command: string | undefined): InboxRequest {
  if (command === undefined || command === '') return refused('this key opens no shell')
  if (command === 'probe') return { kind: 'probe' }
  if (!plain.test(command)) return refused('the command has characters that no transfer needs')
  const words = command.split(' ')
  if (words[0] !== 'rsync' || words[1] !== '--server') return refused('only rsync may be run')
  const dot = words.indexOf('.')
  if (dot === -1 || dot !== words.length - 2) return refused('not one file')
  const options = readOptions(words.slice(2, dot))
  if (typeof options === 'string') return refused(options)
  const [uploadId, filename, ...more] = (words.at(-1) ?? '').split('/')
  if (more.length > 0 || !inboxUploadSchema.safeParse(uploadId).success || uploadId === undefined)
    return refused('the path is not UPLOAD/FILE')
  if (filename === undefined || !inboxFileSchema.safeParse(filename).success)
    return refused('the path is not UPLOAD/FILE')
  const { cluster, stats } = options
  const args = [
    '--server',
    ...(cluster === null ? [] : [cluster]),
    `--timeout=${rsyncTimeoutS}`,
    ...(stats ? ['--stats'] : []),
    '--partial-dir',
    partialFolder,
    '.',
    filename,
  ]
  return { kind: 'receive', uploadId, filename, args }
}

/** Or why not. */
function readOptions(words: readonly string[]): { cluster: string | null; stats: boolean } | string {
  let cluster: string | null = null
  let stats = false
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (cluster === null && letters.test(word)) cluster = word
    else if (word === '--stats') stats = true
    else if (word === '--partial-dir') {
      at += 1
      if (words[at] !== partialFolder) return 'another --partial-dir'
    } else if (
      word !== `--partial-dir=${partialFolder}` &&
      !/^--(timeout|bwlimit)=[0-9.]{1,12}$/.test(word)
    ) {
      return `the option ${word.slice(0, 40)} is not allowed`
    }
  }
  return { cluster, stats }
}

function refused(reason: string): InboxRequest {
  return { kind: 'refused', reason }
}

/**
 * What is in an upload's folder that rsync does not put there for this file, null when nothing is: a sender that says it has
 * more than one file makes a folder of its own. Pure.
 */
export function strangerIn(
  entries: readonly { readonly name: string; readonly folder: boolean }[],
  note: InboxNote,
): string | null {
  const found = entries.find(({ name, folder }) =>
    folder
      ? name !== partialFolder
      : name !== note.filename && name !== note.basis && !isTemporary(name, note.filename),
  )
  return found?.name ?? null
}

/** `.FILE.Xw3bRq`: what rsync writes into. */
export function isTemporary(name: string, filename: string): boolean {
  return name.startsWith(`.${filename}.`) && /^[A-Za-z0-9]{6}$/.test(name.slice(filename.length + 2))
}
