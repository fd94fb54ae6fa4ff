// `archive …`: what is kept, whether it is still good, and removing it.
import type { Command } from 'commander'
import type { Archive } from '../domain/archive.ts'
import { Problem } from '../domain/problem.ts'
import { archiveToWire, copyToWire } from '../domain/wire.ts'
import { getArchive, listArchives } from '../store/archives.ts'
import { copiesOf } from '../store/copies.ts'
import { listDestinations } from '../store/destinations.ts'
import { addContentsCommands } from './archive-contents.ts'
import type { CliContext, Instance } from './context.ts'
import { positive } from './inputs.ts'
import { bytes, exitCodes, printJson, printTable } from './output.ts'
import { addArchiveRestore } from './restore.ts'
import { addArchiveTransfers } from './transfer.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface ListOptions {
  readonly app?: string
  readonly type?: string
  readonly instance?: string
  readonly q?: string
  readonly limit: string
  readonly cursor?: string
  readonly json?: boolean
}

export function addArchiveCommands(
  program: Command,
  context: CliContext,
  done: (code: number) => void,
): void {
  const archive = program.command('archive').description('archives: what is kept')

  archive
    .command('list')
    .description('archives, newest first; looks at the directory first')
    .option('--app <app>', 'only of this app')
    .option('--type <type>', 'only of this type')
    .option('--instance <name>', 'only made by this instance')
    .option('--q <text>', 'only whose name has this text')
    .option('--limit <number>', 'at most so many', '100')
    .option('--cursor <cursor>', 'go on where the last list ended')
    .option('--json', 'print JSON')
    .action((options: ListOptions) => withInstance(context, (instance) => list(context, instance, options)))

  archive
    .command('info <name>')
    .description('one archive with its descriptions')
    .option('--json', 'print JSON')
    .action((name: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        await instance.engine.rescan()
        const found = await mustGet(instance, name)
        const zone = instance.config.timeZone
        const wire = archiveToWire(found, zone)
        const names = new Map((await listDestinations(instance.db)).map((one) => [one.id, one.name]))
        const copies = ((await copiesOf(instance.db, [name])).get(name) ?? []).map((one) =>
          copyToWire(one, names.get(one.destinationId) ?? '', zone),
        )
        if (options.json) {
          const { info, backupInfo: backup_info } = found
          printJson(context.stdout, { ...wire, info, backup_info, copies })
        } else {
          for (const [key, value] of Object.entries(wire)) context.stdout.write(`${key}: ${value ?? '–'}\n`)
          for (const { destination, state, checked_at: at } of copies) {
            context.stdout.write(`copy at ${destination}: ${state}, as of ${at}\n`)
          }
        }
      }),
    )

  archive
    .command('verify <name>')
    .description('read the archive again and prove it; exit code 1 when it is damaged')
    .option('--json', 'print JSON')
    .action((name: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        await instance.engine.rescan()
        const stop = new AbortController()
        const off = context.onSignal(() => stop.abort())
        try {
          const after = await instance.engine.verifyArchive(name, cliActor(), stop.signal)
          show(context, instance, after, options.json === true)
          done(after.state === 'ok' ? exitCodes.ok : exitCodes.failed)
        } finally {
          off()
        }
      }),
    )

  for (const [verb, pinned] of [
    ['pin', true],
    ['unpin', false],
  ] as const) {
    archive
      .command(`${verb} <name>`)
      .description(pinned ? 'keep it whatever retention says' : 'let retention decide again')
      .option('--json', 'print JSON')
      .action((name: string, options: { json?: boolean }) =>
        withInstance(context, async (instance) => {
          await instance.engine.rescan()
          const after = await instance.engine.setPinned(name, pinned, cliActor())
          show(context, instance, after, options.json === true)
        }),
      )
  }

  addArchiveRestore(archive, context, done)

  addArchiveTransfers(archive, context, done)

  addContentsCommands(archive, context, done)

  archive
    .command('delete <name>')
    .description('delete an archive for good')
    .option('--json', 'print JSON')
    .action((name: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        await instance.engine.rescan()
        const found = await mustGet(instance, name)
        await instance.engine.deleteArchive(found.name, cliActor())
        if (options.json) printJson(context.stdout, { name: found.name, deleted: true })
        else context.stdout.write(`${found.name} is deleted (${bytes(found.sizeBytes)})\n`)
      }),
    )
}

async function list(context: CliContext, instance: Instance, options: ListOptions): Promise<void> {
  await instance.engine.rescan()
  const page = await listArchives(instance.db, {
    limit: Math.min(1000, positive(options.limit, 'limit')),
    ...(options.app === undefined ? {} : { app: options.app }),
    ...(options.type === undefined ? {} : { type: options.type }),
    ...(options.instance === undefined ? {} : { instance: options.instance }),
    ...(options.q === undefined ? {} : { q: options.q }),
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
  })
  const items = page.items.map((one) => archiveToWire(one, instance.config.timeZone))
  if (options.json) {
    printJson(context.stdout, { items, next_cursor: page.nextCursor })
    return
  }
  printTable(
    context.stdout,
    ['name', 'what', 'created', 'size', 'state', 'origin', 'pinned'],
    items.map((one) => [
      one.name,
      [one.type, one.app].filter(Boolean).join(' '),
      one.created_at ?? '–',
      bytes(one.size_bytes),
      one.state,
      one.origin,
      one.pinned ? 'yes' : '',
    ]),
  )
}

function show(context: CliContext, instance: Instance, archive: Archive, json: boolean): void {
  if (json) printJson(context.stdout, archiveToWire(archive, instance.config.timeZone))
  else {
    const why = archive.stateDetail === null ? '' : ` (${archive.stateDetail})`
    context.stdout.write(`${archive.name}: ${archive.state}${why}${archive.pinned ? ', pinned' : ''}\n`)
  }
}

async function mustGet(instance: Instance, name: string): Promise<Archive> {
  const found = await getArchive(instance.db, name)
  if (!found) throw new Problem('archive_not_found', { archive: name })
  return found
}
