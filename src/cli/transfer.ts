// `transfer …`, `archive send` and `archive fetch`: copies on their way to destinations and back.
import type { Command } from 'commander'
import { invalid, Problem } from '../domain/problem.ts'
import { withoutSeries } from '../domain/transfer-retry.ts'
import { transferModes, type Destination, type Transfer, type TransferMode } from '../domain/transfer.ts'
import { transferToWire } from '../domain/wire.ts'
import { findDestination, getDestination, listDestinations } from '../store/destinations.ts'
import { getTransfer, listTransfers } from '../store/transfers.ts'
import type { CliContext, Instance } from './context.ts'
import { executeTransferAndWait, recoverIfAlone } from './execute.ts'
import { positive } from './inputs.ts'
import { bytes, errorLines, exitCodes, printJson, printTable } from './output.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface SendFlags {
  readonly to: string
  readonly mode?: string
  readonly wait?: boolean
  readonly json?: boolean
}

/** Adds `archive send` and `archive fetch`. */
export function addArchiveTransfers(
  archive: Command,
  context: CliContext,
  done: (code: number) => void,
): void {
  archive
    .command('send <name>')
    .description('send a copy of the archive to a destination')
    .requiredOption('--to <destination>', 'its name or id')
    .option('--mode <mode>', "auto, http or rsync; default: the destination's")
    .option('--wait', 'wait for the end; exit code 0 when the copy is there')
    .option('--json', 'print JSON')
    .action((name: string, flags: SendFlags) =>
      withInstance(context, async (instance) => {
        await instance.engine.rescan()
        const destination = await mustFindDestination(instance, flags.to)
        const mode = flags.mode === undefined ? {} : { mode: modeOf(flags.mode) }
        await carryOut(context, instance, flags, done, () =>
          instance.engine.transfers.send(
            { archive: name, destinationId: destination.id, trigger: 'manual', ...mode },
            cliActor(),
          ),
        )
      }),
    )

  archive
    .command('fetch <name>')
    .description('bring an archive here from a peer')
    .requiredOption('--from <peer>', 'its name, or its id as a destination')
    .option('--wait', 'wait for the end; exit code 0 when the archive is here')
    .option('--json', 'print JSON')
    .action((name: string, flags: { from: string; wait?: boolean; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const { peerId } = await mustFindDestination(instance, flags.from)
        if (peerId === null) throw new Problem('peer_not_found', { id: flags.from })
        await carryOut(context, instance, flags, done, () =>
          instance.engine.transfers.fetch({ archive: name, peerId, trigger: 'manual' }, cliActor()),
        )
      }),
    )
}

/** Adds `transfer list|show|pause|resume|cancel`. */
export function addTransferCommands(
  program: Command,
  context: CliContext,
  done: (code: number) => void,
): void {
  const group = program.command('transfer').description('transfers: copies on their way')

  group
    .command('list')
    .description('transfers, newest first')
    .option('--archive <name>', 'only of this archive')
    .option('--to <destination>', 'only to or from this destination')
    .option('--limit <number>', 'at most so many', '50')
    .option('--json', 'print JSON')
    .action((options: { archive?: string; to?: string; limit: string; json?: boolean }) =>
      withInstance(context, (instance) => list(context, instance, options)),
    )

  group
    .command('show <id>')
    .description('one transfer')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        await print(context, instance, await mustGet(instance, id), options.json === true)
      }),
    )

  for (const [verb, description] of [
    ['pause', 'stop a transfer until it is resumed; what was sent stays'],
    ['resume', 'go on with a paused transfer, or try a waiting or failed one again now'],
    ['cancel', 'end a transfer for good'],
  ] as const) {
    group
      .command(`${verb} <id>`)
      .description(description)
      .option('--json', 'print JSON')
      .action((id: string, options: { json?: boolean }) =>
        withInstance(context, async (instance) => {
          await recoverIfAlone(instance)
          const { transfers } = instance.engine
          const after = await transfers[verb]((await mustGet(instance, id)).id, cliActor())
          await print(context, instance, after, options.json === true)
          done(exitCodes.ok)
        }),
      )
  }
}

/** By id or name, or `destination_not_found`. */
export async function mustFindDestination(instance: Instance, key: string): Promise<Destination> {
  const found = await findDestination(instance.db, key)
  if (!found) throw new Problem('destination_not_found', { id: key })
  return found
}

/** `validation_failed` on `mode` when it is none. */
export function modeOf(given: string): TransferMode {
  const mode = transferModes.find((one) => one === given)
  if (mode === undefined) throw invalid({ field: 'mode', code: 'unknown_value' })
  return mode
}

async function carryOut(
  context: CliContext,
  instance: Instance,
  flags: { readonly wait?: boolean; readonly json?: boolean },
  done: (code: number) => void,
  order: () => Promise<Transfer>,
): Promise<void> {
  const alone = await recoverIfAlone(instance)
  const queued = await order()
  if (alone && !flags.wait) {
    context.stderr.write('no server is running: the transfer waits for one (or use --wait)\n')
  }
  const after = flags.wait ? await executeTransferAndWait(context, instance, queued) : queued
  await print(context, instance, after, flags.json === true)
  if (flags.wait) done(after.status === 'success' ? exitCodes.ok : exitCodes.failed)
}

async function list(
  context: CliContext,
  instance: Instance,
  options: {
    readonly archive?: string
    readonly to?: string
    readonly limit: string
    readonly json?: boolean
  },
): Promise<void> {
  const to = options.to === undefined ? null : await mustFindDestination(instance, options.to)
  const found = await listTransfers(instance.db, {
    limit: positive(options.limit, 'limit'),
    ...(options.archive === undefined ? {} : { archive: options.archive }),
    ...(to === null ? {} : { destinationId: to.id }),
  })
  const names = new Map((await listDestinations(instance.db)).map((one) => [one.id, one.name]))
  const items = found.map((one) =>
    transferToWire(one, names.get(one.destinationId) ?? '', instance.config.timeZone),
  )
  if (options.json) {
    printJson(context.stdout, { items })
    return
  }
  printTable(
    context.stdout,
    ['id', 'archive', 'way', 'status', 'done', 'queued', 'by', 'error'],
    items.map((one) => [
      String(one.transfer_id),
      one.archive_name,
      one.direction === 'send' ? `to ${one.destination}` : `from ${one.destination}`,
      one.status,
      progressOf(one.bytes_done, one.bytes_total),
      one.queued_at,
      one.actor,
      one.error ?? '',
    ]),
  )
}

async function print(
  context: CliContext,
  instance: Instance,
  transfer: Transfer,
  json: boolean,
): Promise<void> {
  const zone = instance.config.timeZone
  const destination = (await getDestination(instance.db, transfer.destinationId))?.name ?? ''
  const wire = transferToWire(transfer, destination, zone)
  if (json) {
    printJson(context.stdout, wire)
    return
  }
  const way = transfer.direction === 'send' ? `to ${destination}` : `from ${destination}`
  const { errorCode, errorFacts } = transfer
  const told = [
    `transfer ${transfer.id} of ${transfer.archiveName} ${way}: ${transfer.status}`,
    `${progressOf(transfer.bytesDone, transfer.bytesTotal)}, attempt ${transfer.attempt}`,
    transfer.status === 'waiting' ? `until ${wire.not_before}` : '',
    ...(errorCode === null ? [] : errorLines(new Problem(errorCode, withoutSeries(errorFacts)))),
  ]
  context.stdout.write(`${told.filter((line) => line !== '').join('\n  ')}\n`)
}

function progressOf(done: number, total: number | null): string {
  return total === null ? bytes(done) : `${bytes(done)} of ${bytes(total)}`
}

async function mustGet(instance: Instance, id: string): Promise<Transfer> {
  const found = /^\d{1,15}$/.test(id) ? await getTransfer(instance.db, Number(id)) : null
  if (!found) throw new Problem('transfer_not_found', { id })
  return found
}
