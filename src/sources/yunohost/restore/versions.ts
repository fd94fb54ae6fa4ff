// Versions of YunoHost, as far as a restore depends on them. Pure.

/** Archives of older ones are not restored by any current YunoHost. */
const oldest = [4, 2, 0]

const shape =
  /^v?(?:\d+!)?(\d+(?:\.\d+)*)([-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?(?:-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$/i

/** What YunoHost will say to the version in an archive. It cuts `~alpha` and the like off first. */
export function judgeVersion(version: string | null): 'good' | 'too_old' | 'not_understood' {
  const found = shape.exec((version ?? '').replaceAll(/~\w+/g, ''))
  if (version === null || !found) return 'not_understood'
  const difference = compare(numbersOf(version), oldest)
  const early = found[2] !== undefined || found[3] !== undefined
  return difference < 0 || (difference === 0 && early) ? 'too_old' : 'good'
}

/** Whether `version` is of a later release than `than`; by their numbers alone. */
export function isNewer(version: string, than: string): boolean {
  return compare(numbersOf(version), numbersOf(than)) > 0
}

function numbersOf(version: string): number[] {
  return (/^v?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? '0').split('.').map(Number)
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
