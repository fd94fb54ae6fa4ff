// The use cases of looking into archives, over the real helper and real files. Tests only.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { engineBench, type EngineBench } from '../../../test/support/engine.ts'
import { contentsWorld, type World } from '../../archive/contents-world.ts'
import type { Verb } from '../../domain/helper-protocol.ts'
import { heldNames } from '../../store/holds.ts'
import { createHelper, type Helper, type HelperCall } from '../../sys/helper-client.ts'
import { rescan } from '../catalogue.ts'
import { createContents, type ContentsControl } from '../contents.ts'

const entry = fileURLToPath(new URL('../../../test/support/programs/root-helper.ts', import.meta.url))

export interface ContentsBench extends World {
  readonly engine: EngineBench
  readonly contents: ContentsControl
  /** Verbs that the real helper was asked. */
  readonly calls: Verb[]
  /** Called for each piece of data before it is handed on. */
  onPiece: (bytes: Uint8Array) => void
  /** Calls wait for it. */
  gate: Promise<unknown>
  scan(): Promise<unknown>
  held(): Promise<string[]>
  indexes(): string[]
}

/** The real helper over real files. */
export async function contentsBench(): Promise<ContentsBench> {
  const world = await contentsWorld()
  const engine = await engineBench()
  engine.setNow(Date.now())
  const env = { BM_ARCHIVES_DIR: world.archivesDir, BM_DATA_DIR: world.dataDir }
  const real = createHelper({ target: { kind: 'direct', entry }, env })
  const calls: Verb[] = []
  const helper: Helper = {
    async call(verb, args, options: HelperCall = {}) {
      calls.push(verb)
      if (verb !== 'catalogue.scan' && verb !== 'catalogue.read') await made.gate
      const { onData } = options
      return real.call(verb, args, {
        ...options,
        ...(onData && {
          onData: (bytes) => {
            made.onPiece(bytes)
            return onData(bytes)
          },
        }),
      })
    },
  }
  const deps = { ...engine.deps, helper, dataDir: world.dataDir }
  const contents = createContents(deps)
  onTestFinished(() => contents.close())
  const folder = join(world.dataDir, 'contents')
  const made: ContentsBench = {
    ...world,
    engine,
    contents,
    calls,
    onPiece: () => undefined,
    gate: Promise.resolve(),
    scan: () => rescan(deps),
    held: async () => [...(await heldNames(engine.deps.db, engine.deps.clock.now()))],
    indexes: () => (existsSync(folder) ? readdirSync(folder) : []),
  }
  return made
}

/** The key of a path in an archive. */
export function key(path: string): string {
  return Buffer.from(path, 'utf8').toString('base64url')
}

/** For what nobody cancels. */
export const never = new AbortController().signal

/** Processes of our helper: its places are in its environment. */
export function helperPids(it: World): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1')
          .split('\0')
          .includes(`BM_ARCHIVES_DIR=${it.archivesDir}`)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** How many there are. */
export function helpers(it: World): number {
  return helperPids(it).length
}
