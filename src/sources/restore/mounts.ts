// What is mounted where. A directory with something mounted in it must be neither moved away nor removed.
import { readFile } from 'node:fs/promises'
import { mountPoints } from '../../archive/work-dir.ts'

/** Mount points of this machine, as bytes in latin1 texts. */
export interface Mounts {
  /** Whether something is mounted at that very directory. `path`: real (without links), as text. */
  at(path: string): boolean
  /** Mount points below a directory, without itself; as people read them. */
  below(path: string): readonly string[]
  /** Mount points between a directory (not included) and something below it (included). */
  between(directory: string, path: string): readonly string[]
}

/** Reads /proc/self/mountinfo anew. */
export async function readMounts(): Promise<Mounts> {
  const points = mountPoints(await readFile('/proc/self/mountinfo', 'latin1'))
  const raw = (path: string): string => Buffer.from(path, 'utf8').toString('latin1')
  const shown = (point: string): string => Buffer.from(point, 'latin1').toString('utf8')
  const isBelow = (point: string, directory: string): boolean =>
    point.startsWith(directory === '/' ? '/' : `${directory}/`) && point !== directory
  return {
    at: (path) => points.includes(raw(path)),
    below: (path) => points.filter((point) => isBelow(point, raw(path))).map(shown),
    between: (directory, path) =>
      points
        .filter((point) => isBelow(point, raw(directory)))
        .filter((point) => point === raw(path) || isBelow(raw(path), point))
        .map(shown),
  }
}
