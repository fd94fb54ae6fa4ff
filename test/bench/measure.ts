// What the measurements share: medians, and one line of a result.
import { performance } from 'node:perf_hooks'
import { readFileSync } from 'node:fs'

/** The middle of an odd number of figures. */
export function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN
}

/** Milliseconds that the work takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Milliseconds of the median of `times` goes. */
export async function medianOf(times: number, work: () => unknown): Promise<number> {
  const figures: number[] = []
  for (let n = 0; n < times; n += 1) figures.push(await timed(work))
  return median(figures)
}

/** Resident bytes of a process now, and the most it ever had. */
export function residentBytes(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const read = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}

/** CPU time that a process has used so far, in seconds; its clock ticks a hundred times a second. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** `what … figure (bar: …)`. */
export function report(what: string, figure: string, bar: string): void {
  console.log(`${what.padEnd(58, '.')} ${figure.padStart(14)}   bar: ${bar}`)
}
