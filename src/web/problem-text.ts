// The words of problems, wrong fields and warnings.
import { type Facts, type FieldError, type ProblemCode, problems } from '../domain/problem.ts'
import type { RunWarning } from '../domain/run.ts'
import { sentence, type Words } from './sentence.ts'

export interface ProblemText {
  readonly title: string
  /** What it means and what to do. */
  readonly hint: string
  /** What the program or system said, untranslated; empty when nothing was recorded. */
  readonly detail: string
}

/** The texts of a problem, of a page or of a failed run. */
export function problemText(words: Words, code: ProblemCode, facts: Facts): ProblemText {
  return {
    title: sentence(words, `problem.${code}.title`, facts),
    hint: sentence(words, `problem.${code}.hint`, facts),
    detail: String(facts['detail'] ?? ''),
  }
}

/** The texts of a problem that was stored, maybe by a later version: an unknown code is told as it is. */
export function storedProblemText(words: Words, code: string, facts: Facts): ProblemText {
  if (isProblemCode(code)) return problemText(words, code, facts)
  return { title: sentence(words, 'problem.internal.title', {}), hint: '', detail: code }
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}

/** The text beside a wrong field. */
export function fieldText(words: Words, error: FieldError): string {
  return sentence(words, `field.${error.code}`, error.facts ?? {})
}

/** The text of a run's warning. */
export function warningText(words: Words, warning: RunWarning): string {
  return sentence(words, `warning.${warning.code}`, { path: warning.path, ...warning.facts })
}
