// `version`, `health-check`, `config check`, `dump-state`: what this installation is and how it does.
import { get, type IncomingMessage } from 'node:http'
import type { Command } from 'commander'
import { archiveToWire, jobToWire, runToWire } from '../domain/wire.ts'
import { describeConfig, type Config } from '../config.ts'
import { listActivity } from '../store/activity.ts'
import { listArchives } from '../store/archives.ts'
import { listJobs } from '../store/jobs.ts'
import { listRuns } from '../store/runs.ts'
import type { CliContext, Instance } from './context.ts'
import { hiddenSettings } from './job-secrets.ts'
import { ExitError, exitCodes, printJson } from './output.ts'
import { withInstance } from './with-instance.ts'

const HEALTH_TIMEOUT_MS = 5000
const DUMPED_RUNS = 1000

export function addInfoCommands(program: Command, context: CliContext, done: (code: number) => void): void {
  program
    .command('version')
    .description('the version')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      if (options.json)
        printJson(context.stdout, {
          name: 'backupmanager',
          version: context.version,
          node: process.versions.node,
        })
      else context.stdout.write(`${context.version}\n`)
    })

  program
    .command('health-check')
    .description('ask the running server; exit code 0 when it answers, 69 when it does not')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const failure = await askHealth(context.config())
      if (options.json)
        printJson(context.stdout, { status: failure === null ? 'ok' : 'unreachable', detail: failure })
      else if (failure === null) context.stdout.write('ok\n')
      if (failure !== null) context.stderr.write(`the server does not answer: ${failure}\n`)
      done(failure === null ? exitCodes.ok : exitCodes.unavailable)
    })

  program
    .command('config')
    .description('configuration')
    .command('check')
    .description('check the environment variables; exit code 78 when one is wrong')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      const config = describeConfig(context.config())
      if (options.json) printJson(context.stdout, config)
      else
        for (const [key, value] of Object.entries(config))
          context.stdout.write(`${key}=${[value].flat().join(' ')}\n`)
    })

  program
    .command('dump-state')
    .description(
      'everything this instance knows but secrets, as JSON, for a bug report or a look from outside',
    )
    .option('--json', 'accepted everywhere; this is JSON anyway')
    .action(() =>
      withInstance(context, async (instance) => printJson(context.stdout, await dump(context, instance))),
    )
}

/** Null when the server answered 200, else why not. */
function askHealth(config: Config): Promise<string | null> {
  const { listen } = config
  const where =
    listen.kind === 'unix' ? { socketPath: listen.path } : { host: reachable(listen.host), port: listen.port }
  return new Promise((resolve) => {
    const request = get(
      { ...where, path: '/healthz', timeout: HEALTH_TIMEOUT_MS },
      (answer: IncomingMessage) => {
        answer.resume()
        resolve(answer.statusCode === 200 ? null : `HTTP ${answer.statusCode}`)
      },
    )
    request.on('timeout', () => request.destroy(new Error(`no answer in ${HEALTH_TIMEOUT_MS} ms`)))
    request.on('error', (error) => resolve(error.message))
  })
}

/** A wildcard address is listened on, never connected to. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

async function dump(context: CliContext, instance: Instance) {
  const zone = instance.config.timeZone
  const [jobs, runs, archives, activity] = await Promise.all([
    listJobs(instance.db),
    listRuns(instance.db, { limit: DUMPED_RUNS }),
    listArchives(instance.db, { limit: 100_000 }),
    listActivity(instance.db, { limit: DUMPED_RUNS }),
  ])
  return {
    version: context.version,
    config: describeConfig(instance.config),
    settings: instance.engine.settings(),
    jobs: jobs.map((one) => jobToWire(one, zone, hiddenSettings(instance.sources, one))),
    runs: runs.map((one) => runToWire(one, zone)),
    archives: archives.items.map((one) => archiveToWire(one, zone)),
    activity,
  }
}

/** The error of a configuration with wrong variables: all of them at once. */
export function configError(
  problems: readonly { readonly variable: string; readonly message: string }[],
): ExitError {
  return new ExitError(
    exitCodes.config,
    ['The configuration is wrong:', ...problems.map((one) => `  ${one.variable}: ${one.message}`)].join('\n'),
  )
}
