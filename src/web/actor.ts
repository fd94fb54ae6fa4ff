// Who did something, in words: the stored name of an actor is the same in every language.
import type { Run } from '../domain/run.ts'
import { isMessageKey, type T } from './i18n.ts'
import { visibleName } from './visible-name.ts'

/** The user where nobody signs in (BM_AUTH=none): stored and signed, so it must not depend on the language. */
export const nobody = 'nobody'

/** For a list of who did what: a person's name, or the way it came about ("by the schedule"). */
export function actorInWords(actor: string, t: T): string {
  return wayInWords(actor, t) ?? personInWords(actor, t)
}

/** Why a run was started, for "Started: …". */
export function triggerInWords({ trigger, actor }: Pick<Run, 'trigger' | 'actor'>, t: T): string {
  const way = trigger === 'manual' ? wayInWords(actor, t) : null
  return way ?? t(`runs.trigger.${trigger}`, { actor: personInWords(actor, t) })
}

/** The name to show for a user, a peer or the token of a script. */
export function personInWords(user: string, t: T): string {
  const [, kind, name] = /^(peer|token):(.+)$/s.exec(user) ?? []
  if (name !== undefined)
    return t(kind === 'peer' ? 'actor.peer_named' : 'actor.token_named', { name: visibleName(name) })
  return user === nobody ? t('auth.nobody') : user
}

const withName: ReadonlySet<string> = new Set(['actor.cli_person', 'actor.peer_named', 'actor.token_named'])

/** Null for a person. */
function wayInWords(actor: string, t: T): string | null {
  const person = /^cli \((.+)\)$/.exec(actor)?.[1]
  if (person !== undefined) return t('actor.cli_person', { name: person })
  const key = `actor.${actor}`
  // A user may be called like a key that wants a name.
  return isMessageKey(key) && !withName.has(key) ? t(key) : null
}
