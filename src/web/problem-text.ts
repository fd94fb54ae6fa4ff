// The words of problems, wrong fields and warnings: facts made readable, blanks without a fact never shown.
import type { Facts, FieldError, ProblemCode } from '../domain/problem.ts'
import type { RunWarning } from '../domain/run.ts'
import type { Formats, T } from './i18n.ts'

/** Facts that are numbers of bytes. */
const sizes = new Set(['needed', 'free', 'reserve', 'bytes'])

export interface ProblemText {
  readonly title: string
  /** What it means and what to do. */
  readonly hint: string
  /** What the program or system said, untranslated; empty when nothing was recorded. */
  readonly detail: string
}

/** The texts of a problem, of a page or of a failed run. */
export function problemText(words: { t: T; f: Formats }, code: ProblemCode, facts: Facts): ProblemText {
  const told = readable(words.f, facts)
  return {
    title: whole(words.t(`problem.${code}.title`, told)),
    hint: whole(words.t(`problem.${code}.hint`, told)),
    detail: String(facts['detail'] ?? ''),
  }
}

/** The text beside a wrong field. */
export function fieldText(words: { t: T; f: Formats }, error: FieldError): string {
  return whole(words.t(`field.${error.code}`, readable(words.f, error.facts ?? {})))
}

/** The text of a run's warning. */
export function warningText(words: { t: T; f: Formats }, warning: RunWarning): string {
  const facts = { path: warning.path, ...warning.facts }
  return whole(words.t(`warning.${warning.code}`, readable(words.f, facts)))
}

function readable(f: Formats, facts: Facts): Facts {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [
      key,
      typeof value !== 'number' || key === 'count' ? value : sizes.has(key) ? f.size(value) : f.number(value),
    ]),
  )
}

/** Who reported it may not have known every fact. */
function whole(text: string): string {
  return text.replaceAll(/\{\w+\}/g, '…')
}
