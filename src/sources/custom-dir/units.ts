// Where systemd keeps the files of services, and what is in one.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { lstatSync } from 'node:fs'
import { errorCode } from '../../sys/files.ts'

/** Where a restore puts unit files, whatever they came from. */
export const ownUnits = '/etc/systemd/system'
/** In the order in which systemd prefers them. */
const unitFolders = [ownUnits, '/lib/systemd/system', '/usr/lib/systemd/system']
/** More than any unit file; readers of archives keep no more. */
const unitMaxBytes = 512 * 1024
const suffixes = /\.(?:service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/

/** `hermes` is `hermes.service`. Pure. */
export function unitName(service: string): string {
  return suffixes.test(service) ? service : `${service}.service`
}

/** The file of a unit: instances (`a@b.service`) share that of their template (`a@.service`). Pure. */
export function unitFile(unit: string): string {
  return unit.replace(/@[^@]*(\.[a-z]+)$/, '@$1')
}

/** Where a restore writes the unit's file. Pure. */
export function unitPath(unit: string): string {
  return `${ownUnits}/${unitFile(unit)}`
}

/** Where this machine's own files are found: only tests put something in front. Other paths are taken as they are. */
export function systemPath(systemRoot: string, path: string): string {
  return /^\/(?:etc|lib|usr\/lib)\//.test(path) ? `${systemRoot}${path}` : path
}

/** Text of a unit file; null when there is none, or it is no regular file of a sensible size. */
export function readUnit(path: string): string | null {
  try {
    // A masked unit is a link to /dev/null.
    const stats = statSync(path)
    return stats.isFile() && stats.size <= unitMaxBytes ? readFileSync(path, 'utf8') : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error) ?? '')) return null
    throw error
  }
}

/** The text that systemd uses for a unit, null when it has none. */
export function installedUnit(systemRoot: string, unit: string): string | null {
  for (const folder of unitFolders) {
    for (const file of new Set([unit, unitFile(unit)])) {
      const text = readUnit(`${systemRoot}${folder}/${file}`)
      if (text !== null) return text
    }
  }
  return null
}

/** Whether something starts the unit at boot: a link in a `.wants` or `.requires` folder. */
export function isEnabled(systemRoot: string, unit: string): boolean {
  const folder = `${systemRoot}${ownUnits}`
  return namesIn(folder)
    .filter((name) => /\.(?:wants|requires)$/.test(name))
    .some((name) => lstatSync(`${folder}/${name}/${unit}`, { throwIfNoEntry: false })?.isSymbolicLink())
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
