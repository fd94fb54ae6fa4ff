// Versions of the tools and of the server: an older tool refuses a newer server, or leaves things out.
import { Problem } from '../../domain/problem.ts'
import type { Program, Server } from './server.ts'

/** A tool's version, such as `15.18`. Rejects with `tool_missing`. */
export async function toolVersion(server: Server, program: Program): Promise<string> {
  const { stdout } = await server.tool(program, ['--version'])
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(stdout)?.[1]
  if (version === undefined) throw new Problem('tool_missing', { tool: program })
  return version
}

/** The first number, since PostgreSQL 10 the one that counts: of `15.18`, or of a server's `150018`. */
export function majorOf(version: string | number): number {
  return typeof version === 'number' ? Math.floor(version / 10_000) : Number.parseInt(version, 10)
}

/** Throws `tool_missing` with the version that is needed. */
export function mustKnow(program: Program, version: string, server: number): void {
  if (majorOf(version) < majorOf(server))
    throw new Problem('tool_missing', { tool: `${program} ${majorOf(server)}` })
}
