// A text of the dictionaries with its facts in it, in the page's language.
import type { Facts } from '../domain/problem.ts'
import { sentence as sentenceOf } from '../domain/sentence.ts'
import type { Formats, T } from './i18n.ts'
import type { MessageKey } from '../../locales/en.ts'

export interface Words {
  readonly t: T
  readonly f: Formats
}

/** The text of a key; missing facts as `domain/sentence.ts` says. */
export function sentence({ t, f }: Words, key: MessageKey, facts: Facts): string {
  return sentenceOf((told) => t(key, told), facts, f)
}
