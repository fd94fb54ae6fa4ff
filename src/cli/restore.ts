// `archive restore` and `restore …`: bringing archives back, looking at restores, stopping them.
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { invalid, Problem } from '../domain/problem.ts'
import type { Restore, RestoreOptions, RestorePlan } from '../domain/restore.ts'
import { planDigest } from '../sys/plan-digest.ts'
import { restoreToWire } from '../domain/wire.ts'
import type { RestoreInput } from '../engine/engine.ts'
import { readRestoreLog } from '../engine/run-log.ts'
import { getArchive } from '../store/archives.ts'
import { getRestore, listRestores } from '../store/restores.ts'
import type { CliContext, Instance } from './context.ts'
import { executeRestoreAndWait, recoverIfAlone } from './execute.ts'
import { positive, readSecret } from './inputs.ts'
import { errorLines, exitCodes, printJson, printTable, text } from './output.ts'
import { cliActor, withInstance } from './with-instance.ts'

const LOG_PIECE = 256 * 1024

interface RestoreFlags {
  readonly plan?: boolean
  readonly target?: string
  readonly path?: readonly string[]
  readonly only?: readonly string[]
  readonly recipe?: boolean
  readonly devices?: boolean
  readonly user?: string
  readonly host?: string
  readonly port?: string
  readonly socket?: string
  readonly passwordFile?: string
  readonly yes?: boolean
  readonly json?: boolean
}

/** Adds `archive restore`. */
export function addArchiveRestore(archive: Command, context: CliContext, done: (code: number) => void): void {
  archive
    .command('restore <name>')
    .description('restore an archive; shows the plan and asks before anything is replaced')
    .option('--plan', 'only say what would be done')
    .option('--target <place>', 'another directory, or another database, than the one that was saved')
    .option('--path <path>', 'only this file or directory, relative to the saved one (repeatable)', collect)
    .option(
      '--only <target>',
      'only this app or system part of an archive with several (repeatable)',
      collect,
    )
    .option('--recipe', 'also user, service, owner, ports and commands, where they are off by default')
    .option('--no-recipe', 'files only: no user, service, owner, ports or commands')
    .option('--devices', 'allow device nodes in the archive')
    .option('--user <user>', 'databases: connect as this user')
    .option('--host <host>', 'databases: connect to this host')
    .option('--port <port>', 'databases: connect to this port')
    .option('--socket <path>', 'databases: connect by this socket')
    .option('--password-file <file>', 'databases: file with the password; - reads standard input')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action((name: string, flags: RestoreFlags, command: Command) =>
      withInstance(context, async (instance) => {
        await instance.engine.rescan()
        // Commander sets --no-recipe to true by default; only what was really typed counts.
        const typed = command.getOptionValueSource('recipe') === 'cli' ? flags.recipe : undefined
        const input = await inputOf(context, instance, name, flags, typed)
        done(await restore(context, instance, name, input, flags))
      }),
    )
}

/** Adds `restore list|show|log|cancel`. */
export function addRestoreCommands(
  program: Command,
  context: CliContext,
  done: (code: number) => void,
): void {
  const group = program.command('restore').description('restores: what was brought back, and how it went')

  group
    .command('list')
    .description('restores, newest first')
    .option('--archive <name>', 'only of this archive')
    .option('--limit <number>', 'at most so many', '50')
    .option('--json', 'print JSON')
    .action((options: { archive?: string; limit: string; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const limit = positive(options.limit, 'limit')
        const found = await listRestores(instance.db, {
          limit,
          ...(options.archive === undefined ? {} : { archive: options.archive }),
        })
        const items = found.map((one) => restoreToWire(one, instance.config.timeZone))
        if (options.json) printJson(context.stdout, { items })
        else {
          printTable(
            context.stdout,
            ['id', 'archive', 'target', 'status', 'started', 'by'],
            items.map((one) => [
              String(one.id),
              one.archive,
              one.target,
              one.status,
              one.started_at ?? '–',
              one.actor,
            ]),
          )
        }
      }),
    )

  group
    .command('show <id>')
    .description('one restore with its steps')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        printRestore(context, instance, await mustGet(instance, id), options.json === true)
      }),
    )

  group
    .command('log <id>')
    .description('the log of a restore')
    .action((id: string) =>
      withInstance(context, async (instance) => {
        const found = await mustGet(instance, id)
        for (let from = 0; ;) {
          const piece = await readRestoreLog(instance.config.dataDir, found.id, from, LOG_PIECE)
          context.stdout.write(piece.text)
          from = piece.next
          if (piece.end) return
        }
      }),
    )

  group
    .command('cancel <id>')
    .description('stop a restore and put everything back')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        await recoverIfAlone(instance)
        const asked = await instance.engine.cancelRestore((await mustGet(instance, id)).id, cliActor())
        const after = await instance.engine.waitForRestore(asked.id)
        printRestore(context, instance, after, options.json === true)
        done(after.status === 'success' ? exitCodes.failed : exitCodes.ok)
      }),
    )
}

async function restore(
  context: CliContext,
  instance: Instance,
  name: string,
  input: RestoreInput,
  flags: RestoreFlags,
): Promise<number> {
  const plan = await instance.engine.planRestore(name, input)
  if (flags.plan === true) {
    if (flags.json) printJson(context.stdout, plan)
    else context.stdout.write(`${planLines(plan).join('\n')}\n`)
    return plan.refusals.length === 0 ? exitCodes.ok : exitCodes.failed
  }
  if (plan.refusals.length > 0)
    throw new Problem('restore_refused', { archive: name }, { errors: plan.refusals })
  if (flags.json !== true) context.stderr.write(`${planLines(plan).join('\n')}\n`)
  if (flags.yes !== true && !(await confirmed(context, plan))) return exitCodes.failed
  const queued = await instance.engine.startRestore(name, { ...input, digest: planDigest(plan) }, cliActor())
  const ended = await executeRestoreAndWait(context, instance, queued)
  printRestore(context, instance, ended, flags.json === true)
  return ended.status === 'success' ? exitCodes.ok : exitCodes.failed
}

/** Without a terminal nobody can answer: then only `--yes` does. */
async function confirmed(context: CliContext, plan: RestorePlan): Promise<boolean> {
  if (!('isTTY' in context.stdin) || context.stdin.isTTY !== true) {
    throw new Problem('confirmation_missing', { target: plan.target })
  }
  const ask = createInterface({ input: context.stdin, output: context.stderr })
  try {
    if (!plan.replaces) return /^y(es)?$/i.test((await ask.question('Go on? [y/N] ')).trim())
    const typed = await ask.question(`This replaces what is there. Type ${plan.target} to go on: `)
    return typed.trim() === plan.target
  } finally {
    ask.close()
  }
}

async function inputOf(
  context: CliContext,
  instance: Instance,
  name: string,
  flags: RestoreFlags,
  recipe: boolean | undefined,
): Promise<RestoreInput> {
  const options: RestoreOptions = {
    ...(flags.target !== undefined && (await targetOption(instance, name, flags.target))),
    ...(flags.path && { paths: [...flags.path] }),
    ...(flags.only && { targets: [...flags.only] }),
    ...(recipe !== undefined && { recipe }),
    ...(flags.devices !== undefined && { devices: flags.devices }),
  }
  const connection = {
    ...(flags.user !== undefined && { user: flags.user }),
    ...(flags.host !== undefined && { host: flags.host }),
    ...(flags.socket !== undefined && { socket: flags.socket }),
    ...(flags.port !== undefined && { port: positive(flags.port, 'port') }),
    ...(flags.passwordFile !== undefined && { password: await readSecret(context, flags.passwordFile) }),
  }
  return { options, connection }
}

/** A directory for archives of files, a database for those of databases. */
async function targetOption(instance: Instance, name: string, target: string): Promise<RestoreOptions> {
  const archive = await getArchive(instance.db, name)
  if (!archive) throw new Problem('archive_not_found', { archive: name })
  const source = instance.sources.find((one) => one.id === archive.type)
  if (source?.restore.options.includes('target_database') === true) return { target_database: target }
  if (source?.restore.options.includes('target_path') === true) return { target_path: target }
  throw invalid({ field: 'target', code: 'option_unsupported', facts: { type: archive.type ?? '' } })
}

/** The plan as people read it. */
export function planLines(plan: RestorePlan): readonly string[] {
  return [
    plan.target === '' ? `restore ${plan.archive}` : `restore ${plan.archive} to ${plan.target}`,
    ...plan.steps.map((step, i) => `  ${i + 1}. ${text(`restore.step.${step.code}`, step.facts)}`),
    ...plan.warnings.map((one) => `  ! ${text(`restore.remark.${one.code}`, one.facts)}`),
    ...errorLines(new Problem('restore_refused', { archive: plan.archive }, { errors: plan.refusals })).slice(
      plan.refusals.length === 0 ? Infinity : 0,
    ),
  ]
}

function printRestore(context: CliContext, instance: Instance, found: Restore, json: boolean): void {
  const wire = restoreToWire(found, instance.config.timeZone)
  if (json) {
    printJson(context.stdout, wire)
    return
  }
  const told = [
    `restore ${found.id} of ${found.archiveName} to ${found.target}: ${found.status}`,
    ...found.steps.map((step) => `${step.state.padEnd(8)} ${text(`restore.step.${step.code}`, step.facts)}`),
    ...found.remarks.map((one) => `! ${text(`restore.remark.${one.code}`, one.facts)}`),
    ...(found.errorCode === null ? [] : errorLines(new Problem(found.errorCode, found.errorFacts))),
    found.safetyArchive === null ? '' : `the state before it is in ${found.safetyArchive}`,
  ]
  context.stdout.write(`${told.filter((line) => line !== '').join('\n  ')}\n`)
}

async function mustGet(instance: Instance, id: string): Promise<Restore> {
  const found = /^\d+$/.test(id) ? await getRestore(instance.db, Number(id)) : null
  if (!found) throw new Problem('restore_not_found', { id })
  return found
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
