// Reads users and groups of this machine from its own two files, below a root that only tests change. Names of a
// directory service (YunoHost's users) are asked of `getent`.
import { readFileSync } from 'node:fs'
import { errorCode } from '../../sys/files.ts'
import { CommandError } from '../../sys/process.ts'
import type { SourceIo } from '../source.ts'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly gecos: string
  readonly home: string
  readonly shell: string
}

export interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** The users and groups that the two files name. */
export interface Accounts {
  readonly users: readonly Account[]
  readonly groups: readonly Group[]
}

const maxArguments = 200

/** Reads `/etc/passwd` and `/etc/group`; a file that is not there names nobody. Rejects with the system's error. */
export function readAccounts(systemRoot: string): Accounts {
  return {
    users: parsePasswd(textOf(`${systemRoot}/etc/passwd`)),
    groups: parseGroup(textOf(`${systemRoot}/etc/group`)),
  }
}

/** Lines that are no accounts (comments, NIS) are passed over. Pure. */
export function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', gecos = '', home = '', shell] = line.split(':')
    if (shell === undefined || !isId(uid) || !isId(gid)) return []
    return [{ name, uid: Number(uid), gid: Number(gid), gecos, home, shell }]
  })
}

/** As {@link parsePasswd}, for groups. Pure. */
export function parseGroup(text: string): Group[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid = '', members] = line.split(':')
    if (members === undefined || !isId(gid)) return []
    return [{ name, gid: Number(gid), members: members.split(',').filter((member) => member !== '') }]
  })
}

/**
 * Those of the names that `getent` knows, with their lines; where it fails or is missing, none. For users and groups
 * that stand in no file of this machine.
 */
export async function askNames(
  database: 'passwd' | 'group',
  names: readonly string[],
  io: Pick<SourceIo, 'run' | 'signal'>,
): Promise<Accounts> {
  let told = ''
  // What looks like an option or like a number would be taken for one.
  const askable = names.filter((name) => /^[^-\p{Cc}:]/u.test(name) && !/[\p{Cc}:]|^\d+$/u.test(name))
  for (let from = 0; from < askable.length; from += maxArguments) {
    const some = askable.slice(from, from + maxArguments)
    told += await getent([database, ...some], io)
  }
  return database === 'passwd'
    ? { users: parsePasswd(told), groups: [] }
    : { users: [], groups: parseGroup(told) }
}

/** Who has that number, by what `getent` knows; null for nobody. */
export async function nameOfId(
  database: 'passwd' | 'group',
  id: number,
  io: Pick<SourceIo, 'run' | 'signal'>,
): Promise<string | null> {
  return (await getent([database, String(id)], io)).split(':')[0] || null
}

async function getent(args: readonly string[], io: Pick<SourceIo, 'run' | 'signal'>): Promise<string> {
  try {
    // 2: some of the names are unknown.
    return (await io.run('getent', args, { signal: io.signal, okCodes: [0, 1, 2, 3] })).stdout
  } catch (error) {
    if (error instanceof CommandError && error.ended.how === 'not_found') return ''
    throw error
  }
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}
