// Why retention keeps or removes an archive, in words. The codes are those of `domain/retention.ts`.
import { en, type MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'

/** A reason such as `weekly:2026-W19`; one that no dictionary knows is shown as it is. */
export function reasonInWords(reason: string, t: T): string {
  const [code = '', detail = ''] = reason.split(':')
  const key = `jobs.reason.${code}`
  return isKey(key) ? t(key, { detail }) : reason
}

/** Why removal is suspended; the code is what suspended it. */
export function holdInWords(code: string, t: T): string {
  const key = `jobs.hold_reason.${code}`
  return isKey(key) ? t(key) : code
}

/** Why a tick did not become a run. */
export function skipInWords(code: string, t: T): string {
  const key = `jobs.skip_reason.${code}`
  return isKey(key) ? t(key) : code
}

function isKey(key: string): key is MessageKey {
  return key in en
}
