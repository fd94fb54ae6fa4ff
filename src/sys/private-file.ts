// A file for what a program reads and nobody else may see, such as a password: in memory where the system has such a place,
// for root or the running user alone, and gone when the work has ended.
import { existsSync } from 'node:fs'
import { lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorCode } from './files.ts'
import { sendSignal } from './process-tree.ts'

const prefix = 'backupmanager-private-'

/** Lends the path of a file (mode 0600 in a folder of mode 0700) with these contents; it is gone when `work` has ended. */
export async function withPrivateFile<T>(contents: string, work: (path: string) => Promise<T>): Promise<T> {
  const root = process.getuid?.() === 0 && existsSync('/run') ? '/run' : tmpdir()
  await removeAbandoned(root)
  const folder = await mkdtemp(join(root, `${prefix}${process.pid}-`))
  try {
    const path = join(folder, 'secret')
    await writeFile(path, contents, { mode: 0o600, flag: 'wx' })
    return await work(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What processes left that were killed before they could tidy up. */
async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    if (!Number.isInteger(pid) || pid === process.pid || sendSignal(pid, 0)) continue
    const folder = join(root, name)
    if (await isOurs(folder)) await rm(folder, { recursive: true, force: true })
  }
}

async function isOurs(folder: string): Promise<boolean> {
  try {
    const found = await lstat(folder)
    return found.isDirectory() && found.uid === process.getuid?.()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
