// Who can bear a token, as choices of a form: a script, or one of the peers. Pure.
import type { T } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'

export interface BearerChoice {
  /** Of the option: a peer's id, or empty for a script. */
  readonly value: string
  readonly label: string
  /** Null: a script. */
  readonly peerId: number | null
  readonly chosen: boolean
}

/** A script first, then the peers, in the order of `peers` (names by id). None is chosen when `chosen` is no value of any. */
export function bearerChoices(
  peers: ReadonlyMap<number, string>,
  chosen: string,
  t: T,
): readonly BearerChoice[] {
  const script = { value: '', label: t('tokens.bearer.script'), peerId: null }
  const others = [...peers].map(([id, name]) => ({ value: String(id), label: visibleName(name), peerId: id }))
  return [script, ...others].map((one) => ({ ...one, chosen: one.value === chosen }))
}
