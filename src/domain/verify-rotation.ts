// Chooses which archives to read again now, so that each is read within N days and the load is even over time.
// It keeps no state: everything follows from when each archive was last read.
import { hash32 } from './hash.ts'

const day = 86_400_000
/** Counted on top of an archive's size: opening a small one is work too. */
const openingBytes = 1024 ** 2

/** Times in epoch milliseconds. `lastReadAt`: when all its bytes were last read or written; null if never known. */
export interface ReadableArchive {
  readonly name: string
  readonly sizeBytes: number
  readonly lastReadAt: number | null
}

interface Entry {
  readonly name: string
  readonly weight: number
  readonly deadline: number
}

/**
 * Names of the archives to read in this period, most urgent first. Called every `periodMs`, and given that they are
 * read, no archive stays unread for longer than `everyDays`. Archives that are late already (never read, or the
 * server was off) are worked off within a quarter of that time rather than all at once. 0 days: none.
 */
export function dueForVerify(
  archives: readonly ReadableArchive[],
  now: number,
  options: { readonly everyDays: number; readonly periodMs: number },
): readonly string[] {
  const span = options.everyDays * day
  const { periodMs } = options
  if (span <= 0) return []
  const entries = archives.map((one) => entryOf(one, now, span)).toSorted(mostUrgentFirst)
  const total = entries.reduce((sum, one) => sum + one.weight, 0)
  // Where a part of an archive would fill the quota, chance decides, the same for the same hour: on average it fits.
  const threshold = hash32(`verify ${Math.floor(now / periodMs)}`) / 2 ** 32

  const late = entries.filter((one) => one.deadline <= now)
  const timely = entries.filter((one) => one.deadline > now)
  const lateQuota = (4 * total * periodMs) / span
  const timelyQuota = neededRate(timely, now, Math.min(span / 20, 2 * day), periodMs) * periodMs
  return [
    ...takeUpTo(late, lateQuota, threshold),
    // Whatever the quota says: what would pass its deadline before the call after the next one is read now.
    ...takeUpTo(timely, timelyQuota, threshold, now + 2 * periodMs),
  ].map((one) => one.name)
}

function entryOf(archive: ReadableArchive, now: number, span: number): Entry {
  const { name, lastReadAt } = archive
  // A time far in the future comes from a wrong clock and proves nothing.
  const known = lastReadAt !== null && lastReadAt <= now + day
  return {
    name,
    weight: archive.sizeBytes + openingBytes,
    deadline: known ? Math.min(lastReadAt, now) + span : -Infinity,
  }
}

function mostUrgentFirst(a: Entry, b: Entry): number {
  if (a.deadline !== b.deadline) return a.deadline < b.deadline ? -1 : 1
  return a.name < b.name ? -1 : 1
}

/** The lowest constant rate (bytes per ms) that meets every deadline `margin` early. */
function neededRate(byDeadline: readonly Entry[], now: number, margin: number, periodMs: number): number {
  let sum = 0
  let rate = 0
  for (const { weight, deadline } of byDeadline) {
    sum += weight
    rate = Math.max(rate, sum / Math.max(deadline - margin - now, periodMs))
  }
  return rate
}

/** The first entries that fill the quota; one that fits partly is taken when that part exceeds the threshold. */
function takeUpTo(
  entries: readonly Entry[],
  quota: number,
  threshold: number,
  mustUntil: number | null = null,
): Entry[] {
  const taken: Entry[] = []
  let sum = 0
  for (const entry of entries) {
    const must = mustUntil !== null && entry.deadline <= mustUntil
    if (!must && sum + threshold * entry.weight >= quota) break
    taken.push(entry)
    sum += entry.weight
  }
  return taken
}
