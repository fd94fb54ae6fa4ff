// The first file that runs: argv and environment to one command. No logic of its own.
import { hostname } from 'node:os'
import { existsSync } from 'node:fs'

/** Runs one command line and sets the process's exit code. `root-helper` and `inbox` are sides of their own, loaded alone. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === 'root-helper') {
    const { rootHelperMain } = await import('./root/main.ts')
    process.exitCode = await rootHelperMain(argv.slice(1), process.env)
    return
  }
  if (argv[0] === 'inbox') {
    const { inboxMain } = await import('./cli/inbox.ts')
    process.exitCode = await inboxMain(argv.slice(1), process.env['SSH_ORIGINAL_COMMAND'])
    return
  }
  const [{ runCli }, { configError }, { parseConfig }, { openInstance }, { version }, { systemClock }] =
    await Promise.all([
      import('./cli/program.ts'),
      import('./cli/info.ts'),
      import('./config.ts'),
      import('./app.ts'),
      import('./version.ts'),
      import('./sys/clock.ts'),
    ])
  const config = () => {
    const parsed = parseConfig(process.env, {
      hostname: hostname(),
      timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
      isRoot: process.getuid?.() === 0,
      exists: existsSync,
    })
    if (!parsed.ok) throw configError(parsed.problems)
    return parsed.config
  }
  // Whoever read our answer (head, a pager) has read enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  process.exitCode = await runCli(argv, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    version,
    config,
    open: (options) =>
      openInstance(config(), {
        ...options,
        // The standard output of a command is its answer.
        logTo: argv[0] === 'serve' ? process.stdout : process.stderr,
        ...(process.env['PATH'] ? { path: process.env['PATH'] } : {}),
      }),
    now: () => systemClock.now(),
    onSignal(stop) {
      process.on('SIGINT', stop)
      process.on('SIGTERM', stop)
      return () => {
        process.off('SIGINT', stop)
        process.off('SIGTERM', stop)
      }
    },
  })
}
