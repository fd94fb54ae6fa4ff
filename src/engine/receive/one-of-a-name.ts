// One at a time may put an archive of one name in place, or give up what is about to be: whoever comes second finds what the
// first has left. The root helper has a lock of its own, for what a process that died has left running.
import type { EngineDeps } from '../deps.ts'

const lines = new WeakMap<EngineDeps['db'], Map<string, Promise<void>>>()

/** Does the work after everybody who came before with that name. Not to be nested: it would wait for itself. */
export async function oneOfAName<T>(
  deps: Pick<EngineDeps, 'db'>,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const line = lines.get(deps.db) ?? new Map<string, Promise<void>>()
  lines.set(deps.db, line)
  const mine = (line.get(name) ?? Promise.resolve()).then(work)
  const ended = mine.then(
    () => undefined,
    () => undefined,
  )
  line.set(name, ended)
  try {
    return await mine
  } finally {
    if (line.get(name) === ended) line.delete(name)
  }
}
