// How an endpoint is declared: one object says its path, scope, input and answers, and from it come its checks, its part of
// openapi.json and its row in the test of who may call what.
import type { HttpBindings } from '@hono/node-server'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { problemSchema } from '../../domain/api/common.ts'
import { Problem } from '../../domain/problem.ts'
import { allows, type Caller, type Scope } from '../../domain/token.ts'
import { readJson } from './body.ts'
import { tagged } from './etag.ts'
import { createGate, type Gate } from './gate.ts'
import { checked } from './input.ts'

/** `caller` is missing only where `scope` is null. */
export type ApiEnv = {
  Bindings: Partial<HttpBindings>
  Variables: { caller: Caller }
}
export type ApiContext = Context<ApiEnv>

/** Bytes of this type instead of JSON. */
export interface RawAnswer {
  readonly type: string
}
/** By status: the schema of the JSON, the type of other bytes, or null for an empty answer. */
export type Answers = Readonly<Record<number, z.ZodType | RawAnswer | null>>

/** What is said of an endpoint. Paths are below `/api/v1`, with names in braces: `/jobs/{id}/run`. */
export interface RouteSpec<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  A extends Answers = Answers,
> {
  readonly method: 'get' | 'post' | 'put' | 'delete'
  readonly path: string
  /** What the key must allow; `any`: every key may; null: no key at all (pairing only). */
  readonly scope: Scope | 'any' | null
  /** One English sentence for the documents. */
  readonly summary: string
  readonly params?: P
  readonly query?: Q
  /** JSON, read as a whole and bounded. */
  readonly body?: B
  /** The type of a body that the handler reads by itself. */
  readonly rawBody?: string
  readonly answers: A
  /** The answer to a GET gets a tag, and 304 when the caller has it already. */
  readonly etag?: boolean
}

/** Makes the answer: a status that was declared, and the body that belongs to it (nothing or null when there is none). */
export type Reply<A extends Answers> = <S extends keyof A & number>(
  status: S,
  ...body: A[S] extends z.ZodType ? [body: z.input<A[S]>] : [body?: null]
) => Response

/** The checked parts of a request. */
export interface Input<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
}

/** A declared endpoint, for tests and documents. */
export interface RouteRow {
  readonly method: string
  readonly path: string
  readonly scope: Scope | 'any' | null
  readonly summary: string
  readonly params: z.ZodType | undefined
  readonly query: z.ZodType | undefined
  readonly body: z.ZodType | undefined
  readonly rawBody: string | undefined
  readonly answers: Answers
}

export interface Api {
  readonly app: OpenAPIHono<ApiEnv>
  readonly routes: readonly RouteRow[]
  /** For what keeps the root helper at work: reading archives, planning restores. */
  readonly gate: Gate
  /**
   * Adds an endpoint. The key and its scope are checked before anything of the body is read. The handler throws `Problem`s;
   * JSON is answered by `reply` alone: what does not fit its schema is a fault of ours (500), undeclared fields are left out.
   */
  route<
    A extends Answers,
    P extends z.ZodType = z.ZodUndefined,
    Q extends z.ZodType = z.ZodUndefined,
    B extends z.ZodType = z.ZodUndefined,
  >(
    spec: RouteSpec<P, Q, B, A>,
    handler: (
      c: ApiContext,
      input: Input<z.output<P>, z.output<Q>, z.output<B>>,
      reply: Reply<A>,
    ) => Promise<Response>,
  ): void
}

/** The wire form of an error, as a component of the document. */
export const problemComponent = problemSchema.meta({ id: 'Problem' })

/** An API without endpoints. `authenticate` comes before each that has a scope. */
export function createFrame(authenticate: MiddlewareHandler<ApiEnv>): Api {
  const app = new OpenAPIHono<ApiEnv>()
  const routes: RouteRow[] = []
  return {
    app,
    routes,
    gate: createGate(),
    route(spec, handler) {
      const { method, path, scope, summary, params, query, body, rawBody, answers } = spec
      routes.push({ method, path, scope, summary, params, query, body, rawBody, answers })
      const declared = documented(spec)
      app.openAPIRegistry.registerPath(declared)
      const verb = method.toUpperCase()
      const at = declared.getRoutingPath()
      if (scope !== null) app.on(verb, at, authenticate)
      if (scope !== null && scope !== 'any') app.on(verb, at, requireScope(scope))
      app.on(verb, at, async (c: ApiContext) => {
        const input = {
          params: checked(params, c.req.param()),
          query: checked(query, c.req.query()),
          body: checked(body, body === undefined ? undefined : await readJson(c)),
        }
        return handler(c, input, (status, ...[said]) => answer(c, spec, status, said))
      })
    },
  }
}

function requireScope(scope: Scope): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (!allows(c.get('caller').scopes, scope)) throw new Problem('scope_missing', { scope })
    await next()
  }
}

function answer(c: ApiContext, spec: RouteSpec, status: number, said: unknown): Response {
  const schema = spec.answers[status]
  if (!(schema instanceof z.ZodType)) return new Response(null, { status })
  const body = schema.safeParse(said)
  if (!body.success) throw new Error(`${spec.method} ${spec.path} answers wrongly`, { cause: body.error })
  if (spec.etag === true && status === 200) return tagged(c, body.data)
  const headers = { 'Content-Type': 'application/json; charset=utf-8' }
  return new Response(JSON.stringify(body.data), { status, headers })
}

/** The route for the document: with the key, and the problems that any endpoint may answer with. */
function documented(spec: RouteSpec) {
  const { method, path, scope, summary, params, query, body, rawBody } = spec
  const content =
    body !== undefined
      ? { 'application/json': { schema: body } }
      : rawBody !== undefined
        ? { [rawBody]: { schema: { type: 'string' as const, format: 'binary' } } }
        : undefined
  return createRoute({
    method,
    path,
    summary,
    tags: [path.split('/')[1] ?? ''],
    ...(scope === null ? { security: [] } : { security: [{ key: [] }], 'x-scope': scope }),
    request: {
      ...(params instanceof z.ZodObject ? { params } : {}),
      ...(query instanceof z.ZodObject ? { query } : {}),
      ...(content === undefined ? {} : { body: { content, required: true } }),
    },
    responses: { ...answersOf(spec), ...problemsOf(spec) },
  })
}

function answersOf({ answers, etag }: RouteSpec) {
  const told = Object.entries(answers).map(([status, what]) => {
    const description = words[status] ?? 'Answer'
    if (what === null) return [status, { description }] as const
    if (what instanceof z.ZodType) {
      return [status, { description, content: { 'application/json': { schema: what } } }] as const
    }
    const schema = { type: 'string' as const, format: 'binary' }
    return [status, { description, content: { [what.type]: { schema } } }] as const
  })
  const unchanged = etag === true ? { 304: { description: 'Nothing has changed since that ETag' } } : {}
  return { ...Object.fromEntries(told), ...unchanged }
}

const words: Readonly<Record<string, string>> = {
  200: 'Done',
  201: 'Created',
  202: 'Accepted; it goes on by itself',
  204: 'Done, nothing to say',
  206: 'The part that was asked for',
  416: 'The part that was asked for lies behind the end',
}

function problemsOf({ scope, params, query, body, rawBody }: RouteSpec) {
  const statuses = [
    ...(scope === null ? [] : ['401', '403']),
    '429',
    ...(body === undefined && rawBody === undefined ? [] : ['400', '411', '413']),
    ...(params === undefined && query === undefined && body === undefined ? [] : ['422']),
    'default',
  ]
  const problem = {
    description: 'A problem (RFC 9457); `code` says which',
    content: { 'application/problem+json': { schema: problemComponent } },
  }
  return Object.fromEntries(statuses.map((status) => [status, problem]))
}
