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
 * read, no archive stays unread for longer than `everyDays`, and the bytes are spread evenly over that time. Archives
 * that are late already (never read, or the server was off) are worked off within about a quarter of it, not all at
 * once. 0 days: none.
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
  const margin = Math.max(2 * periodMs, Math.min(span / 20, 2 * day))
  // Read as planned, an archive never comes this near to its deadline.
  const pressing = entries.filter((one) => one.deadline <= now + margin)
  const timely = entries.filter((one) => one.deadline > now + margin)
  return [
    ...pressingOnes(pressing, (4 * weigh(entries) * periodMs) / span, now, periodMs),
    ...timelyOnes(timely, margin, now, span, periodMs),
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

function weigh(entries: readonly Entry[]): number {
  return entries.reduce((sum, one) => sum + one.weight, 0)
}

/**
 * The first entries that fill the quota, and those that would pass their deadline before the call after the next.
 * Where a part of one would fill the quota, chance decides (the same for the same period): on average it is met.
 */
function pressingOnes(
  byDeadline: readonly Entry[],
  quota: number,
  now: number,
  periodMs: number,
): readonly Entry[] {
  const chance = hash32(`verify ${Math.floor(now / periodMs)}`) / 2 ** 32
  let before = 0
  return byDeadline.filter(({ weight, deadline }) => {
    const fits = before + chance * weight < quota
    before += weight
    return fits || (deadline > now && deadline <= now + 2 * periodMs)
  })
}

/**
 * Those to read in this period when all are read as late as possible, with pauses as long as their sizes ask for, at
 * the lowest rate that meets every deadline. A crowd of equal deadlines is thus begun early, and once spread stays so.
 */
function timelyOnes(
  byDeadline: readonly Entry[],
  margin: number,
  now: number,
  span: number,
  periodMs: number,
): readonly Entry[] {
  // Bytes per millisecond. A tenth more than an even rotation needs, or what is read now would already push the next.
  let rate = (1.1 * weigh(byDeadline)) / Math.max(span - margin, periodMs)
  let before = 0
  for (const { weight, deadline } of byDeadline) {
    rate = Math.max(rate, before / Math.max(deadline - margin - now, periodMs))
    before += weight
  }
  let latest = Infinity
  const last = byDeadline.findLastIndex(({ weight, deadline }) => {
    latest = Math.min(deadline - margin, latest - weight / rate)
    return latest < now + periodMs
  })
  return byDeadline.slice(0, last + 1)
}
