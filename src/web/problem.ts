// The only place that turns an error into a page.
import { randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import type { MessageKey } from '../../locales/en.ts'
import { type Facts, isProblem, type Problem, type ProblemCode, problems } from '../domain/problem.ts'
import type { Formats, T } from './i18n.ts'
import { type PageStatus, render, type WebContext, type WebEnv } from './page.ts'
import { type ProblemText, problemText } from './problem-text.ts'

/** The page of a problem: what happened, what it means, what to do. Anything else is a fault with an id. */
export function answerProblem(error: unknown, c: Context<WebEnv>): Response | Promise<Response> {
  if (isProblem(error)) return problemPage(c, error.code, textOf(c, error))
  const id = randomBytes(4).toString('hex')
  c.get('deps').log.error({ err: error, id, method: c.req.method, path: c.req.path }, 'a page failed')
  return problemPage(c, 'internal', problemText(words(c), 'internal', { id }))
}

/** The page of a refusal that has a more exact reason than its code. */
export function refuse(
  c: WebContext,
  code: ProblemCode,
  reason: MessageKey,
  facts: Facts = {},
): Response | Promise<Response> {
  return problemPage(c, code, { ...problemText(words(c), code, facts), hint: c.get('t')(reason, facts) })
}

/** The texts of a problem in the page's language, for messages inside other pages. */
export function textOf(c: WebContext, problem: Problem): ProblemText {
  return problemText(words(c), problem.code, problem.facts)
}

/** What writes the texts of this page. */
export function words(c: WebContext): { t: T; f: Formats } {
  return { t: c.get('t'), f: c.get('f') }
}

function problemPage(c: WebContext, code: ProblemCode, text: ProblemText) {
  const { status } = problems[code]
  return render(c, 'problem', { code, status, ...text }, { title: `■ ${text.title}`, status: shown(status) })
}

/** 499 is for clients that hung up; a person who reads the page gets 409. */
function shown(status: (typeof problems)[ProblemCode]['status']): PageStatus {
  return status === 499 ? 409 : status
}
