// Retention policies as one word, for the command line: `count:7`, `daily:7`, `gfs:7,4,3`, `gfs:7,4,3,1,max=50GiB`.
import { exactBytes, parseBytes } from './bytes.ts'
import { retentionPolicySchema, type RetentionPolicy } from './retention-policy.ts'

/**
 * Reads `count:N`, `daily:N` or `gfs:DAYS,WEEKS,MONTHS[,YEARS]`, each with an optional `,max=SIZE` at the end
 * (a size as in `bytes.ts`: `50GiB`). Null for anything else.
 */
export function parsePolicy(text: string): RetentionPolicy | null {
  const match = /^(count|daily|gfs):(\d{1,9}(?:,\d{1,9})*)(?:,max=([^,\s]+))?$/.exec(text.trim())
  const [, mode, list = '', max] = match ?? []
  const numbers = list.split(',').map(Number)
  const maxBytes = max === undefined ? undefined : parseBytes(max)
  if (mode === undefined || maxBytes === null) return null
  const [first, weekly, monthly, yearly = 0, ...rest] = numbers
  if (rest.length > 0 || (mode !== 'gfs' && numbers.length !== 1)) return null
  const rule =
    mode === 'count'
      ? { mode, count: first }
      : mode === 'daily'
        ? { mode, days: first }
        : { mode, daily: first, weekly, monthly, yearly }
  const policy = retentionPolicySchema.safeParse(maxBytes === undefined ? rule : { ...rule, maxBytes })
  return policy.success ? policy.data : null
}

/** The text that {@link parsePolicy} reads back to the same policy. */
export function formatPolicy(policy: RetentionPolicy): string {
  const max = policy.maxBytes === undefined ? '' : `,max=${exactBytes(policy.maxBytes)}`
  return `${policy.mode}:${numbersOf(policy).join(',')}${max}`
}

function numbersOf(policy: RetentionPolicy): readonly number[] {
  if (policy.mode === 'count') return [policy.count]
  if (policy.mode === 'daily') return [policy.days]
  const { daily, weekly, monthly, yearly } = policy
  return yearly === 0 ? [daily, weekly, monthly] : [daily, weekly, monthly, yearly]
}
