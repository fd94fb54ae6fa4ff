// The chaos proxy for requests: each one has its own fate.
import { once } from 'node:events'
import { request as openHttp, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as openHttps } from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { duplicateMost, type Fate } from './chaos-fate.ts'
import type { ChaosWork } from './chaos-proxy.ts'

/** Carries out one request at the target, as its fate allows. Never rejects. */
export async function serveRequest(
  work: ChaosWork,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  work.counts.requests += 1
  const passage = new Passage(work, request, response)
  const { fate, socket } = passage
  try {
    if (fate.refuse) return work.cut(socket)
    if (fate.delayMs > 0) await sleep(fate.delayMs)
    await giveBack(passage, await ask(passage))
  } catch {
    // A side that went away takes the other one with it.
    socket.destroy()
  }
}

/** One request and its answer: their bytes are counted, slowed down, and cut. */
class Passage {
  readonly work: ChaosWork
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly socket: Socket
  readonly fate: Fate
  #passed = 0

  constructor(work: ChaosWork, request: IncomingMessage, response: ServerResponse) {
    this.work = work
    this.request = request
    this.response = response
    this.socket = request.socket
    this.fate = work.nextFate()
  }

  async *through(
    bytes: AsyncIterable<Buffer>,
    count: 'toTarget' | 'toClient',
    most = Infinity,
  ): AsyncGenerator<Buffer> {
    let given = 0
    for await (const piece of bytes) {
      const until = Math.min(this.fate.cutAfter - this.#passed, most - given)
      const allowed = piece.subarray(0, Math.max(0, until))
      this.#passed += allowed.length
      given += allowed.length
      this.work.counts[count] += allowed.length
      if (this.fate.bytesPerSecond < Infinity) await sleep((1000 * allowed.length) / this.fate.bytesPerSecond)
      yield allowed
      if (this.#passed >= this.fate.cutAfter) {
        this.work.cut(this.socket)
        throw new Error('cut')
      }
      if (given >= most) return
    }
  }
}

async function ask(passage: Passage): Promise<IncomingMessage> {
  const { request, fate, work } = passage
  const body = passage.through(request, 'toTarget')
  const length = Number(request.headers['content-length'] ?? 0)
  if (!fate.duplicate || length > duplicateMost) return sendTo(passage, body)
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(piece)
  await read(await sendTo(passage, pieces))
  work.counts.duplicated += 1
  return sendTo(passage, pieces)
}

/** Reads an answer that nobody gets: at its end the request was carried out. */
async function read(answer: IncomingMessage): Promise<void> {
  answer.resume()
  if (!answer.readableEnded) await once(answer, 'end')
}

/** Sends the request to the target; resolves with the head of its answer. */
async function sendTo(
  passage: Passage,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<IncomingMessage> {
  const outgoing = open(passage)
  const answered = once(outgoing, 'response')
  void feed(outgoing, body)
  const [answer] = (await answered) as [IncomingMessage]
  answer.on('close', () => outgoing.destroy())
  return answer
}

/** Never rejects: what breaks here ends the request, and whoever waits for its answer. */
async function feed(outgoing: ClientRequest, body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  try {
    for await (const piece of body) {
      // A target that has answered already need not read the rest.
      if (outgoing.destroyed) return
      if (!outgoing.write(piece)) await Promise.race([once(outgoing, 'drain'), once(outgoing, 'close')])
    }
    outgoing.end()
  } catch (error) {
    outgoing.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

function open({ work, request, response }: Passage): ClientRequest {
  const { target, http } = work.options
  const options = {
    ...target,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    agent: false as const,
  }
  const headers = { ...request.headers, connection: 'close' }
  const tls = http?.tls
  const outgoing =
    tls === undefined
      ? openHttp({ ...options, headers })
      : openHttps({ ...options, headers, ca: tls.ca, servername: tls.servername })
  // Until its answer has come whoever waits for that is told; later the answer itself breaks.
  outgoing.on('error', () => undefined)
  response.once('close', () => outgoing.destroy())
  return outgoing
}

async function giveBack(passage: Passage, answer: IncomingMessage): Promise<void> {
  const { fate, work, socket, response } = passage
  if (fate.lose) {
    await read(answer)
    work.counts.lost += 1
    return work.cut(socket)
  }
  const length = Number(answer.headers['content-length'] ?? 0)
  const truncate = fate.truncate && length > 1
  const { connection: _, ...headers } = answer.headers
  response.writeHead(answer.statusCode ?? 502, headers)
  const most = truncate ? Math.floor(length / 2) : Infinity
  for await (const piece of passage.through(answer, 'toClient', most)) {
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    if (response.destroyed) return
  }
  if (truncate) {
    work.counts.truncated += 1
    // What was written goes out first.
    socket.destroySoon()
  } else response.end()
}
