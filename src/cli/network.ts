// `network …`: how other instances are, and what can be asked of them.
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { WireRestorePlan } from '../domain/api/archives.ts'
import type { Peer } from '../domain/peer.ts'
import { peerToWire } from '../domain/peer-wire.ts'
import { invalid, Problem, type ProblemCode, problems } from '../domain/problem.ts'
import type { RestoreOptions } from '../domain/restore.ts'
import { time } from '../domain/wire.ts'
import type { RemoteRestore } from '../engine/federation.ts'
import { getArchive } from '../store/archives.ts'
import { listPeers } from '../store/peers.ts'
import type { CliContext, Instance } from './context.ts'
import { positive } from './inputs.ts'
import { bytes, errorLines, ExitError, exitCodes, printJson, printTable, text } from './output.ts'
import { mustFindPeer } from './peer-inputs.ts'
import { cliActor, withInstance } from './with-instance.ts'

const LOOK_MS = 1000

interface JsonOption {
  readonly json?: boolean
}

interface ListOptions extends JsonOption {
  readonly q?: string
  readonly app?: string
  readonly cursor?: string
  readonly limit: string
}

interface RestoreFlags extends JsonOption {
  readonly plan?: boolean
  readonly target?: string
  readonly path?: readonly string[]
  readonly yes?: boolean
  readonly wait?: boolean
}

/** Adds `network`, `network archives|run|restore`. */
export function addNetworkCommands(
  program: Command,
  context: CliContext,
  done: (code: number) => void,
): void {
  const network = program
    .command('network')
    .description('other instances and how they are, as they last said')
    .option('--json', 'print JSON')
    .action((options: JsonOption) =>
      withInstance(context, async (instance) => showNetwork(context, instance, options.json === true)),
    )

  network
    .command('archives <peer>')
    .description('archives there that we may see, newest first; it is asked now')
    .option('--q <text>', 'part of the name')
    .option('--app <app>', 'only of this app')
    .option('--limit <number>', 'at most so many', '100')
    .option('--cursor <cursor>', 'go on where a list ended')
    .option('--json', 'print JSON')
    .action((key: string, options: ListOptions) =>
      withInstance(context, async (instance) => {
        const peer = await mustFindPeer(instance, key)
        const { items, nextCursor } = await instance.engine.remote.archives(peer.id, {
          limit: Math.min(1000, positive(options.limit, 'limit')),
          ...(options.q !== undefined && { q: options.q }),
          ...(options.app !== undefined && { app: options.app }),
          ...(options.cursor !== undefined && { cursor: options.cursor }),
        })
        if (isJson(network, options)) printJson(context.stdout, { items, next_cursor: nextCursor })
        else {
          printTable(
            context.stdout,
            ['name', 'app', 'type', 'of', 'made', 'size', 'state'],
            items.map((one) => [
              one.name,
              one.app ?? '–',
              one.type ?? '–',
              one.instance_name ?? '–',
              one.created_at,
              bytes(one.size_bytes),
              one.state,
            ]),
          )
          if (nextCursor !== null) context.stdout.write(`more: --cursor ${nextCursor}\n`)
        }
      }),
    )

  network
    .command('run <peer> <job>')
    .description('start a job there, by its name or id')
    .option('--json', 'print JSON')
    .action((key: string, job: string, options: JsonOption) =>
      withInstance(context, async (instance) => {
        const peer = await mustFindPeer(instance, key)
        const { runId } = await instance.engine.remote.startRun(peer.id, jobOf(peer, job), cliActor())
        if (isJson(network, options)) printJson(context.stdout, { run_id: runId, status: 'queued' })
        else context.stdout.write(`run ${runId} is queued on ${peer.name}\n`)
      }),
    )

  network
    .command('restore <peer> <archive>')
    .description('restore an archive there; it is sent first if it is not there')
    .option('--plan', 'only say what would be done')
    .option('--target <place>', 'another directory, or another database, than the one that was saved')
    .option('--path <path>', 'only this file or directory, relative to the saved one (repeatable)', collect)
    .option('--yes', 'do not ask; replace what exists there')
    .option('--wait', 'wait for its end')
    .option('--json', 'print JSON')
    .action((key: string, archive: string, flags: RestoreFlags) =>
      withInstance(context, async (instance) => {
        const peer = await mustFindPeer(instance, key)
        done(await restore(context, instance, peer, archive, { ...flags, json: isJson(network, flags) }))
      }),
    )
}

/** Commander gives an option that the group has too to the group. */
function isJson(group: Command, options: JsonOption): boolean {
  return options.json === true || group.opts<JsonOption>().json === true
}

async function showNetwork(context: CliContext, instance: Instance, json: boolean): Promise<void> {
  const peers = await listPeers(instance.db)
  const { timeZone, instanceName } = instance.config
  if (json) {
    printJson(context.stdout, { items: peers.map((peer) => peerToWire(peer, timeZone)) })
    return
  }
  const mine = [instanceName, 'here', '', '', '', '', context.version]
  printTable(
    context.stdout,
    ['instance', 'state', 'last seen', 'jobs', 'overdue', 'disk free', 'version'],
    [
      mine,
      ...peers.map((peer) => [
        peer.name,
        peer.hasKey ? stateOf(peer) : 'only comes to us',
        time(peer.lastSeen, timeZone) ?? 'never',
        String(peer.facts?.health.jobs.total ?? '–'),
        String(peer.facts?.health.jobs.overdue ?? '–'),
        bytes(peer.facts?.health.disk.free_bytes ?? null),
        peer.facts?.health.version ?? '–',
      ]),
    ],
  )
}

function stateOf({ status, errorCode }: Peer): string {
  if (status === null) return 'not asked yet'
  return status === 'error' ? `error (${errorCode ?? '?'})` : status
}

function jobOf({ name, facts }: Peer, wanted: string): number {
  const found = facts?.jobs.filter((job) => job.name === wanted) ?? []
  const [job] = found
  if (job !== undefined && found.length === 1) return job.id
  if (/^\d{1,15}$/.test(wanted)) return Number(wanted)
  throw new Problem('job_not_found', { job: wanted, peer: name })
}

async function restore(
  context: CliContext,
  instance: Instance,
  peer: Peer,
  archive: string,
  flags: RestoreFlags,
): Promise<number> {
  const { remote } = instance.engine
  const options = await optionsOf(instance, peer, archive, flags)
  const plan = await remote.planRestore(peer.id, archive, options)
  if (flags.plan === true) {
    if (flags.json) printJson(context.stdout, { plan })
    else context.stdout.write(`${planLines(plan, peer, archive).join('\n')}\n`)
    return plan !== null && plan.refusals.length > 0 ? exitCodes.failed : exitCodes.ok
  }
  if (flags.json !== true) context.stderr.write(`${planLines(plan, peer, archive).join('\n')}\n`)
  if (plan !== null && plan.refusals.length > 0) throw new Problem('restore_refused', { archive })
  if (flags.yes !== true && !(await confirmed(context, plan, archive))) return exitCodes.failed
  const order = { peerId: peer.id, archive, options, force: flags.yes === true || plan?.replaces === true }
  const begun = await remote.startRestore(order, cliActor())
  const served = isServed(instance)
  if (!served) context.stderr.write('It begins as soon as the server runs (backupmanager serve).\n')
  if (flags.wait === true && !served) {
    throw new ExitError(exitCodes.temporary, 'Nobody follows it now, so it cannot be waited for.')
  }
  const shown = flags.wait === true ? await ended(instance, begun) : begun
  print(context, instance, peer, shown, flags.json === true)
  return shown.finishedAt === null || shown.status === 'success' ? exitCodes.ok : exitCodes.failed
}

/** Only the server follows remote restores. */
function isServed(instance: Instance): boolean {
  const lock = instance.lock()
  lock?.release()
  return lock === null
}

async function ended(instance: Instance, begun: RemoteRestore): Promise<RemoteRestore> {
  for (;;) {
    const now = await instance.engine.remote.restore(begun.id)
    if (now.finishedAt !== null) return now
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

/** A directory for archives of files, a database for those of databases. */
async function optionsOf(
  instance: Instance,
  peer: Peer,
  archive: string,
  flags: RestoreFlags,
): Promise<RestoreOptions> {
  const paths = flags.path ? { paths: [...flags.path] } : {}
  if (flags.target === undefined) return paths
  const type =
    (await getArchive(instance.db, archive))?.type ??
    (await instance.engine.remote.archives(peer.id, { q: archive })).items.find((one) => one.name === archive)
      ?.type
  const kinds = instance.sources.find((one) => one.id === type)?.restore.options ?? []
  if (kinds.includes('target_database')) return { ...paths, target_database: flags.target }
  if (kinds.includes('target_path')) return { ...paths, target_path: flags.target }
  throw invalid({ field: 'target', code: 'option_unsupported', facts: { type: type ?? '' } })
}

function planLines(plan: WireRestorePlan | null, peer: Peer, archive: string): readonly string[] {
  if (plan === null) {
    return [`${archive} is not on ${peer.name} yet: it is sent first; what it would replace is not known`]
  }
  return [
    `restore ${archive} on ${peer.name}${plan.target === '' ? '' : ` to ${plan.target}`}`,
    ...plan.steps.map((step, i) => `  ${i + 1}. ${step.text}`),
    ...plan.warnings.map((one) => `  ! ${one.text}`),
    ...plan.refusals.map((one) => `  refused: ${one.message}`),
  ]
}

/** Without a terminal nobody can answer: then only `--yes` does. */
async function confirmed(
  context: CliContext,
  plan: WireRestorePlan | null,
  archive: string,
): Promise<boolean> {
  const target = plan?.target === undefined || plan.target === '' ? archive : plan.target
  if (!('isTTY' in context.stdin) || context.stdin.isTTY !== true) {
    throw new Problem('confirmation_missing', { target })
  }
  const ask = createInterface({ input: context.stdin, output: context.stderr })
  try {
    if (plan?.replaces !== true) return /^y(es)?$/i.test((await ask.question('Go on? [y/N] ')).trim())
    const typed = await ask.question(`This replaces what is there. Type ${target} to go on: `)
    return typed.trim() === target
  } finally {
    ask.close()
  }
}

function print(
  context: CliContext,
  instance: Instance,
  peer: Peer,
  restore: RemoteRestore,
  json: boolean,
): void {
  const { timeZone } = instance.config
  if (json) {
    printJson(context.stdout, {
      id: restore.id,
      instance: peer.name,
      archive: restore.archiveName,
      status: restore.status,
      transfer_id: restore.transferId,
      state: restore.state,
      asked_at: time(restore.askedAt, timeZone),
      seen_at: time(restore.seenAt, timeZone),
      finished_at: time(restore.finishedAt, timeZone),
      error: restore.errorCode,
    })
    return
  }
  const steps = restore.state?.steps ?? []
  const problem = problemOf(restore)
  const told = [
    `restore ${restore.id} of ${restore.archiveName} on ${peer.name}: ${text(`network.restore.state.${restore.status}`)}`,
    ...steps.map((step) => `${step.state.padEnd(8)} ${step.name}`),
    ...(problem === null ? [] : errorLines(problem)),
  ]
  context.stdout.write(`${told.join('\n  ')}\n`)
}

/** A code that a later version told is shown as it is. */
function problemOf({ errorCode, errorFacts }: RemoteRestore): Error | null {
  if (errorCode === null) return null
  const known = Object.keys(problems).find((code): code is ProblemCode => code === errorCode)
  return known === undefined ? new Error(errorCode) : new Problem(known, errorFacts)
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
