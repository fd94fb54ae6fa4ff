// Finds and ends processes through /proc: those of a process group, and those that carry an operation's mark in their
// environment wherever they went (a new session, a new parent).
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Time in which a killed process must be gone, milliseconds. Longer only when it sleeps in the kernel. */
const killedWithinMs = 5000
const pollMs = 20

/** Ids of the living processes whose environment holds `BM_OPERATION=<operation>`; never this process. */
export function findMarked(operation: string): number[] {
  const mark = Buffer.from(`\0BM_OPERATION=${operation}\0`)
  return allProcesses().filter((pid) => {
    const environment = readProc(pid, 'environ')
    // A process that has ended but was not waited for has an empty one.
    if (environment === null || environment.length === 0) return false
    return Buffer.concat([Buffer.from('\0'), environment, Buffer.from('\0')]).includes(mark)
  })
}

/** Sends the signal to every process of the operation; how many got it. */
export function killMarked(operation: string, signal: NodeJS.Signals): number {
  return findMarked(operation).filter((pid) => sendSignal(pid, signal)).length
}

/** Ids of the living processes of a group; never this process. Ended ones that nobody waited for do not count. */
export function findGroup(group: number): number[] {
  if (!sendSignal(-group, 0)) return []
  return allProcesses().filter((pid) => {
    const stat = readProc(pid, 'stat')?.toString('latin1') ?? ''
    // The name in brackets may hold anything, also brackets: the fields begin behind the last one.
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return processGroup === String(group) && state !== 'Z' && state !== 'X'
  })
}

/** True when the signal was delivered; false when nothing is there or it is not ours to signal. */
export function sendSignal(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}

/** What {@link endTree} has to end. */
export interface Tree {
  /** A process group. */
  readonly group?: number | undefined
  /** Every process with this mark, in that group or not. */
  readonly operation?: string | undefined
  /** Processes that are left alone. */
  readonly spare?: ReadonlySet<number> | undefined
}

/**
 * SIGTERM to everything of the tree, and SIGKILL to what is still there after `graceMs`.
 * `signalled`: how many processes were there; `forced`: SIGKILL was needed; `left`: what even that did not end.
 */
export async function endTree(
  tree: Tree,
  graceMs: number,
): Promise<{ signalled: number; forced: boolean; left: number[] }> {
  const signalled = signalTree(tree, 'SIGTERM')
  if (await gone(tree, graceMs)) return { signalled, forced: false, left: [] }
  // Again and again: a process may have started another between the look and the signal.
  await gone(tree, killedWithinMs, () => signalTree(tree, 'SIGKILL'))
  return { signalled, forced: true, left: members(tree) }
}

async function gone(tree: Tree, withinMs: number, again?: () => void): Promise<boolean> {
  const deadline = performance.now() + withinMs
  for (;;) {
    if (members(tree).length === 0) return true
    again?.()
    if (performance.now() >= deadline) return false
    await sleep(pollMs)
  }
}

/** One signal for each process; the group gets it at once, so that none of it slips away by starting another. */
function signalTree(tree: Tree, signal: NodeJS.Signals): number {
  const group = tree.group === undefined ? [] : findGroup(tree.group)
  const others = members(tree).filter((pid) => !group.includes(pid))
  if (tree.group !== undefined && group.length > 0) sendSignal(-tree.group, signal)
  for (const pid of others) sendSignal(pid, signal)
  return group.length + others.length
}

function members(tree: Tree): number[] {
  const found = new Set<number>(tree.group === undefined ? [] : findGroup(tree.group))
  if (tree.operation !== undefined) for (const pid of findMarked(tree.operation)) found.add(pid)
  return [...found].filter((pid) => tree.spare?.has(pid) !== true)
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)
}

/** Null when the process has gone or its file is not ours to read. */
function readProc(pid: number, file: string): Buffer | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`)
  } catch {
    return null
  }
}
