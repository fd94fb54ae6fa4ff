// The programs: MariaDB's, or MySQL's where the machine has those.
import { Problem } from '../../domain/problem.ts'
import { CommandError } from '../../sys/process.ts'
import type { SourceIo } from '../source.ts'

/** The ones that a machine without any is told to install. */
export const mainTools = ['mariadb-dump', 'mariadb'] as const

export interface Tools {
  readonly client: string
  readonly dump: string
  /** Of the dump program, e.g. `10.11.6`. */
  readonly version: string
  readonly ofMariadb: boolean
}

/** `tool_missing` with the name of the one that is not there. */
export async function findTools(io: SourceIo): Promise<Tools> {
  const dump = await first(['mariadb-dump', 'mysqldump'], io)
  const client = await first(['mariadb', 'mysql'], io)
  const version = /\b(?:Distrib|from) (\d+\.\d+\.\d+)|Ver (\d+\.\d+\.\d+)/.exec(dump.said)
  return {
    client: client.name,
    dump: dump.name,
    version: version?.[1] ?? version?.[2] ?? '',
    ofMariadb: /mariadb/i.test(dump.said),
  }
}

async function first(
  names: readonly [string, ...string[]],
  io: SourceIo,
): Promise<{ name: string; said: string }> {
  for (const name of names) {
    try {
      // Without it they would read the option files of whoever runs this.
      const { stdout } = await io.run(name, ['--no-defaults', '--version'], { signal: io.signal })
      return { name, said: stdout }
    } catch (error) {
      if (!(error instanceof CommandError) || error.ended.how !== 'not_found') throw error
    }
  }
  throw new Problem('tool_missing', { tool: names[0] })
}
