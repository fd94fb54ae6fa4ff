// What the list of tokens shows, in words. Pure.
import type { ApiToken } from '../../../domain/token.ts'
import { actorInWords } from '../../actor.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { visibleName } from '../../visible-name.ts'
import type { ShownState } from '../runs/state.ts'
import { scopesInWords } from './scopes.ts'

export interface ShownToken {
  readonly id: number
  readonly name: string
  readonly state: ShownState
  readonly scopes: string
  /** The peer that bears it; null: a script. */
  readonly peer: { readonly name: string; readonly href: string } | null
  readonly created: Moment
  readonly by: string
  readonly used: Moment | null
  readonly expires: Moment | null
  /** It lets somebody in, so it can be revoked. */
  readonly alive: boolean
}

/** One line of the list. `peers`: names by id. `now` is epoch milliseconds. */
export function shownToken(
  token: ApiToken,
  peers: ReadonlyMap<number, string>,
  now: number,
  { t, f }: { readonly t: T; readonly f: Formats },
): ShownToken {
  const expired = token.expiresAt !== null && token.expiresAt <= now
  const word = token.revokedAt !== null ? 'revoked' : expired ? 'expired' : 'alive'
  return {
    id: token.id,
    name: visibleName(token.name),
    state: { state: word === 'alive' ? 'ok' : 'never', label: t(`tokens.state.${word}`) },
    scopes: scopesInWords(token.scopes, t),
    peer:
      token.peerId === null
        ? null
        : {
            name: visibleName(peers.get(token.peerId) ?? t('tokens.peer_gone')),
            href: `/peers/${token.peerId}`,
          },
    created: f.moment(token.createdAt),
    by: actorInWords(token.createdBy, t),
    used: token.lastUsedAt === null ? null : f.moment(token.lastUsedAt),
    expires: token.expiresAt === null ? null : f.moment(token.expiresAt),
    alive: word === 'alive',
  }
}

/** Those that let somebody in first. */
export function inListOrder(tokens: readonly ShownToken[]): readonly ShownToken[] {
  return [...tokens.filter((one) => one.alive), ...tokens.filter((one) => !one.alive)]
}
