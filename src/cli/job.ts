// `job …`: what to back up, when, and how long to keep it.
import type { Command } from 'commander'
import { invalid } from '../domain/problem.ts'
import type { Job, JobInput } from '../domain/job.ts'
import { jobToWire, time } from '../domain/wire.ts'
import { listJobs } from '../store/jobs.ts'
import type { CliContext, Instance } from './context.ts'
import { executeAndWait } from './execute.ts'
import { mustFind, policyOf } from './inputs.ts'
import { exitCodeOf, printJson, printTable } from './output.ts'
import { printRun } from './run.ts'
import { cliActor, withInstance } from './with-instance.ts'

interface JobOptions {
  readonly name?: string
  readonly type?: string
  readonly config?: string
  readonly cron?: string
  readonly retention?: string
  readonly coreOnly?: boolean
  readonly disabled?: boolean
  readonly preBackup?: string
  readonly postBackup?: string
  readonly hookTimeout?: string
  readonly timeout?: string
  readonly json?: boolean
}

export function addJobCommands(program: Command, context: CliContext, done: (code: number) => void): void {
  const job = program.command('job').description('jobs: what is backed up, when, and how long it is kept')

  job
    .command('list')
    .description('all jobs')
    .option('--json', 'print JSON')
    .action((options: JobOptions) =>
      withInstance(context, async (instance) => {
        const jobs = await listJobs(instance.db)
        const zone = instance.config.timeZone
        if (options.json) printJson(context.stdout, { items: jobs.map((one) => jobToWire(one, zone)) })
        else {
          printTable(
            context.stdout,
            ['id', 'name', 'type', 'cron', 'retention', 'enabled', 'next run'],
            jobs.map((one) => row(one, zone)),
          )
        }
      }),
    )

  withJobOptions(job.command('add').description('create a job'), true).action((options: JobOptions) =>
    withInstance(context, async (instance) => {
      const created = await instance.engine.createJob(inputOf(options), cliActor())
      show(context, instance, created, options)
    }),
  )

  withJobOptions(
    job.command('edit <job>').description('change a job; options left out stay as they are'),
    false,
  ).action((key: string, options: JobOptions) =>
    withInstance(context, async (instance) => {
      const before = await mustFind(instance, key)
      const changed = await instance.engine.updateJob(before.id, inputOf(options, before), cliActor())
      show(context, instance, changed, options)
    }),
  )

  job
    .command('remove <job>')
    .description('remove a job and its history; its archives stay')
    .option('--json', 'print JSON')
    .action((key: string, options: JobOptions) =>
      withInstance(context, async (instance) => {
        const found = await mustFind(instance, key)
        await instance.engine.removeJob(found.id, cliActor())
        if (options.json) printJson(context.stdout, { id: found.id, removed: true })
        else context.stdout.write(`job ${found.id} (${found.name}) is removed; its archives stay\n`)
      }),
    )

  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    job
      .command(`${verb} <job>`)
      .description(enabled ? 'let the schedule run the job' : 'keep the job, but do not run it by schedule')
      .option('--json', 'print JSON')
      .action((key: string, options: JobOptions) =>
        withInstance(context, async (instance) => {
          const found = await mustFind(instance, key)
          show(context, instance, await instance.engine.setJobEnabled(found.id, enabled, cliActor()), options)
        }),
      )
  }

  job
    .command('run <job>')
    .description('run a job now')
    .option('--wait', 'wait for the end; exit code 0 for success, 2 for warning, 1 for the rest')
    .option('--json', 'print JSON')
    .action((key: string, options: { wait?: boolean; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const found = await mustFind(instance, key)
        const queued = await instance.engine.startRun(found.id, 'manual', cliActor())
        const run = options.wait ? await executeAndWait(context, instance, queued) : queued
        printRun(context, instance, run, options.json === true)
        if (options.wait) done(exitCodeOf(run.status))
      }),
    )
}

function withJobOptions(command: Command, adding: boolean): Command {
  const option = (flags: string, text: string) =>
    adding ? command.requiredOption(flags, text) : command.option(flags, text)
  option('--name <name>', 'the name people see')
  option('--type <type>', 'ynh_app, ynh_system or custom_dir')
  option('--config <json>', 'settings of the type, e.g. {"source_path":"/srv/photos","excludes":["cache/"]}')
  option('--cron <expression>', "five fields or @daily and the like, in the instance's time zone")
  option('--retention <policy>', 'count:7, daily:7 or gfs:7,4,3 (days, weeks, months)')
  return command
    .option('--core-only', "leave out the app's data (apps only)")
    .option('--no-core-only', 'back up the app with its data')
    .option('--disabled', 'create it without a schedule')
    .option('--pre-backup <command>', 'run before, as root; a failure fails the run')
    .option('--post-backup <command>', 'run afterwards, whatever happened')
    .option('--hook-timeout <seconds>', 'time each of the two may take')
    .option('--timeout <seconds>', 'time a run may take')
    .option('--json', 'print JSON')
}

/** Options as a job input; what is left out comes from `before`. */
function inputOf(options: JobOptions, before?: Job): JobInput {
  const preBackup = options.preBackup ?? before?.hooks.preBackup
  const postBackup = options.postBackup ?? before?.hooks.postBackup
  const coreOnly = options.coreOnly ?? (options.config === undefined ? before?.coreOnly : undefined)
  return {
    name: options.name ?? before?.name ?? '',
    type: options.type ?? before?.type ?? '',
    config: options.config === undefined ? (before?.config ?? {}) : parseConfigOption(options.config),
    cronExpr: options.cron ?? before?.cronExpr ?? '',
    retention:
      options.retention === undefined && before ? before.retention : policyOf(options.retention ?? ''),
    enabled: options.disabled === true ? false : (before?.enabled ?? true),
    ...(coreOnly === undefined ? {} : { coreOnly }),
    hooks: {
      ...(preBackup === undefined ? {} : { preBackup }),
      ...(postBackup === undefined ? {} : { postBackup }),
      timeoutS: secondsOf(options.hookTimeout, 'hooks.timeout_s') ?? before?.hooks.timeoutS ?? 300,
    },
    timeoutS: secondsOf(options.timeout, 'timeout_s') ?? before?.timeoutS ?? null,
  }
}

function parseConfigOption(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw invalid({ field: 'config', code: 'json_invalid', facts: { detail: String(error) } })
  }
}

function secondsOf(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (!Number.isInteger(seconds)) throw invalid({ field, code: 'not_number', facts: { value: text } })
  return seconds
}

function show(context: CliContext, instance: Instance, job: Job, options: JobOptions): void {
  const zone = instance.config.timeZone
  if (options.json) printJson(context.stdout, jobToWire(job, zone))
  else {
    const next = time(job.nextRunAt, zone) ?? 'never'
    context.stdout.write(`job ${job.id} (${job.name}): ${job.enabled ? `next run ${next}` : 'disabled'}\n`)
  }
}

function row(job: Job, zone: string): readonly string[] {
  const wire = jobToWire(job, zone)
  return [
    String(job.id),
    job.name,
    job.type,
    job.cronExpr,
    wire.retention,
    job.enabled ? 'yes' : 'no',
    wire.next_run_at ?? '–',
  ]
}
