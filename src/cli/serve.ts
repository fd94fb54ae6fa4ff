// `serve`: the long-running server.
import type { Command } from 'commander'
import { Problem } from '../domain/problem.ts'
import { lockHolder } from '../store/lock.ts'
import type { CliContext } from './context.ts'
import { exitCodes } from './output.ts'
import { withInstance } from './with-instance.ts'

export function addServeCommand(program: Command, context: CliContext, done: (code: number) => void): void {
  program
    .command('serve')
    .description('run the server: scheduler, runs and dashboard, until SIGTERM or Ctrl-C')
    .option('--json', 'accepted everywhere; the log is JSON anyway')
    .action(() =>
      withInstance(
        context,
        async (instance) => {
          const lock = instance.lock()
          if (!lock)
            throw new Problem('instance_locked', {
              folder: instance.config.dataDir,
              pid: lockHolder(instance.config.dataDir)?.pid,
            })
          const stopped = stopSignal(context)
          try {
            // The port first: a server that cannot have it must not begin any work.
            const web = await instance.serve()
            await instance.engine.start({ schedule: true })
            context.stderr.write(`BackupManager ${context.version} serves ${web.url}\n`)
            await stopped
            await web.close()
          } finally {
            await instance.engine.stop()
            lock.release()
          }
          done(exitCodes.ok)
        },
        { thorough: true },
      ),
    )
}

/** The first signal asks for an orderly end; a second one ends the process by the signal's own action. */
function stopSignal(context: CliContext): Promise<void> {
  return new Promise((resolve) => {
    const off = context.onSignal(() => {
      off()
      resolve()
    })
  })
}
