// YunoHost's own description of an archive: the member `info.json` and the sidecar `NAME.info.json`, the same bytes.
import type { Part } from './format.ts'

export interface InfoFacts {
  readonly description: string
  /** Epoch milliseconds; the sidecar has whole seconds. */
  readonly createdAt: number
  /** Unpacked bytes: YunoHost refuses to restore when there is less room than this. */
  readonly size: number
  readonly part: Part
  readonly yunohostVersion: string
}

/** All seven keys in YunoHost's order. */
export function info(facts: InfoFacts): Record<string, unknown> {
  const { part } = facts.part
  return {
    description: facts.description,
    created_at: Math.floor(facts.createdAt / 1000),
    size: facts.size,
    size_details: { system: { [part]: facts.size }, apps: {} },
    apps: {},
    system: { [part]: [`/etc/yunohost/hooks.d/backup/${facts.part.hook}`] },
    from_yunohost_version: facts.yunohostVersion,
  }
}

/** The file's bytes: one line, no newline. */
export function infoBytes(value: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8')
}
