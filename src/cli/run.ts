// `run …`: executions of jobs, their logs, and stopping them.
import type { Command } from 'commander'
import { invalid, Problem } from '../domain/problem.ts'
import { isTerminal } from '../domain/run-state.ts'
import { runStatuses, type Run } from '../domain/run.ts'
import { runToWire } from '../domain/wire.ts'
import { readRunLog } from '../engine/run-log.ts'
import { getRun, listRuns, listRunsOfJob } from '../store/runs.ts'
import type { CliContext, Instance } from './context.ts'
import { recoverIfAlone } from './execute.ts'
import { mustFind, positive } from './inputs.ts'
import { bytes, exitCodeOf, printJson, printTable } from './output.ts'
import { cliActor, withInstance } from './with-instance.ts'

const LOG_PIECE = 256 * 1024

export function addRunCommands(program: Command, context: CliContext, done: (code: number) => void): void {
  const run = program.command('run').description('runs: executions of jobs')

  run
    .command('list')
    .description('runs, newest first')
    .option('--job <job>', 'only of this job')
    .option('--status <status>', runStatuses.join(', '))
    .option('--limit <number>', 'at most so many', '50')
    .option('--json', 'print JSON')
    .action((options: { job?: string; status?: string; limit: string; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const limit = positive(options.limit, 'limit')
        const status = runStatuses.find((one) => one === options.status)
        if (options.status !== undefined && !status) throw invalid({ field: 'status', code: 'unknown_value' })
        const runs = options.job
          ? await listRunsOfJob(instance.db, (await mustFind(instance, options.job)).id, {
              limit,
              ...(status ? { status } : {}),
            })
          : await listRuns(instance.db, { limit, ...(status ? { status } : {}) })
        const zone = instance.config.timeZone
        if (options.json) printJson(context.stdout, { items: runs.map((one) => runToWire(one, zone)) })
        else {
          printTable(
            context.stdout,
            ['id', 'job', 'status', 'started', 'seconds', 'archive', 'size'],
            runs.map((one) => row(one, zone)),
          )
        }
      }),
    )

  run
    .command('show <id>')
    .description('one run')
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) =>
      withInstance(context, async (instance) => {
        printRun(context, instance, await mustGet(instance, id), options.json === true)
      }),
    )

  run
    .command('log <id>')
    .description('the log of a run')
    .option('--follow', 'go on until the run has ended')
    .option('--json', 'print JSON')
    .action((id: string, options: { follow?: boolean; json?: boolean }) =>
      withInstance(context, async (instance) => {
        const { id: runId } = await mustGet(instance, id)
        if (options.json) printJson(context.stdout, { run_id: runId, log: await wholeLog(instance, runId) })
        else await printLog(context, instance, runId, options.follow === true)
      }),
    )

  run
    .command('cancel <id>')
    .description('stop a run and everything it started')
    .option('--wait', 'wait until it has ended')
    .option('--json', 'print JSON')
    .action((id: string, options: { wait?: boolean; json?: boolean }) =>
      withInstance(context, async (instance) => {
        await recoverIfAlone(instance)
        const asked = await instance.engine.cancelRun((await mustGet(instance, id)).id, cliActor())
        const after = options.wait ? await instance.engine.waitForRun(asked.id) : asked
        printRun(context, instance, after, options.json === true)
        if (options.wait) done(after.status === 'cancelled' ? 0 : exitCodeOf(after.status))
      }),
    )
}

export function printRun(context: CliContext, instance: Instance, run: Run, json: boolean): void {
  const wire = runToWire(run, instance.config.timeZone)
  if (json) {
    printJson(context.stdout, wire)
    return
  }
  const told = [
    `run ${run.id}: ${run.status}`,
    run.archiveName === null ? '' : `archive ${run.archiveName} (${bytes(run.sizeBytes)})`,
    run.errorCode === null ? '' : `error ${run.errorCode} ${JSON.stringify(run.errorFacts)}`,
    ...run.targets.map(
      (one) => `${one.kind} ${one.id}: ${one.status}${one.detail ? ` (${one.detail})` : ''}`,
    ),
    ...run.warnings.map((one) =>
      `${one.code} ${one.path ?? ''} ${one.facts ? JSON.stringify(one.facts) : ''}`.trimEnd(),
    ),
  ]
  context.stdout.write(`${told.filter((line) => line !== '').join('\n  ')}\n`)
}

async function printLog(
  context: CliContext,
  instance: Instance,
  runId: number,
  follow: boolean,
): Promise<void> {
  let cursor = 0
  for (;;) {
    // The state first: what was written before the end is then surely read.
    const run = await getRun(instance.db, runId)
    const piece = await readRunLog(instance.config.dataDir, runId, cursor, LOG_PIECE)
    context.stdout.write(piece.text)
    cursor = piece.next
    if (!piece.end) continue
    if (!follow || !run || isTerminal(run.status)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function wholeLog(instance: Instance, runId: number): Promise<string> {
  let cursor = 0
  let text = ''
  for (;;) {
    const piece = await readRunLog(instance.config.dataDir, runId, cursor, LOG_PIECE)
    text += piece.text
    cursor = piece.next
    if (piece.end) return text
  }
}

async function mustGet(instance: Instance, id: string): Promise<Run> {
  const run = /^\d+$/.test(id) ? await getRun(instance.db, Number(id)) : null
  if (!run) throw new Problem('run_not_found', { id })
  return run
}

function row(run: Run, zone: string): readonly string[] {
  const wire = runToWire(run, zone)
  return [
    String(run.id),
    String(run.jobId),
    run.status,
    wire.started_at ?? '–',
    wire.duration_s === null ? '–' : wire.duration_s.toFixed(1),
    run.archiveName ?? '–',
    bytes(run.sizeBytes),
  ]
}
