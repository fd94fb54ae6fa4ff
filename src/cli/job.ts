// `job …`: what to back up, when, and how long to keep it.
import type { Command } from 'commander'
import { drillDepths, type Drill, type DrillDepth } from '../domain/drill.ts'
import type { Job } from '../domain/job.ts'
import { invalid } from '../domain/problem.ts'
import { drillToWire, jobToWire, time } from '../domain/wire.ts'
import { lastDrills } from '../store/drills.ts'
import { listJobs } from '../store/jobs.ts'
import type { CliContext, Instance } from './context.ts'
import { addJobCopies } from './destination.ts'
import { executeAndWait, recoverIfAlone } from './execute.ts'
import { mustFind } from './inputs.ts'
import { hiddenSettings } from './job-secrets.ts'
import { readInput, withJobOptions, type JobOptions } from './job-options.ts'
import { exitCodeOf, exitCodes, printJson, printTable, text } from './output.ts'
import { printRun } from './run.ts'
import { cliActor, withInstance } from './with-instance.ts'

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
        const drills = await lastDrills(
          instance.db,
          jobs.map((one) => one.id),
        )
        const items = jobs.map((one) => {
          const last = drills.get(one.id)
          return {
            ...jobToWire(one, zone, hiddenSettings(instance.sources, one)),
            last_drill: last === undefined ? null : drillToWire(last, zone),
          }
        })
        if (options.json) printJson(context.stdout, { items })
        else {
          printTable(
            context.stdout,
            ['id', 'name', 'type', 'cron', 'retention', 'enabled', 'next run', 'last proof'],
            items.map(row),
          )
        }
      }),
    )

  withJobOptions(job.command('add').description('create a job'), true).action((options: JobOptions) =>
    withInstance(context, async (instance) => {
      const input = await readInput(context, instance, options)
      const created = await instance.engine.createJob(input, cliActor())
      show(context, instance, created, options)
    }),
  )

  withJobOptions(
    job.command('edit <job>').description('change a job; options left out stay as they are'),
    false,
  ).action((key: string, options: JobOptions) =>
    withInstance(context, async (instance) => {
      const before = await mustFind(instance, key)
      const input = await readInput(context, instance, options, before)
      const changed = await instance.engine.updateJob(before.id, input, cliActor())
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
    .command('release <job>')
    .description('an anomaly was looked at: let retention remove again')
    .option('--json', 'print JSON')
    .action((key: string, options: JobOptions) =>
      withInstance(context, async (instance) => {
        const found = await mustFind(instance, key)
        show(context, instance, await instance.engine.releaseRetention(found.id, cliActor()), options)
      }),
    )

  job
    .command('drill <job>')
    .description(
      'prove that the newest archive can be restored; exit code 1 when it cannot, 2 when nobody knows',
    )
    .option('--depth <depth>', "read, extract or load; default: the job's")
    .option('--json', 'print JSON')
    .action((key: string, options: { depth?: string; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const found = await mustFind(instance, key)
        const depth = depthOf(options.depth)
        const drill = await instance.engine.startDrill(found.id, depth, cliActor())
        if (options.json) printJson(context.stdout, drillToWire(drill, instance.config.timeZone))
        else showDrill(context, drill)
        done(drillExitCodes[drill.verdict])
      }),
    )

  addJobCopies(job, context)

  job
    .command('run <job>')
    .description('run a job now')
    .option('--wait', 'wait for the end; exit code 0 for success, 2 for warning, 1 for the rest')
    .option('--json', 'print JSON')
    .action((key: string, options: { wait?: boolean; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const found = await mustFind(instance, key)
        const alone = await recoverIfAlone(instance)
        const queued = await instance.engine.startRun(found.id, 'manual', cliActor())
        if (alone && !options.wait) {
          context.stderr.write('no server is running: the run waits for one (or use --wait)\n')
        }
        const run = options.wait ? await executeAndWait(context, instance, queued) : queued
        printRun(context, instance, run, options.json === true)
        if (options.wait) done(exitCodeOf(run.status))
      }),
    )
}

const drillExitCodes = {
  passed: exitCodes.ok,
  failed: exitCodes.failed,
  inconclusive: exitCodes.warning,
} as const

/** Null for the job's own. */
function depthOf(given: string | undefined): DrillDepth | null {
  if (given === undefined) return null
  const depth = drillDepths.find((one) => one === given)
  if (depth === undefined) throw invalid({ field: 'depth', code: 'unknown_value' })
  return depth
}

function show(context: CliContext, instance: Instance, job: Job, options: JobOptions): void {
  const zone = instance.config.timeZone
  if (options.json) printJson(context.stdout, jobToWire(job, zone, hiddenSettings(instance.sources, job)))
  else {
    const next = time(job.nextRunAt, zone) ?? 'never'
    context.stdout.write(`job ${job.id} (${job.name}): ${job.enabled ? `next run ${next}` : 'disabled'}\n`)
  }
}

type ListedJob = ReturnType<typeof jobToWire> & { readonly last_drill: ReturnType<typeof drillToWire> | null }

function row(job: ListedJob): readonly string[] {
  const proof = job.last_drill
  return [
    String(job.id),
    job.name,
    job.type,
    job.cron_expr,
    job.retention,
    job.enabled ? 'yes' : 'no',
    job.next_run_at ?? '–',
    proof === null ? '–' : `${proof.verdict} ${proof.finished_at ?? ''}`,
  ]
}

/** The verdict, and below it what was seen. */
function showDrill(context: CliContext, drill: Drill): void {
  const { archiveName, depth, verdict, findings } = drill
  context.stdout.write(`${archiveName} (${depth}): ${verdict}\n`)
  for (const { code, facts } of findings) context.stdout.write(`  ${text(`drill.finding.${code}`, facts)}\n`)
}
