// Makes an archive's own descriptions readable. They may come from anywhere: only their shape is trusted.
import type { Formats, T } from '../../i18n.ts'

export interface Part {
  readonly name: string
  /** Name, version or path; may be empty. */
  readonly detail: string
  /** Empty when it is not known. */
  readonly size: string
}

export interface Sidecar {
  readonly description: string
  readonly yunohostVersion: string
  readonly apps: readonly Part[]
  readonly system: readonly Part[]
  readonly unpacked: string
}

type Json = Readonly<Record<string, unknown>>

/** The object in a JSON column; null when it is not one. */
export function parseObject(json: string | null): Json | null {
  if (json === null) return null
  try {
    return asObject(JSON.parse(json))
  } catch {
    // Damaged text: the page says that there is no readable description.
    return null
  }
}

/** YunoHost's description: what is inside, with sizes where it gives them. */
export function sidecarOf(info: Json, f: Formats): Sidecar {
  const sizes = asObject(info['size_details']) ?? {}
  const appSizes = asObject(sizes['apps']) ?? {}
  const systemSizes = asObject(sizes['system']) ?? {}
  return {
    description: text(info['description']),
    yunohostVersion: text(info['from_yunohost_version']),
    unpacked: size(info['size'], f),
    apps: Object.entries(asObject(info['apps']) ?? {}).map(([id, value]) => {
      const app = asObject(value) ?? {}
      const detail = [text(app['name']), text(app['version'])].filter((one) => one !== '').join(' · ')
      return { name: id, detail, size: size(appSizes[id], f) }
    }),
    system: Object.keys(asObject(info['system']) ?? {}).map((id) => ({
      name: id,
      detail: '',
      size: size(systemSizes[id], f),
    })),
  }
}

export interface Line {
  readonly label: string
  readonly value: string
}

/** Our own description as lines: known keys in words, the others by their name, nested ones with a path. */
export function backupInfoLines(info: Json, t: T): readonly Line[] {
  return flatten('', info).map(([key, value]) => ({ label: labelOf(key, t), value }))
}

const labels = {
  instance_name: 'archives.info.instance',
  instance_url: 'archives.info.url',
  instance_id: 'archives.info.instance_id',
  app: 'archives.info.app',
  type: 'archives.info.type',
  created_at: 'archives.info.created',
  backupmanager_version: 'archives.info.version',
  yunohost_version: 'archives.info.yunohost',
  'job.name': 'archives.info.job',
  'job.uid': 'archives.info.job_uid',
  sha256: 'archives.info.sha256',
} as const

function labelOf(key: string, t: T): string {
  const known = Object.entries(labels).find(([name]) => name === key)
  return known === undefined ? key : t(known[1])
}

const deepest = 6

function flatten(path: string, value: unknown, depth = 0): readonly (readonly [string, string])[] {
  const object = asObject(value)
  if (object === null || depth >= deepest) return [[path, plain(value)]]
  return Object.entries(object).flatMap(([key, inner]) =>
    flatten(path === '' ? key : `${path}.${key}`, inner, depth + 1),
  )
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(', ')
  return JSON.stringify(value) ?? ''
}

function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : null
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function size(value: unknown, f: Formats): string {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? f.size(value) : ''
}
