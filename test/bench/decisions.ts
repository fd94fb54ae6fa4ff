// Pure decisions at the sizes of the bars.
import { planRetention } from '../../src/domain/retention.ts'
import { medianOf, report } from './measure.ts'

/** Retention over 100,000 archives, for each kind of policy. */
export async function benchRetention(): Promise<void> {
  const now = Date.UTC(2026, 4, 8, 3)
  const items = Array.from({ length: 100_000 }, (_, n) => ({
    name: `jerry_nocodb_${n}`,
    createdAt: now - n * 3_600_000,
    sizeBytes: 1000,
  }))
  for (const policy of [
    { mode: 'count', count: 7 },
    { mode: 'daily', days: 365 },
    { mode: 'gfs', daily: 7, weekly: 52, monthly: 120, yearly: 10 },
  ] as const) {
    const ms = await medianOf(5, () => planRetention(items, policy, now, 'Europe/Paris'))
    report(`retention plan over 100,000 archives, ${policy.mode}`, `${ms.toFixed(0)} ms`, '< 1000 ms')
  }
}
