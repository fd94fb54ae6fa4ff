// Talking with the root helper's dispatcher in this process: what it is asked, and every frame that it answers.
import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { z } from 'zod'
import { frameSchema, type HelperFrame } from '../../src/domain/helper-protocol.ts'
import { serveRequest, type Serving } from '../../src/root/dispatcher.ts'
import type { AnySource, SourceIo } from '../../src/sources/source.ts'
import { run } from '../../src/sys/process.ts'
import { temporaryFolder } from './temp.ts'

/** A source that does what a test tells it to. */
export function sourceThat(estimate: (io: SourceIo) => Promise<void>): AnySource {
  return {
    id: 'test_source',
    settings: z.strictObject({ path: z.string(), password: z.string().max(5).optional() }),
    secrets: ['password'],
    lane: 'general',
    tools: [],
    subject: () => 'test',
    supportsCoreOnly: false,
    check: () => Promise.resolve([{ field: 'config.path', code: 'path_missing' }]),
    estimate: async (_settings, io: SourceIo) => {
      await estimate(io)
      return { bytes: 1, files: null }
    },
    produce: () => Promise.reject(new Error('not asked for here')),
    offers: () => Promise.resolve({ missingTool: null, databases: ['one'], error: null }),
    restore: {
      options: ['target_path'],
      drills: ['extract'],
      recall: () => null,
      plan: ({ archive, options }) =>
        Promise.resolve({
          archive,
          type: 'test_source',
          target: options.target_path ?? '/srv',
          steps: [{ code: 'extract_files', facts: {} }],
          warnings: [],
          refusals:
            options.target_path === '/refused' ? [{ field: 'target_path', code: 'path_missing' }] : [],
          replaces: false,
          safety: null,
          bytes: null,
          files: null,
        }),
      apply: async (_request, _plan, tx) => {
        await tx.step('extract_files', () => Promise.resolve())
      },
      changes: {},
      drill: () => Promise.resolve({ verdict: 'passed', findings: [] }),
    },
  }
}

export interface Conversation {
  readonly input: PassThrough
  readonly output: PassThrough
  readonly served: Promise<boolean>
  readonly frames: HelperFrame[]
  /** Everything that was written. */
  readonly text: () => string
  /** The last frame, after the end. */
  readonly last: () => Promise<HelperFrame | undefined>
}

export async function talk(given: Partial<Serving> & { source?: AnySource } = {}): Promise<Conversation> {
  const folder = await temporaryFolder()
  const [input, output] = [new PassThrough(), new PassThrough()]
  let text = ''
  const frames: HelperFrame[] = []
  if (given.output === undefined) {
    output.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const lines = text.split('\n').slice(0, -1)
      for (const line of lines.slice(frames.length)) frames.push(frameSchema.parse(JSON.parse(line)))
    })
  }
  const served = serveRequest({
    input,
    output,
    places: { archivesDir: folder, dataDir: folder, yunohost: ['yunohost'], systemRoot: '' },
    run: (file, args, options) => run(file, args, { graceMs: 300, ...options }),
    sources: () => Promise.resolve(given.source === undefined ? [] : [given.source]),
    now: () => 0,
    ...given,
  })
  const last = async () => {
    await served
    return frames.at(-1)
  }
  return { input, output, served, frames, text: () => text, last }
}

export function ask(
  input: PassThrough,
  verb: string,
  args: unknown,
  operation: string = randomUUID(),
): string {
  input.write(`${JSON.stringify({ protocol: 1, operation, verb, args })}\n`)
  return operation
}
