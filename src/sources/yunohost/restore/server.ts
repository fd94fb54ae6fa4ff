// What a restore wants to know of the server as it is now. Everything is asked by commands that take no lock.
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { mountPoints } from '../../../archive/work-dir.ts'
import { errorCode } from '../../../sys/files.ts'
import type { SourceIo } from '../../source.ts'
import { readYunohost } from '../command.ts'
import { customHooksDir, systemParts } from '../facts.ts'
import { readSettings } from './settings-yml.ts'

export interface InstalledNow {
  readonly version: string
  /** Such as `example.org/cloud`; null for an app without one. */
  readonly address: string | null
  readonly dataDir: string | null
  /** Its data is left out of every backup, also of a safety archive. */
  readonly sparesData: boolean
}

export interface Server {
  /** YunoHost's version, null where it is missing. */
  readonly version: string | null
  readonly installed: ReadonlyMap<string, InstalledNow>
  readonly domains: ReadonlySet<string>
  /** Users and groups. */
  readonly groups: ReadonlySet<string>
  /** Parts that it can save. */
  readonly savable: ReadonlySet<string>
  /** Parts for which it has a restore hook of its own. */
  readonly restorable: ReadonlySet<string>
}

/** A folder into which an app's data would be restored. */
export interface LiveFolder {
  /** Something is in it. */
  readonly filled: boolean
  /** Where a disk is mounted at or below it; null when none is. */
  readonly mount: string | null
}

const text = z.string().nullish()
const appList = z.object({ apps: z.array(z.object({ id: z.string(), version: text, domain_path: text })) })
const domainList = z.object({ domains: z.array(z.string()) })
const userList = z.object({ users: z.record(z.string(), z.unknown()) })
const groupList = z.object({ groups: z.record(z.string(), z.unknown()) })

/**
 * Asks one after the other: each command takes a small server a second and a good part of its memory. Of apps, domains and
 * users only when they matter. Throws as {@link readYunohost}.
 */
export async function askServer(io: SourceIo, version: string | null, hasApps: boolean): Promise<Server> {
  const there = version !== null && hasApps
  const apps = there ? (await readYunohost(io, ['app', 'list'], appList)).apps : []
  const domains = there ? (await readYunohost(io, ['domain', 'list'], domainList)).domains : []
  const users = there ? (await readYunohost(io, ['user', 'list'], userList)).users : {}
  const groups = there ? (await readYunohost(io, ['user', 'group', 'list'], groupList)).groups : {}
  const installed = new Map<string, InstalledNow>()
  for (const app of apps) {
    const { dataDir, sparesData } = readSettings(await settingsOf(app.id, io))
    installed.set(app.id, {
      version: app.version ?? '',
      address: app.domain_path ?? null,
      dataDir,
      sparesData,
    })
  }
  const { systemRoot } = io.places
  // What YunoHost cannot read it does not list; installed it is all the same.
  for (const id of there ? await namesIn(`${systemRoot}/etc/yunohost/apps`) : []) {
    if (!installed.has(id))
      installed.set(id, { version: '', address: null, dataDir: null, sparesData: false })
  }
  return {
    version,
    installed,
    domains: new Set(domains),
    groups: new Set([...Object.keys(users), ...Object.keys(groups)]),
    savable: new Set(await systemParts(systemRoot + customHooksDir)),
    restorable: new Set([
      ...(await hooksIn(`${systemRoot}/usr/share/yunohost/hooks/restore`)),
      ...(await hooksIn(`${systemRoot}/etc/yunohost/hooks.d/restore`)),
    ]),
  }
}

/** Where YunoHost keeps what it knows of an app. While it is there the app counts as installed. */
export function settingsDirOf(app: string, io: Pick<SourceIo, 'places'>): string {
  return join(`${io.places.systemRoot}/etc/yunohost/apps`, app)
}

/** Looks at a folder of the server, `path` without the root of tests. */
export async function lookAt(
  path: string,
  io: Pick<SourceIo, 'places'>,
  mountInfo = '/proc/self/mountinfo',
): Promise<LiveFolder> {
  const folder = io.places.systemRoot + path
  try {
    const filled = (await stat(folder)).isDirectory() ? (await readdir(folder)).length > 0 : true
    const real = (await realpath(folder, 'buffer')).toString('latin1')
    const points = mountPoints(await readFile(mountInfo, 'latin1'))
    const mount = points.find((point) => point === real || point.startsWith(`${real}/`))
    return { filled, mount: mount === undefined ? null : Buffer.from(mount, 'latin1').toString('utf8') }
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return { filled: false, mount: null }
    throw error
  }
}

async function settingsOf(app: string, io: SourceIo): Promise<string> {
  try {
    return await readFile(join(settingsDirOf(app, io), 'settings.yml'), 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return ''
    throw error
  }
}

/** `17-data_home` is a hook of the part `data_home`. */
async function hooksIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).map((file) => file.replace(/^[^-]*-/, '').replace(/\.[^.]*$/, ''))
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
