// Words of a command line as values, or the error that names them.
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Job } from '../domain/job.ts'
import { parsePolicy } from '../domain/policy-text.ts'
import { invalid, Problem } from '../domain/problem.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import { findJob } from '../store/jobs.ts'
import type { CliContext, Instance } from './context.ts'

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

/**
 * A secret from a file, or from standard input for `-`: never from the command line, which everybody on the machine can
 * read. One newline at its end is not part of it. `validation_failed` on `field` when it is empty or cannot be read.
 */
export async function readSecret(
  context: CliContext,
  file: string,
  field = 'password_file',
): Promise<string> {
  const secret = (await (file === '-' ? text(context.stdin) : readable(file, field))).replace(/\r?\n$/, '')
  if (secret === '') throw invalid({ field, code: 'required' })
  return secret
}

async function readable(file: string, field: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new Problem(
      'validation_failed',
      { fields: field },
      { cause, errors: [{ field, code: 'file_missing', facts: { path: file } }] },
    )
  }
}
