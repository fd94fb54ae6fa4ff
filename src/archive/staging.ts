// A hidden folder beside a target, in which something is made before it gets its name. A note in the archives directory says
// where it is, so that what a crash leaves is found again.
import { lstatSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { errorCode, removeIfExists, syncDirectory, writeFileAtomic } from '../sys/files.ts'
import { removeWorkDir } from './work-dir.ts'

const noteSchema = z.object({ version: z.literal(1), folder: z.string() })
const notePattern = /^\.extract-([0-9a-f-]{36})\.note$/

export interface Staging {
  /** Absolute; empty at first, for root alone. */
  readonly folder: string
  /** Removes what is still there, and the note. Call it always. */
  dispose(): Promise<void>
}

/** Makes the folder for the operation (a UUID). Its parent must exist. */
export async function openStaging(archivesDir: string, operation: string, target: string): Promise<Staging> {
  const folder = join(dirname(target), folderName(target, operation))
  const note = notePath(archivesDir, operation)
  await writeFileAtomic(note, JSON.stringify({ version: 1, folder }), { mode: 0o600, exclusive: true })
  const dispose = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true })
    await removeIfExists(note)
  }
  try {
    await mkdir(folder, { mode: 0o700 })
    await syncDirectory(dirname(folder))
    return { folder, dispose }
  } catch (error) {
    await removeIfExists(note)
    throw error
  }
}

/** Removes the folders of operations that are certainly over, and gives their paths. */
export async function recoverStaging(
  archivesDir: string,
  isOver: (operation: string) => boolean,
): Promise<string[]> {
  const removed: string[] = []
  for (const file of await filesIn(archivesDir)) {
    const operation = notePattern.exec(file)?.[1]
    if (operation === undefined || !isOver(operation)) continue
    const note = join(archivesDir, file)
    const folder = await folderOf(note, operation)
    if (folder !== null && (await removeWorkDir(folder)) === 'removed') removed.push(folder)
    await removeIfExists(note)
  }
  return removed
}

/** Operations that have a note older than `ms`; `now` in epoch milliseconds. */
export async function staleStagings(archivesDir: string, now: number, ms: number): Promise<string[]> {
  const files = await filesIn(archivesDir)
  return files.flatMap((file) => {
    const operation = notePattern.exec(file)?.[1]
    const stats =
      operation === undefined ? undefined : lstatSync(join(archivesDir, file), { throwIfNoEntry: false })
    return operation !== undefined && stats !== undefined && now - stats.mtimeMs > ms ? [operation] : []
  })
}

function notePath(archivesDir: string, operation: string): string {
  return join(archivesDir, `.extract-${operation}.note`)
}

function folderName(target: string, operation: string): string {
  // Short enough for any file system, whatever the target is called.
  return `.${basename(target).slice(0, 50)}.${operation}.partial`
}

/** Where the folder is; null when the note does not name one that we could have made. */
async function folderOf(note: string, operation: string): Promise<string | null> {
  try {
    const { folder } = noteSchema.parse(JSON.parse(await readFile(note, 'utf8')))
    const ours = basename(folder).endsWith(`.${operation}.partial`) && folder.startsWith('/')
    return ours && lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : null
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || errorCode(error) === 'ENOENT')
      return null
    throw error
  }
}

async function filesIn(archivesDir: string): Promise<string[]> {
  try {
    return await readdir(archivesDir)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
