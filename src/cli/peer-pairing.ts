// `peer invite` and `peer join`: two instances come to know each other by a code that is good once.
import type { Command } from 'commander'
import { time } from '../domain/wire.ts'
import { invalid } from '../domain/problem.ts'
import { pairingScopes } from '../domain/token.ts'
import type { CliContext } from './context.ts'
import { readSecret } from './inputs.ts'
import { printJson } from './output.ts'
import { scopesOf } from './peer-inputs.ts'
import { show } from './peer-print.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface PairingOptions {
  readonly scopes: string
  readonly ssh?: boolean
  readonly json?: boolean
}

const usual = pairingScopes.join(',')
const scopesText = 'what the other may do here'

export function addPairingCommands(peer: Command, context: CliContext): void {
  peer
    .command('invite')
    .description('a code for another instance, good once and for 15 minutes; the server must be running')
    .option('--scopes <scopes>', scopesText, usual)
    .option('--ssh', 'exchange SSH keys too')
    .option('--json', 'print JSON')
    .action((options: PairingOptions) =>
      withInstance(context, async (instance) => {
        const input = { scopes: scopesOf(options.scopes), ssh: options.ssh === true }
        const made = await instance.engine.peers.invite(input, cliActor())
        const lock = instance.lock()
        if (lock !== null) {
          lock.release()
          context.stderr.write('no server is running: start it, or nobody can use the code\n')
        }
        const until = time(made.expiresAt, instance.config.timeZone)
        if (options.json) printJson(context.stdout, { id: made.id, code: made.code, expires_at: until })
        else {
          context.stdout.write(`${made.code}\n`)
          context.stderr.write(
            `Good once, until ${until}. On the other instance: backupmanager peer join -\n` +
              'Whoever has it can become a peer: send it to its admin only.\n',
          )
        }
      }),
    )

  peer
    .command('join [-]')
    .description('become a peer of the instance that showed a code; - reads the code from standard input')
    .option('--code-file <file>', 'read the code from a file instead')
    .option('--scopes <scopes>', scopesText, usual)
    .option('--ssh', 'exchange SSH keys too')
    .option('--json', 'print JSON')
    .action((given: string | undefined, options: PairingOptions & { codeFile?: string }) => {
      // Arguments can be read by every user of the machine.
      if (given !== undefined && given !== '-')
        throw invalid({ field: 'code', code: 'secret_in_arguments', facts: { option: '--code-file' } })
      const file = options.codeFile ?? given
      if (file === undefined) throw invalid({ field: 'code', code: 'required' })
      return withInstance(context, async (instance) => {
        const code = await readSecret(context, file, 'code_file')
        const input = { scopes: scopesOf(options.scopes), ssh: options.ssh === true }
        const joined = await instance.engine.peers.join(code, input, cliActor())
        show(context, instance, joined, options)
      })
    })
}
