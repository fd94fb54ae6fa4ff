// `peer test-ssh`: goes to a peer's inbox without leaving anything there.
import type { Command } from 'commander'
import type { RsyncVersion } from '../engine/federation.ts'
import type { CliContext } from './context.ts'
import { errorLines, exitCodeFor, exitCodes, printJson, text } from './output.ts'
import { mustFindPeer } from './peer-inputs.ts'
import { withInstance } from './with-instance.ts'

const LIMIT_MS = 90_000

export function addSshTest(peer: Command, context: CliContext, done: (code: number) => void): void {
  peer
    .command('test-ssh <peer>')
    .description('go to its inbox by SSH, as a transfer by rsync would; nothing is left there')
    .option('--json', 'print JSON')
    .action((key: string, options: { readonly json?: boolean }) =>
      withInstance(context, async (instance) => {
        const { id, name } = await mustFindPeer(instance, key)
        const found = await instance.engine.transfers.testSsh(id, AbortSignal.timeout(LIMIT_MS))
        const { problem, here, there } = found
        if (options.json) {
          const error = problem === null ? null : { code: problem.code, facts: problem.facts }
          printJson(context.stdout, { ok: problem === null, error, here, there })
        } else if (problem === null) {
          context.stdout.write(`${name} lets us in\n`)
          for (const [where, rsync] of [
            ['here', here],
            [name, there],
          ] as const) {
            context.stdout.write(`rsync ${where}: ${inWords(rsync)}\n`)
          }
        } else for (const line of errorLines(problem)) context.stderr.write(`${line}\n`)
        done(problem === null ? exitCodes.ok : exitCodeFor(problem))
      }),
    )
}

function inWords(rsync: RsyncVersion | null): string {
  if (rsync === null) return text('peers.ssh.version_unknown')
  const { version, standing } = rsync
  return standing === 'good' ? version : `${version} – ${text(`peers.ssh.version_${standing}`)}`
}
