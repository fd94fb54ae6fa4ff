// What a restore has changed so far, on disk: after a crash the next start reads here what is to be put back or finished.
// One hidden file per operation in the archives directory, where only root and admins write.
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Problem, problems, type ProblemCode } from '../../domain/problem.ts'
import { planRemarkCodes, type RestoreOutcome } from '../../domain/restore.ts'
import { errorCode, removeIfExists, writeFileAtomic } from '../../sys/files.ts'
import type { Change } from '../source.ts'

const facts = z.record(z.string(), z.union([z.string(), z.number()]))
const outcomeSchema: z.ZodType<RestoreOutcome> = z.object({
  status: z.enum(['success', 'rolled_back', 'error']),
  problem: z
    .object({
      code: z.custom<ProblemCode>((code) => typeof code === 'string' && Object.hasOwn(problems, code)),
      facts,
      detail: z.string(),
    })
    .nullable(),
  remarks: z.array(z.object({ code: z.enum(planRemarkCodes), facts })),
})
const ownerSchema = z.object({
  pid: z.number().int(),
  /** Field 22 of /proc/PID/stat: numbers of processes are used again. */
  started: z.string(),
})

const journalSchema = z.object({
  version: z.literal(1),
  /** `doing`: to be put back. `committed`: to be finished. `ended`: nothing to do, but somebody must be told how it went. */
  phase: z.enum(['doing', 'committed', 'ended']),
  /** Whoever works on it, as long as that process lives. */
  owner: ownerSchema,
  outcome: outcomeSchema.nullable(),
  changes: z.array(
    z.object({
      kind: z.string(),
      data: z.record(
        z.string(),
        z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]),
      ),
    }),
  ),
})
export type JournalState = z.infer<typeof journalSchema>

export interface Journal {
  readonly state: JournalState
  /** Written and synced when it resolves. */
  add(change: Change): Promise<void>
  commit(): Promise<void>
  /** Back to `doing`, whatever stands on the disk. */
  reopen(): Promise<void>
  /** The restore is over. Its outcome stays until somebody was told: {@link Journal.remove}. */
  end(outcome: RestoreOutcome): Promise<void>
  remove(): Promise<void>
}

/** Where the journal of an operation is. */
export function journalPath(archivesDir: string, operation: string): string {
  return join(archivesDir, `.restore-${operation}.journal`)
}

/** A journal without entries; its file appears with the first one. */
export function newJournal(archivesDir: string, operation: string): Journal {
  const state: JournalState = { version: 1, phase: 'doing', owner: thisProcess(), outcome: null, changes: [] }
  return journal(journalPath(archivesDir, operation), state)
}

/** The journal that an operation left; null when it changed nothing. `record_damaged` when it cannot be read. */
export async function readJournal(archivesDir: string, operation: string): Promise<Journal | null> {
  const path = journalPath(archivesDir, operation)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
  try {
    return journal(path, journalSchema.parse(JSON.parse(text)))
  } catch (cause) {
    throw new Problem('record_damaged', { where: path }, { cause })
  }
}

/** True while the process that works on a journal lives, and is not this one. */
export function ownedByAnother({ owner }: JournalState): boolean {
  return owner.pid !== process.pid && startOf(owner.pid) === owner.started
}

function thisProcess(): JournalState['owner'] {
  return { pid: process.pid, started: startOf(process.pid) ?? '' }
}

/** When a process was started, in ticks; null when there is none. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program comes before, in brackets, and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return null
    throw error
  }
}

function journal(path: string, first: JournalState): Journal {
  let state = first
  const write = async (next: JournalState): Promise<void> => {
    await writeFileAtomic(path, Buffer.from(JSON.stringify(next)), { mode: 0o600 })
    state = next
  }
  return {
    get state() {
      return state
    },
    add: (change) =>
      write({
        ...state,
        changes: [
          ...state.changes,
          { kind: change.kind, data: { ...change.data } },
        ] as JournalState['changes'],
      }),
    commit: () => write({ ...state, phase: 'committed' }),
    reopen: () => write({ ...state, phase: 'doing' }),
    end: (outcome) => write({ ...state, phase: 'ended', outcome }),
    remove: async () => {
      await removeIfExists(path)
    },
  }
}
