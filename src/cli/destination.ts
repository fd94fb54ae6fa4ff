// `destination …` and `job set-copies`: where copies go, how fast, and in which hours.
import type { Command } from 'commander'
import { invalid } from '../domain/problem.ts'
import type { Destination, TransferWindow } from '../domain/transfer.ts'
import { formatWindow, parseWindow } from '../domain/transfer-window.ts'
import { formatPolicy } from '../domain/policy-text.ts'
import { destinationToWire } from '../domain/wire.ts'
import { destinationsOfJob, listDestinations } from '../store/destinations.ts'
import type { CliContext, Instance } from './context.ts'
import { mustFind, policyOf, positive } from './inputs.ts'
import { printJson, printTable } from './output.ts'
import { modeOf, mustFindDestination } from './transfer.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface SetFlags {
  readonly mode?: string
  readonly bandwidth?: string
  readonly hours?: string
  readonly retention?: string
  readonly enable?: boolean
  readonly disable?: boolean
  readonly json?: boolean
}

/** Adds `destination list|show|set`. */
export function addDestinationCommands(program: Command, context: CliContext): void {
  const group = program.command('destination').description('destinations: places that copies go to')

  group
    .command('list')
    .description('all destinations')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        print(context, instance, await listDestinations(instance.db), options.json === true)
      }),
    )

  group
    .command('show <destination>')
    .description('one destination')
    .option('--json', 'print JSON')
    .action((key: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        show(context, instance, await mustFindDestination(instance, key), options.json === true)
      }),
    )

  group
    .command('set <destination>')
    .description('change a destination; options left out stay as they are')
    .option('--mode <mode>', 'auto, http or rsync')
    .option('--bandwidth <KiB>', 'KiB per second, or none')
    .option('--hours <from-to>', 'transfers run in these hours only, such as 22:00-06:00, or none')
    .option('--retention <policy>', 'how long copies stay there, such as count:7; or job: as their job says')
    .option('--enable', 'copies go there')
    .option('--disable', 'nothing is sent there')
    .option('--json', 'print JSON')
    .action((key: string, flags: SetFlags) =>
      withInstance(context, async (instance) => {
        const before = await mustFindDestination(instance, key)
        const after = await instance.engine.transfers.changeDestination(
          before.id,
          {
            enabled: enabledOf(flags) ?? before.enabled,
            mode: flags.mode === undefined ? before.mode : modeOf(flags.mode),
            bandwidthKib: flags.bandwidth === undefined ? before.bandwidthKib : bandwidthOf(flags.bandwidth),
            window: flags.hours === undefined ? before.window : hoursOf(flags.hours),
            ...(flags.retention !== undefined && {
              retention: flags.retention === 'job' ? null : policyOf(flags.retention),
            }),
          },
          cliActor(),
        )
        show(context, instance, after, flags.json === true)
      }),
    )
}

/** Adds `job set-copies`. */
export function addJobCopies(job: Command, context: CliContext): void {
  job
    .command('set-copies <job> [destinations...]')
    .description("where the job's archives go after each good run: these and no others; none without any")
    .option('--json', 'print JSON')
    .action((key: string, keys: readonly string[], options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        const found = await mustFind(instance, key)
        const ids: number[] = []
        for (const one of keys) ids.push((await mustFindDestination(instance, one)).id)
        await instance.engine.transfers.setJobDestinations(found.id, ids, cliActor())
        print(context, instance, await destinationsOfJob(instance.db, found.id), options.json === true)
      }),
    )
}

function enabledOf(flags: SetFlags): boolean | null {
  if (flags.enable === true && flags.disable === true) {
    throw invalid({ field: 'enable', code: 'unexpected' })
  }
  if (flags.enable === true) return true
  return flags.disable === true ? false : null
}

function bandwidthOf(given: string): number | null {
  return given === 'none' ? null : positive(given, 'bandwidth')
}

function hoursOf(given: string): TransferWindow | null {
  if (given === 'none') return null
  const window = parseWindow(given)
  if (!window) throw invalid({ field: 'hours', code: 'unknown_value', facts: { value: given } })
  return window
}

function show(context: CliContext, instance: Instance, destination: Destination, json: boolean): void {
  if (json) printJson(context.stdout, destinationToWire(destination, instance.config.timeZone))
  else table(context, [destination])
}

function print(
  context: CliContext,
  instance: Instance,
  destinations: readonly Destination[],
  json: boolean,
): void {
  if (json) {
    const items = destinations.map((one) => destinationToWire(one, instance.config.timeZone))
    printJson(context.stdout, { items })
  } else table(context, destinations)
}

function table(context: CliContext, destinations: readonly Destination[]): void {
  printTable(
    context.stdout,
    ['id', 'name', 'kind', 'enabled', 'mode', 'KiB/s', 'hours', 'keeps'],
    destinations.map((one) => [
      String(one.id),
      one.name,
      one.kind,
      one.enabled ? 'yes' : 'no',
      one.mode,
      one.bandwidthKib === null ? '–' : String(one.bandwidthKib),
      one.window === null ? '–' : formatWindow(one.window),
      one.retention === null ? 'as the job' : formatPolicy(one.retention),
    ]),
  )
}
