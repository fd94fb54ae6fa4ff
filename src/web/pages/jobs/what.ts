// What a job backs up, in a few words. No type is known by name: a type has a text, its settings name the thing.
import { en, type MessageKey } from '../../../../locales/en.ts'
import type { Job } from '../../../domain/job.ts'
import type { T } from '../../i18n.ts'

/** The type as people say it, e.g. `app`; its id when no dictionary knows it. */
export function typeName(type: string, t: T): string {
  const key = `jobs.type.${type}`
  return isKey(key) ? t(key) : type
}

/** What it is for, for the form's choice of types; empty when no dictionary knows it. */
export function typeHint(type: string, t: T): string {
  const key = `jobs.type_hint.${type}`
  return isKey(key) ? t(key) : ''
}

/** Settings that name the thing itself. No other is shown: it might be a secret. */
const naming = ['app_id', 'source_path', 'database', 'parts']

/** The thing itself: an app's id, a path, a database, system parts. Empty when the settings name nothing. */
export function thingOf(config: Job['config']): string {
  const [thing] = naming.map((key) => config[key]).filter((value) => value !== undefined)
  if (typeof thing === 'string') return thing
  return Array.isArray(thing) ? thing.map(String).join(', ') : ''
}

function isKey(key: string): key is MessageKey {
  return key in en
}
