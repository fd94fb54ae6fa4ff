// The only place that turns an error into an answer of the API: a problem document (RFC 9457) in English.
import { randomBytes } from 'node:crypto'
import type { ErrorHandler } from 'hono'
import type { WireProblem } from '../../domain/api/common.ts'
import { isProblem, Problem, problems, type ProblemCode } from '../../domain/problem.ts'
import { formats, translator } from '../i18n.ts'
import type { WebDeps } from '../page.ts'
import { fieldText, problemText } from '../problem-text.ts'
import { keyHeader } from './auth.ts'
import type { ApiEnv } from './frame.ts'
import { withoutPaths } from './without-paths.ts'

/** Stable, and nothing that must be fetched: the code says the same. */
export function problemType(code: ProblemCode): string {
  return `/api/v1/problems#${code}`
}

/** Answers with the problem; anything that is none becomes `internal` with an id, and the log has the rest. */
export function answerApiProblem(deps: WebDeps): ErrorHandler<ApiEnv> {
  return (error, c) => {
    const problem = isProblem(error) ? error : fault(deps, error, c.req.method, c.req.path)
    const document = problemDocument(problem, deps.config)
    const headers = new Headers({ 'Content-Type': 'application/problem+json; charset=utf-8' })
    const { retryAfterS } = problem.facts
    if (typeof retryAfterS === 'number')
      headers.set('Retry-After', String(Math.max(1, Math.ceil(retryAfterS))))
    if (document.status === 401) headers.set('WWW-Authenticate', keyHeader)
    return new Response(JSON.stringify(document), { status: document.status, headers })
  }
}

/** The document of a problem. Paths outside the archives directory are cut out of it. */
export function problemDocument(
  problem: Problem,
  config: { readonly archivesDir: string; readonly timeZone: string },
): WireProblem {
  const cut = (text: string) => withoutPaths(text, config.archivesDir)
  const words = { t: translator('en'), f: formats('en', config.timeZone, 0) }
  const { code, facts, errors } = problem
  const text = problemText(words, code, withCut(facts, cut))
  const detail = [text.hint, text.hint.includes(text.detail) ? '' : text.detail].filter(Boolean).join(' ')
  return {
    type: problemType(code),
    title: short(text.title),
    status: problems[code].status,
    detail: short(detail),
    code,
    ...(errors.length === 0
      ? {}
      : {
          errors: errors.slice(0, 1000).map((error) => ({
            field: cut(error.field).slice(0, 300),
            message: short(fieldText(words, { ...error, facts: withCut(error.facts ?? {}, cut) })),
          })),
        }),
    ...missingOf(problem),
  }
}

function withCut(facts: Problem['facts'], cut: (text: string) => string): Problem['facts'] {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => {
      if (typeof value !== 'string') return [key, value]
      // A fact that begins like a path is one, spaces and all; only `detail` is a text. In quotation marks it is cut whole.
      return [key, key !== 'detail' && value.startsWith('/') ? cut(`"${value}"`).slice(1, -1) : cut(value)]
    }),
  )
}

/** Facts are no lists: runs of chunks have a place of their own. */
function missingOf({ missing }: Problem): Pick<WireProblem, 'missing'> {
  return missing.length === 0
    ? {}
    : { missing: missing.map(([first, last]): [number, number] => [first, last]) }
}

function fault(deps: WebDeps, error: unknown, method: string, path: string): Problem {
  const id = randomBytes(4).toString('hex')
  deps.log.error({ err: error, id, method, path }, 'a call of the API failed')
  return new Problem('internal', { id })
}

function short(text: string): string {
  return text.length <= 2000 ? text : `${text.slice(0, 1999)}…`
}
