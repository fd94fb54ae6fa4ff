// Decides which archives stay, with reasons; effects are in `src/engine/prune.ts`.
import type { ArchiveState } from './archive.ts'
import { type Calendar, calendarOf, dayKey, monthKey, weekKey, yearKey } from './calendar.ts'
import type { RetentionPolicy } from './retention-policy.ts'

/** The archives of one removal decision. */
export interface RetentionPlan {
  readonly keep: readonly { readonly name: string; readonly reasons: readonly string[] }[]
  readonly remove: readonly { readonly name: string; readonly reason: string }[]
}

/** An archive, as far as retention looks at it. */
export interface RetentionItem {
  readonly name: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly pinned?: boolean
  readonly state?: ArchiveState
  /** Being restored, sent or verified. */
  readonly inUse?: boolean
  readonly sizeBytes?: number
}

/** What is found out about one item; filled step by step. */
interface Case {
  readonly item: RetentionItem
  /** Slots of the policy that it fills. */
  readonly slots: string[]
  /** Why it must not be removed, whatever the policy says. */
  readonly shields: string[]
  /** Why it goes if nothing keeps it. */
  removal: string
}

/**
 * What a policy keeps of a job's archives, newest first, and why; the rest is to be removed. Pure: the order of the
 * items does not matter (equal times are ordered by name) and planning again for the kept ones removes nothing more.
 *
 * Reasons to keep: `count:RANK`, `daily:2026-05-07`, `weekly:2026-W19`, `monthly:2026-05`, `yearly:2026`, and, whatever
 * the policy says, `newest_good`, `pinned`, `in_use`, `future` (its time is after `now`: a clock was wrong, so it
 * neither goes nor fills a slot), `no_newer_good` (corrupted, but nothing newer could replace it).
 * Reasons to remove: `beyond_count`, `same_day:2026-05-07`, `outside_window`, `beyond_gfs`, `over_budget`, `corrupted`.
 * Corrupted archives fill no slot. Throws `RangeError` for an unknown time zone.
 */
export function planRetention(
  items: readonly RetentionItem[],
  policy: RetentionPolicy,
  now: number,
  timeZone: string,
): RetentionPlan {
  const cases = items
    .toSorted(newestFirst)
    .map((item): Case => ({ item, slots: [], shields: [], removal: 'corrupted' }))
  // Corrupted ones and those of the future take no part in the policy.
  const candidates = cases.filter(({ item }) => item.state !== 'corrupted' && item.createdAt <= now)
  fillSlots(candidates, policy, now, calendarOf(timeZone))
  raiseShields(cases, candidates[0], now)
  const kept = new Set(cases.filter((one) => one.slots.length > 0 || one.shields.length > 0))
  if (policy.maxBytes !== undefined) keepBudget(kept, candidates, policy.maxBytes)
  return {
    keep: [...kept].map(({ item, slots, shields }) => ({ name: item.name, reasons: [...slots, ...shields] })),
    remove: cases
      .filter((one) => !kept.has(one))
      .map(({ item, removal }) => ({ name: item.name, reason: removal })),
  }
}

function newestFirst(a: RetentionItem, b: RetentionItem): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt
  return a.name === b.name ? 0 : a.name < b.name ? 1 : -1
}

function fillSlots(
  candidates: readonly Case[],
  policy: RetentionPolicy,
  now: number,
  calendar: Calendar,
): void {
  if (policy.mode === 'count') fillRanks(candidates, policy.count)
  else if (policy.mode === 'daily') fillWindow(candidates, calendar.day(now) - policy.days, calendar)
  else fillPeriods(candidates, policy, calendar)
}

function fillRanks(candidates: readonly Case[], count: number): void {
  for (const [index, one] of candidates.entries()) {
    one.removal = 'beyond_count'
    if (index < count) one.slots.push(`count:${index + 1}`)
  }
}

/** The newest of each local day from `firstDay` on. */
function fillWindow(candidates: readonly Case[], firstDay: number, calendar: Calendar): void {
  const filled = new Set<number>()
  for (const one of candidates) {
    const day = calendar.day(one.item.createdAt)
    one.removal = 'outside_window'
    if (day < firstDay) continue
    one.removal = `same_day:${dayKey(day)}`
    if (!filled.has(day)) one.slots.push(`daily:${dayKey(day)}`)
    filled.add(day)
  }
}

/** The newest of each of the last days, weeks, months and years that have one. */
function fillPeriods(
  candidates: readonly Case[],
  policy: Extract<RetentionPolicy, { mode: 'gfs' }>,
  calendar: Calendar,
): void {
  const rules = [
    newestOfEach('daily', policy.daily, dayKey),
    newestOfEach('weekly', policy.weekly, weekKey),
    newestOfEach('monthly', policy.monthly, monthKey),
    newestOfEach('yearly', policy.yearly, yearKey),
  ]
  for (const one of candidates) {
    const day = calendar.day(one.item.createdAt)
    one.removal = 'beyond_gfs'
    one.slots.push(...rules.map((slotOf) => slotOf(day)).filter((slot) => slot !== null))
  }
}

/**
 * A rule asked for the days of archives, newest first: the slot when that day opens one of the last `most` periods.
 * A period may come again after an older one: some clocks go back over midnight.
 */
function newestOfEach(label: string, most: number, keyOf: (day: number) => string) {
  const filled = new Set<string>()
  const asked = new Set<number>()
  return (day: number): string | null => {
    if (filled.size >= most || asked.has(day)) return null
    asked.add(day)
    const key = keyOf(day)
    if (filled.has(key)) return null
    filled.add(key)
    return `${label}:${key}`
  }
}

function raiseShields(cases: readonly Case[], newestGood: Case | undefined, now: number): void {
  // Where every good one has a time after now, the newest of those stands in.
  const good = newestGood ?? cases.find(({ item }) => item.state !== 'corrupted')
  let newerGood = false
  for (const one of cases) {
    const { item, shields } = one
    const past = item.createdAt <= now
    if (one === good) shields.push('newest_good')
    if (item.pinned === true) shields.push('pinned')
    if (item.inUse === true) shields.push('in_use')
    if (!past) shields.push('future')
    if (item.state === 'corrupted') {
      if (!newerGood) shields.push('no_newer_good')
    } else newerGood ||= past
  }
}

/** Drops the oldest that nothing shields until the kept ones fit. */
function keepBudget(kept: Set<Case>, candidates: readonly Case[], maxBytes: number): void {
  let total = 0
  for (const { item } of kept) total += item.sizeBytes ?? 0
  const dropped = new Set<string>()
  for (const one of candidates.toReversed()) {
    if (total <= maxBytes) break
    if (!kept.has(one) || one.shields.length > 0) continue
    kept.delete(one)
    total -= one.item.sizeBytes ?? 0
    one.removal = 'over_budget'
    for (const slot of one.slots) dropped.add(slot)
  }
  // "A newer one of that day stays" would not be true any more.
  for (const one of candidates) {
    if (dropped.has(one.removal.replace('same_day:', 'daily:'))) one.removal = 'over_budget'
  }
}
