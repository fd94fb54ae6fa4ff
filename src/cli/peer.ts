// `peer …`: other instances that this one knows.
import type { Command } from 'commander'
import { peerToWire } from '../domain/peer-wire.ts'
import { invalid } from '../domain/problem.ts'
import { listPeers } from '../store/peers.ts'
import type { CliContext, Instance } from './context.ts'
import { readSecret } from './inputs.ts'
import { printJson, printTable } from './output.ts'
import { mustFindPeer } from './peer-inputs.ts'
import { addPairingCommands } from './peer-pairing.ts'
import { show } from './peer-print.ts'
import { addSshTest } from './peer-ssh.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface JsonOption {
  readonly json?: boolean
}

interface AddOptions extends JsonOption {
  readonly keyFile?: string
  readonly pin?: string
  readonly showPin?: boolean
}

interface EditOptions extends JsonOption {
  readonly url?: string
  readonly keyFile?: string
  readonly pin?: string | false
}

export function addPeerCommands(program: Command, context: CliContext, done: (code: number) => void): void {
  const peer = program.command('peer').description('peers: other instances that this one knows')

  addPairingCommands(peer, context)
  addSshTest(peer, context, done)

  peer
    .command('add <name> <url>')
    .description('enter a peer by hand, with a key that was made there; it is asked at once who it is')
    .option('--key-file <file>', 'the key; - reads standard input')
    .option('--pin <sha256>', 'the only certificate that is trusted there')
    .option('--show-pin', 'only say which certificate it presents')
    .option('--json', 'print JSON')
    .action((name: string, url: string, options: AddOptions) =>
      withInstance(context, async (instance) => {
        if (options.showPin) return showPin(context, instance, url, options.json === true)
        if (options.keyFile === undefined) throw invalid({ field: 'key_file', code: 'required' })
        const key = await readSecret(context, options.keyFile, 'key_file')
        const input = { name, url, key, ...(options.pin !== undefined && { certPin: options.pin }) }
        show(context, instance, await instance.engine.peers.register(input, cliActor()), options)
      }),
    )

  peer
    .command('list')
    .description('all peers, as they were when they were last asked')
    .option('--json', 'print JSON')
    .action((options: JsonOption) =>
      withInstance(context, async (instance) => {
        const items = (await listPeers(instance.db)).map((one) => peerToWire(one, instance.config.timeZone))
        if (options.json) printJson(context.stdout, { items })
        else {
          printTable(
            context.stdout,
            ['id', 'name', 'url', 'status', 'last seen', 'version', 'error'],
            items.map((one) => [
              String(one.id),
              one.name,
              one.url,
              one.status ?? 'never asked',
              one.last_seen ?? 'never',
              one.version ?? '–',
              one.error?.code ?? '',
            ]),
          )
        }
      }),
    )

  peer
    .command('show <peer>')
    .description('one peer')
    .option('--json', 'print JSON')
    .action((key: string, options: JsonOption) =>
      withInstance(context, async (instance) => {
        const wire = peerToWire(await mustFindPeer(instance, key), instance.config.timeZone)
        if (options.json) printJson(context.stdout, wire)
        else {
          for (const [what, value] of Object.entries(wire)) {
            const told = typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? '–')
            context.stdout.write(`${what}: ${told}\n`)
          }
        }
      }),
    )

  peer
    .command('rename <peer> <name>')
    .description('another name for it here')
    .option('--json', 'print JSON')
    .action((key: string, name: string, options: JsonOption) =>
      withInstance(context, async (instance) => {
        const { id, url } = await mustFindPeer(instance, key)
        show(context, instance, await instance.engine.peers.update(id, { name, url }, cliActor()), options)
      }),
    )

  peer
    .command('edit <peer>')
    .description(
      'another address, key or pinned certificate; it is asked at once whether it is the same instance',
    )
    .option('--url <url>', 'its address; another server needs --key-file')
    .option('--key-file <file>', 'our key there; - reads standard input')
    .option('--pin <sha256>', 'the only certificate that is trusted there')
    .option('--no-pin', 'trust what the usual authorities vouch for')
    .option('--json', 'print JSON')
    .action((given: string, options: EditOptions) =>
      withInstance(context, async (instance) => {
        const before = await mustFindPeer(instance, given)
        const key =
          options.keyFile === undefined ? undefined : await readSecret(context, options.keyFile, 'key_file')
        const input = {
          name: before.name,
          url: options.url ?? before.url,
          ...(key !== undefined && { key }),
          ...pinOf(options.pin),
        }
        show(context, instance, await instance.engine.peers.update(before.id, input, cliActor()), options)
      }),
    )

  peer
    .command('poll <peer>')
    .description('ask it now')
    .option('--json', 'print JSON')
    .action((key: string, options: JsonOption) =>
      withInstance(context, async (instance) => {
        const { id } = await mustFindPeer(instance, key)
        show(context, instance, await instance.engine.peers.poll(id), options)
      }),
    )

  peer
    .command('rotate-key <peer>')
    .description('have it make a new key for us; the former one ends')
    .option('--json', 'print JSON')
    .action((key: string, options: JsonOption) =>
      withInstance(context, async (instance) => {
        const { id } = await mustFindPeer(instance, key)
        show(context, instance, await instance.engine.peers.rotateKey(id, cliActor()), options)
      }),
    )

  peer
    .command('remove <peer>')
    .description('forget it: its tokens end at once; what it left here stays')
    .option('--json', 'print JSON')
    .action((key: string, options: JsonOption) =>
      withInstance(context, async (instance) => {
        const { id, name } = await mustFindPeer(instance, key)
        await instance.engine.peers.remove(id, cliActor())
        if (options.json) printJson(context.stdout, { id, removed: true })
        else context.stdout.write(`peer ${id} (${name}) is removed; what it left here stays\n`)
      }),
    )
}

/** Commander gives true without either option, because there is a negative one. */
function pinOf(pin: unknown): { readonly certPin?: string | null } {
  if (pin === false) return { certPin: null }
  return typeof pin === 'string' ? { certPin: pin } : {}
}

async function showPin(context: CliContext, instance: Instance, url: string, json: boolean): Promise<void> {
  const found = await instance.engine.peers.certificateOf(url)
  if (json)
    printJson(context.stdout, { sha256: found.sha256, subject: found.subject, valid_to: found.validTo })
  else context.stdout.write(`${found.sha256}\n${found.subject}, until ${found.validTo}\n`)
}
