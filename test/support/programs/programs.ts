// Small real programs that end in awkward ways, and what tests want to know about processes.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventually } from '../eventually.ts'

export type ProgramName = 'hang' | 'ignore-term' | 'new-session' | 'daemon' | 'print-and-die' | 'flood'

/** Path of the program. What it does is said in its first lines. */
export function program(name: ProgramName): string {
  return fileURLToPath(new URL(`${name}.sh`, import.meta.url))
}

/** True while the process runs; false also for one that has ended and was not waited for. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Waits for the process ids that a program writes into a file. */
export async function pidsIn(file: string): Promise<number[]> {
  const text = await eventually(() => {
    try {
      const found = readFileSync(file, 'latin1')
      return found.endsWith('\n') ? found : undefined
    } catch {
      return undefined
    }
  }, `process ids in ${file}`)
  return text.trim().split(/\s+/).map(Number)
}
