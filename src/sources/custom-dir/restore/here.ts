// Looks at the machine that a restore would change, beside the target: programs, accounts, the service, the firewall.
import { isProblem } from '../../../domain/problem.ts'
import { CommandError } from '../../../sys/process.ts'
import type { SourceIo } from '../../source.ts'
import { installedVersion } from '../../yunohost/facts.ts'
import { askNames, nameOfId, readAccounts, type Account } from '../accounts.ts'
import type { SavedRecipe } from '../recipe-read.ts'
import { installedUnit, isEnabled } from '../units.ts'
import { openPorts } from './ports.ts'
import type { Payload } from './saved.ts'
import { serviceState } from './service.ts'

/** Accounts of this machine that a restore asked for. */
export interface Names {
  readonly users: ReadonlyMap<string, Pick<Account, 'uid' | 'gid' | 'home' | 'shell'>>
  readonly groups: ReadonlyMap<string, number>
  /** Whether the user's number, or its group's, belongs to somebody else. */
  readonly uidTaken: boolean
  readonly gidTaken: boolean
}

export interface ServiceFacts {
  /** False: no systemd that could be asked. */
  readonly systemd: boolean
  readonly loaded: boolean
  readonly active: boolean
  readonly enabled: boolean
  /** Text of the unit file that systemd uses. */
  readonly unit: string | null
}

export interface Here {
  readonly missingTools: readonly string[]
  readonly names: Names
  /** Null: the recipe has none, or is not wanted. */
  readonly service: ServiceFacts | null
  /** Ports that are open; null: there is no firewall of YunoHost's, or none is asked for. */
  readonly openPorts: readonly number[] | null
}

/** What a restore of `payload` with that recipe must know. `recipe`: null when it is not wanted. */
export async function lookAround(payload: Payload, recipe: SavedRecipe | null, io: SourceIo): Promise<Here> {
  const names = await lookUpNames(payload, recipe, io)
  const user = recipe?.user
  const tools: string[] = []
  if (!(await isGnuTar(io))) tools.push('GNU tar')
  if (user && !names.users.has(user.name)) {
    for (const tool of ['useradd', 'groupadd']) if (!(await hasTool(tool, io))) tools.push(tool)
  }
  const service = recipe?.service ? await lookAtService(recipe.service.name, io) : null
  if (service?.systemd === false) tools.push('systemctl')
  const ports = recipe !== null && recipe.ports.length > 0 ? await lookAtPorts(io) : null
  return { missingTools: tools, names, service, openPorts: ports }
}

async function lookUpNames(payload: Payload, recipe: SavedRecipe | null, io: SourceIo): Promise<Names> {
  const { users, groups } = readAccounts(io.places.systemRoot)
  const [owner = '', ownerGroup = ''] = recipe?.owner?.split(':') ?? []
  const user = recipe?.user ?? null
  const wantedUsers = [...payload.owners, user?.name ?? '', owner].filter((name) => name !== '')
  const wantedGroups = [
    ...payload.groups,
    user?.group.name ?? '',
    ownerGroup,
    ...(user?.groups ?? []),
  ].filter((name) => name !== '')
  const knownUsers = new Map(users.map((one) => [one.name, one]))
  const knownGroups = new Map(groups.map((one) => [one.name, one.gid]))
  const others = await askNames('passwd', missingIn(wantedUsers, knownUsers), io)
  const otherGroups = await askNames('group', missingIn(wantedGroups, knownGroups), io)
  for (const one of others.users) knownUsers.set(one.name, one)
  for (const one of otherGroups.groups) knownGroups.set(one.name, one.gid)
  const uidOf = users.find(({ uid }) => uid === user?.uid)?.name ?? (await holder('passwd', user?.uid, io))
  const gidOf =
    groups.find(({ gid }) => gid === user?.group.gid)?.name ?? (await holder('group', user?.group.gid, io))
  return {
    users: knownUsers,
    groups: knownGroups,
    uidTaken: uidOf !== null && uidOf !== user?.name,
    gidTaken: gidOf !== null && gidOf !== user?.group.name,
  }
}

async function holder(
  database: 'passwd' | 'group',
  id: number | null | undefined,
  io: SourceIo,
): Promise<string | null> {
  return typeof id === 'number' ? nameOfId(database, id, io) : null
}

function missingIn(names: readonly string[], known: ReadonlyMap<string, unknown>): string[] {
  return [...new Set(names)].filter((name) => !known.has(name)).toSorted()
}

async function lookAtService(name: string, io: SourceIo): Promise<ServiceFacts> {
  const { systemRoot } = io.places
  const state = await serviceState(name, io)
  return {
    systemd: state !== null,
    loaded: state?.loaded ?? false,
    active: state?.active ?? false,
    enabled: isEnabled(systemRoot, name),
    unit: installedUnit(systemRoot, name),
  }
}

/** A firewall that cannot be asked is none: the files matter more, and the plan says so. */
async function lookAtPorts(io: SourceIo): Promise<readonly number[] | null> {
  try {
    return (await installedVersion(io)) === null ? null : await openPorts(io)
  } catch (error) {
    if (io.signal.aborted || !isProblem(error)) throw error
    io.log('err', `the firewall could not be asked: ${error.message}`)
    return null
  }
}

/** Other programs of that name would not know our options. */
export async function isGnuTar(io: SourceIo): Promise<boolean> {
  try {
    const { stdout } = await io.run('tar', ['--version'], { signal: io.signal, okCodes: [0, 1, 2, 64, 127] })
    return stdout.startsWith('tar (GNU tar) ')
  } catch (error) {
    if (error instanceof CommandError && error.ended.how === 'not_found') return false
    throw error
  }
}

async function hasTool(name: string, io: SourceIo): Promise<boolean> {
  try {
    return (await io.run('which', [name], { signal: io.signal, okCodes: [0, 1], maxStdout: 4096 })).code === 0
  } catch (error) {
    // Then nobody knows before it is tried.
    if (error instanceof CommandError && error.ended.how === 'not_found') return true
    throw error
  }
}
