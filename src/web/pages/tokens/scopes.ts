// Rights in plain words: as checkboxes of a form, and as a line of a list.
import { scopes, type Scope } from '../../../domain/token.ts'
import type { T } from '../../i18n.ts'

export interface ScopeChoice {
  readonly value: Scope
  readonly label: string
  readonly hint: string
  readonly chosen: boolean
}

/** All rights, the harmless ones first. */
export function scopeChoices(chosen: readonly string[], t: T): readonly ScopeChoice[] {
  return scopes.map((value) => ({
    value,
    label: t(`tokens.scope.${value}`),
    hint: t(`tokens.scope.${value}.hint`),
    chosen: chosen.includes(value),
  }))
}

/** Those among the texts of a form that are rights. */
export function scopesOf(texts: readonly string[]): readonly Scope[] {
  return scopes.filter((scope) => texts.includes(scope))
}

/** In a few words; `admin` says it all. */
export function scopesInWords(granted: readonly Scope[], t: T): string {
  if (granted.includes('admin')) return t('tokens.scope_short.admin')
  if (granted.length === 0) return t('tokens.scope_short.none')
  return scopes
    .filter((scope) => granted.includes(scope))
    .map((scope) => t(`tokens.scope_short.${scope}`))
    .join(', ')
}
