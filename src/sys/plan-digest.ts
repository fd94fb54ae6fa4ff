// Stands for a restore's plan: what was confirmed is what is done.
import { createHash } from 'node:crypto'
import { planText, type RestorePlan } from '../domain/restore.ts'

/** SHA-256 of what the plan will do, in hexadecimal; sizes and counts may differ. */
export function planDigest(plan: RestorePlan): string {
  return createHash('sha256').update(planText(plan)).digest('hex')
}
