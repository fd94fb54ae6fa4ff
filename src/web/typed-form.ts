// A form as it was typed, with what is wrong with it: beside its fields, and as a list that leads to them.
import { isProblem, type FieldError, type Problem } from '../domain/problem.ts'
import type { MessageKey } from '../../locales/en.ts'
import { fieldText, problemText, type ProblemText } from './problem-text.ts'
import type { Words } from './sentence.ts'

/** Texts by field name. */
export type Typed = Readonly<Record<string, string | readonly string[]>>

/** `value`, `has`, `list` and `error` are functions for the template: a name not used yet is simply empty. */
export interface TypedForm {
  readonly value: (name: string) => string
  readonly list: (name: string) => readonly string[]
  /** One of the texts of the field is this one; without a text: the field was sent. */
  readonly has: (name: string, text?: string) => boolean
  readonly error: (name: string) => string
  readonly summary: readonly { readonly href: string; readonly text: string }[]
  /** Why it was refused, when no field is to blame. */
  readonly problem: ProblemText | null
}

export interface Wrong {
  readonly errors?: readonly FieldError[]
  readonly problem?: Problem | null
}

/** The fields of a POST. `secret` ones are left out: they never go back into a page. */
export function typedOf(form: URLSearchParams, secret: readonly string[] = []): Typed {
  const typed: Record<string, readonly string[]> = {}
  for (const name of new Set(form.keys())) {
    if (!secret.includes(name)) typed[name] = form.getAll(name).map((text) => text.replaceAll('\r\n', '\n'))
  }
  return typed
}

/** The form for its template. `labels`: what its fields are called on the page. */
export function typedForm(
  typed: Typed,
  { errors = [], problem = null }: Wrong,
  words: Words,
  labels: Readonly<Record<string, MessageKey>> = {},
): TypedForm {
  const texts = new Map<string, string[]>()
  for (const error of errors) {
    const name = formField(error.field)
    const text = fieldText(words, error)
    const known = texts.get(name) ?? []
    if (!known.includes(text)) texts.set(name, [...known, text])
  }
  const list = (name: string) => (Object.hasOwn(typed, name) ? [typed[name] ?? []].flat() : [])
  return {
    value: (name) => list(name).at(-1) ?? '',
    list,
    has: (name, text) => (text === undefined ? list(name).length > 0 : list(name).includes(text)),
    error: (name) => texts.get(name)?.join(' ') ?? '',
    summary: [...texts].map(([name, told]) => {
      const label = Object.hasOwn(labels, name) ? labels[name] : undefined
      const text = told.join(' ')
      return {
        href: `#${name}`,
        text: label === undefined ? text : words.t('jobs.form.wrong_field', { label: words.t(label), text }),
      }
    }),
    problem: problem === null ? null : problemText(words, problem.code, problem.facts),
  }
}

/** What a refusal says about a form that is shown again. Rethrows what is no {@link Problem}. */
export function wrongOf(error: unknown): Wrong {
  if (!isProblem(error)) throw error
  const { errors, code } = error
  // Fields say it all, unless the engine has more to say than that they are wrong.
  return { errors, problem: errors.length > 0 && code === 'validation_failed' ? null : error }
}

/** The engine's `quotaBytes` and `scopes.0` are the form's `quota_bytes` and `scopes`. */
function formField(field: string): string {
  return field.replace(/\.\d+$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
