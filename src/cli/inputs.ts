// Words of a command line as values, or the error that names them.
import type { Job } from '../domain/job.ts'
import { parsePolicy } from '../domain/policy-text.ts'
import { invalid, Problem } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import { findJob } from '../store/jobs.ts'
import type { Instance } from './context.ts'

/** A retention option; `validation_failed` on `retention` when it is none. */
export function policyOf(text: string): RetentionPolicy {
  const policy = parsePolicy(text)
  if (!policy) throw invalid({ field: 'retention', code: 'policy_invalid', facts: { value: text } })
  return policy
}

/** By id or name, or `job_not_found`. */
export async function mustFind(instance: Instance, key: string): Promise<Job> {
  const job = await findJob(instance.db, key)
  if (!job) throw new Problem('job_not_found', { id: key })
  return job
}

/** A whole number of at least 1, or `validation_failed` on that field. */
export function positive(text: string, field: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw invalid({ field, code: 'not_number', facts: { value: text } })
  return value
}
