// `token …`: keys for the API. A new one is printed once and stored nowhere.
import type { Command } from 'commander'
import { Problem } from '../domain/problem.ts'
import { tokenToWire } from '../domain/peer-wire.ts'
import { scopes } from '../domain/token.ts'
import { listTokens } from '../store/tokens.ts'
import type { CliContext } from './context.ts'
import { printJson, printTable } from './output.ts'
import { expiryOf, mustFindPeer, scopesOf } from './peer-inputs.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface CreateOptions {
  readonly scopes: string
  readonly expires?: string
  readonly peer?: string
  readonly json?: boolean
}

export function addTokenCommands(program: Command, context: CliContext): void {
  const token = program.command('token').description('tokens: keys for the API')

  token
    .command('create <name>')
    .description('a new token; it is printed this once')
    .requiredOption('--scopes <scopes>', `what it allows, with commas: ${scopes.join(', ')}`)
    .option('--expires <time>', '12h, 90d or 4w from now; default: never')
    .option('--peer <peer>', 'the peer that will bear it; default: a script')
    .option('--json', 'print JSON')
    .action((name: string, options: CreateOptions) =>
      withInstance(context, async (instance) => {
        const made = await instance.engine.tokens.create(
          {
            name,
            scopes: scopesOf(options.scopes),
            ...(options.expires !== undefined && { expiresAt: expiryOf(options.expires, context.now()) }),
            ...(options.peer !== undefined && { peerId: (await mustFindPeer(instance, options.peer)).id }),
          },
          cliActor(),
        )
        const wire = tokenToWire(made.token, instance.config.timeZone)
        if (options.json) printJson(context.stdout, { ...wire, secret: made.secret })
        else {
          context.stderr.write(
            `token ${wire.id} (${wire.name}): ${wire.scopes.join(', ')}. Keep it: it is not shown again.\n`,
          )
          context.stdout.write(`${made.secret}\n`)
        }
      }),
    )

  token
    .command('list')
    .description('all tokens, without their secrets; those that ended for 90 days')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        const tokens = await listTokens(instance.db)
        const items = tokens.map((one) => tokenToWire(one, instance.config.timeZone))
        if (options.json) printJson(context.stdout, { items })
        else {
          printTable(
            context.stdout,
            ['id', 'name', 'scopes', 'peer', 'created', 'last used', 'expires', 'revoked'],
            items.map((one) => [
              String(one.id),
              one.name,
              one.scopes.join(','),
              one.peer_id === null ? '–' : String(one.peer_id),
              one.created_at ?? '–',
              one.last_used_at ?? 'never',
              one.expires_at ?? 'never',
              one.revoked_at ?? '–',
            ]),
          )
        }
      }),
    )

  token
    .command('revoke <id>')
    .description('from now on it is unknown, also to a running server')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        if (!/^\d{1,15}$/.test(id)) throw new Problem('token_not_found', { id })
        const revoked = await instance.engine.tokens.revoke(Number(id), cliActor())
        if (options.json) printJson(context.stdout, tokenToWire(revoked, instance.config.timeZone))
        else context.stdout.write(`token ${revoked.id} (${revoked.name}) is revoked\n`)
      }),
    )
}
