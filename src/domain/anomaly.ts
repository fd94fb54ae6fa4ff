// Signs that something is wrong with a backup although its run succeeded: an emptied folder, a dump that became empty.

/** Earlier backups that the newest one is compared with, and how many of them there must be. */
const COMPARED = 5
const ENOUGH = 2
/** Smaller archives vary for small reasons. */
const WORTH_BYTES = 1024 * 1024

/**
 * True when an archive has less than half the bytes of the usual one. `earlier`: sizes of the good archives before it,
 * newest first.
 */
export function sizeCollapsed(bytes: number, earlier: readonly number[]): boolean {
  const recent = earlier.slice(0, COMPARED).toSorted((a, b) => a - b)
  if (recent.length < ENOUGH) return false
  const usual = recent[Math.floor((recent.length - 1) / 2)] ?? 0
  return usual >= WORTH_BYTES && bytes < usual / 2
}
