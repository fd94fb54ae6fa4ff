// Why retention keeps or removes an archive, in words. The codes are those of `domain/retention.ts`.
import { en, type MessageKey } from '../../../../locales/en.ts'
import type { T } from '../../i18n.ts'

/** A reason such as `weekly:2026-W19`; one that no dictionary knows is shown as it is. */
export function reasonInWords(reason: string, t: T): string {
  const [code = '', detail = ''] = reason.split(':')
  const key = `jobs.reason.${code}`
  return isKey(key) ? t(key, { detail }) : reason
}

function isKey(key: string): key is MessageKey {
  return key in en
}
