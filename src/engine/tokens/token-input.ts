// What an admin says about a new token: all wrong fields at once.
import { invalid, type FieldError } from '../../domain/problem.ts'
import { scopes, type Scope } from '../../domain/token.ts'

const NAME_MAX = 60
/** What cannot be seen, or turns the text around it. Joiners are part of emoji and of Persian words. */
const hidden = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u

/** Wrong characters or length of the name of a token or peer. */
export function nameErrors(name: string): FieldError[] {
  if (name === '') return [{ field: 'name', code: 'required' }]
  if (name.length > NAME_MAX) return [{ field: 'name', code: 'too_long', facts: { max: NAME_MAX } }]
  return hidden.test(name) ? [{ field: 'name', code: 'control_characters' }] : []
}

/** None, and unknown ones. */
export function scopeErrors(given: readonly string[]): FieldError[] {
  if (given.length === 0) return [{ field: 'scopes', code: 'required' }]
  const known: readonly string[] = scopes
  return given.every((one) => known.includes(one)) ? [] : [{ field: 'scopes', code: 'scope_unknown' }]
}

/** Each once, in the usual order. */
export function tidyScopes(given: readonly Scope[]): readonly Scope[] {
  return scopes.filter((one) => given.includes(one))
}

/** The trimmed name and tidy scopes; throws `validation_failed`. Times are epoch milliseconds. */
export function checkTokenInput(
  input: { readonly name: string; readonly scopes: readonly Scope[]; readonly expiresAt?: number | null },
  now: number,
): { readonly name: string; readonly scopes: readonly Scope[]; readonly expiresAt: number | null } {
  const name = input.name.trim()
  const expiresAt = input.expiresAt ?? null
  const errors = [...nameErrors(name), ...scopeErrors(input.scopes)]
  // Also when it is not a number at all.
  if (expiresAt !== null && !(expiresAt > now)) errors.push({ field: 'expires_at', code: 'time_past' })
  if (errors.length > 0) throw invalid(...errors)
  return { name, scopes: tidyScopes(input.scopes), expiresAt }
}
