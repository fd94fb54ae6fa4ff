// One request and the head of its answer. What the answer may not be (a redirect, compressed) is refused here.
import {
  request as plainRequest,
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { Problem } from '../../domain/problem.ts'
import type { Address } from './address.ts'
import type { Connecting } from './agents.ts'
import { sendBody, type RawBody } from './send-body.ts'
import { sendQueue } from './send-queue.ts'
import { answerProblem, brokenProblem, connectionProblem } from './trouble.ts'
import { createWatch, type Watch } from './watch.ts'

export interface Order {
  readonly address: Address
  readonly agent: Agent
  readonly method: string
  /** As it goes over the wire. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: RawBody | null
  readonly signals: readonly AbortSignal[]
  readonly idleMs: number
  readonly totalMs: number | null
}

export interface Exchange {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The body, unread. */
  readonly response: IncomingMessage
  readonly watch: Watch
  /** What the body broke off with, in words. */
  failure(error: unknown): unknown
  /** Ends it: the connection stays for the next request when this one went through whole, else it is closed. */
  end(): void
}

/** Rejects as `PeerHttp` says. Once it has resolved, the caller must call {@link Exchange.end}. */
export async function exchange(order: Order): Promise<Exchange> {
  try {
    return await attempt(order)
  } catch (error) {
    // A connection that was kept open may have been closed by the other side at this very moment: that says nothing about it.
    if (!(error instanceof StaleConnection)) throw error
    if (order.method === 'POST' || order.body !== null) throw error.problem
  }
  return attempt(order).catch((error: unknown) => {
    throw error instanceof StaleConnection ? error.problem : error
  })
}

class StaleConnection extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

async function attempt(order: Order): Promise<Exchange> {
  const { address, signals, idleMs, totalMs } = order
  let request: ClientRequest | undefined
  let queued: number | null = null
  const stirring = async (): Promise<boolean> => {
    const before = queued
    queued = request?.socket ? await sendQueue(request.socket) : null
    return queued !== null && queued > 0 && queued !== before
  }
  const watch = createWatch({ host: address.host, signals, idleMs, totalMs, stirring })
  try {
    watch.signal.throwIfAborted()
    request = open(order, watch)
    const first: First = { error: undefined }
    const response = await answerTo(request, order, watch, first)
    return acceptable(request, response, order, watch, first)
  } catch (error) {
    watch.end()
    request?.destroy()
    throw error
  }
}

/** What went wrong first: the parser's error comes before that of the connection that is closed because of it. */
interface First {
  error: unknown
}

function open({ address, agent, method, path, headers }: Order, watch: Watch): ClientRequest {
  const options = { agent, host: address.host, port: address.port, method, path, headers }
  const connecting: Connecting = { connecting: watch.signal }
  const send = address.secure ? tlsRequest : plainRequest
  return send({ ...options, ...connecting })
}

async function answerTo(
  request: ClientRequest,
  order: Order,
  watch: Watch,
  first: First,
): Promise<IncomingMessage> {
  const answered = new AbortController()
  const onAbort = (): void => void request.destroy()
  watch.signal.addEventListener('abort', onAbort, { once: true })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', (response) => {
      watch.waiting()
      answered.abort()
      resolve(response)
    })
    // It stays: a request that has been answered may still break.
    request.on('error', (error) => {
      first.error ??= error
      answered.abort()
      if (watch.signal.aborted) return reject(watch.signal.reason)
      const problem = connectionProblem(error, order.address)
      reject(request.reusedSocket ? new StaleConnection(problem) : problem)
    })
    request.once('close', () =>
      reject(watch.signal.aborted ? watch.signal.reason : brokenProblem(order.address.host)),
    )
  })
  answer.catch(() => undefined)
  if (order.body === null) {
    request.end()
    return answer
  }
  const { body } = order
  const sent = (async () => {
    await connected(request, answered.signal)
    await sendBody(request, body, watch, answered.signal)
  })()
  sent.catch(() => undefined)
  // Whichever fails first says why. After a body that went wrong the answer is of no use.
  await Promise.race([answer, sent])
  return answer
}

/** Nothing is asked of the body's source before there is a connection. */
async function connected(request: ClientRequest, answered: AbortSignal): Promise<void> {
  if (request.socket) return
  await new Promise<void>((resolve) => {
    request.once('socket', () => resolve())
    answered.addEventListener('abort', () => resolve(), { once: true })
  })
}

function acceptable(
  request: ClientRequest,
  response: IncomingMessage,
  { address }: Order,
  watch: Watch,
  first: First,
): Exchange {
  const { host } = address
  response.on('error', (error) => (first.error ??= error))
  const status = response.statusCode ?? 0
  if (status >= 300 && status < 400 && status !== 304) {
    const to = targetOf(response.headers.location, address)
    throw answerProblem(`${host} sends us on to ${to}, and redirects are not followed`, { status })
  }
  const encoding = response.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw answerProblem(`${host} answers compressed, which was not asked for`, { status })
  }
  return {
    status,
    headers: flat(response.headers),
    response,
    watch,
    failure(error) {
      if (watch.signal.aborted) return watch.signal.reason
      return connectionProblem(first.error ?? error, address)
    },
    end() {
      watch.end()
      if (!response.complete || !request.writableFinished) request.destroy()
    },
  }
}

/** The host alone: a path may hold secrets of others. */
function targetOf(location: string | undefined, { origin }: Address): string {
  if (location === undefined || !URL.canParse(location, origin)) return 'nowhere'
  return new URL(location, origin).host || 'nowhere'
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const told: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) told[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return told
}
