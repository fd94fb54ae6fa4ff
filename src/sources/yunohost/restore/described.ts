// What an archive's descriptions say about it, whoever made it: its apps, its parts, the YunoHost it comes from.
import { isObject } from '../../../archive/read-json.ts'
import type { Described } from '../../source.ts'
import { appIdPattern, partPattern } from '../facts.ts'

export interface ArchiveInfo {
  /** Versions by app id; empty when not told. */
  readonly apps: ReadonlyMap<string, string>
  /** Base names of the parts' hooks. */
  readonly parts: ReadonlyMap<string, readonly string[]>
  /** A name that no app or part can have, and that must not come near a command line; null when there is none. */
  readonly odd: string | null
  /** What YunoHost counts when it asks whether there is room; 0 when not told. */
  readonly size: number
  /** Null when it is no text. */
  readonly fromVersion: string | null
}

/** The sidecar, or the member `info.json`, understood. */
export function archiveInfo(info: Readonly<Record<string, unknown>>): ArchiveInfo {
  const apps = entries(info['apps'])
  // `system` was called `hooks` once.
  const parts = entries(info['system'] ?? info['hooks'])
  const odd = [
    ...apps.map(([id]) => id).filter((id) => !appIdPattern.test(id)),
    ...parts.map(([part]) => part).filter((part) => !partPattern.test(part)),
  ]
  const { size, from_yunohost_version: version } = info
  return {
    apps: new Map(apps.filter(([id]) => appIdPattern.test(id)).map(([id, told]) => [id, versionOf(told)])),
    parts: new Map(
      parts.filter(([part]) => partPattern.test(part)).map(([part, told]) => [part, hooksOf(told)]),
    ),
    odd: odd[0] ?? null,
    size: typeof size === 'number' && size > 0 ? size : 0,
    fromVersion: typeof version === 'string' ? version : null,
  }
}

/** Settings for a source that would have made this archive: of apps when it holds any, else of parts. */
export function recalledApp(described: Described): { app_id: string; core_only: boolean } | null {
  const [id] = archiveInfo(described.info).apps.keys()
  if (id === undefined || !fits(described, 'ynh_app')) return null
  return { app_id: id, core_only: described.backupInfo?.['core_only'] === true }
}

/** The same for parts. */
export function recalledParts(described: Described): { parts: string[] } | null {
  const { apps, parts } = archiveInfo(described.info)
  if (parts.size === 0 || !fits(described, 'ynh_system')) return null
  const mixed = apps.size > 0 && described.backupInfo === null
  return mixed ? null : { parts: [...parts.keys()] }
}

/** An archive that says what made it is nobody else's. */
function fits({ backupInfo }: Described, type: string): boolean {
  const told = backupInfo?.['type']
  return typeof told !== 'string' || told === type
}

function entries(value: unknown): [string, unknown][] {
  return isObject(value) ? Object.entries(value) : []
}

function versionOf(told: unknown): string {
  const version = isObject(told) ? told['version'] : undefined
  return typeof version === 'string' ? version : ''
}

/** A list of paths; without `size_details` YunoHost takes `{paths: […]}`. */
function hooksOf(told: unknown): string[] {
  const paths = isObject(told) ? told['paths'] : told
  const texts = Array.isArray(paths) ? paths.filter((path) => typeof path === 'string') : []
  return texts.map((path) => path.slice(path.lastIndexOf('/') + 1)).filter((hook) => hook !== '')
}
