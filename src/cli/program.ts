// The command line: one file per group of commands, each adding itself here.
import { Command, CommanderError } from 'commander'
import { isProblem } from '../domain/problem.ts'
import { addArchiveCommands } from './archive.ts'
import type { CliContext } from './context.ts'
import { addDestinationCommands } from './destination.ts'
import { addInfoCommands } from './info.ts'
import { addJobCommands } from './job.ts'
import { errorLines, ExitError, exitCodeFor, exitCodes, printJson, problemDocument } from './output.ts'
import { addNetworkCommands } from './network.ts'
import { addPeerCommands } from './peer.ts'
import { addRestoreCommands } from './restore.ts'
import { addRetentionCommands } from './retention.ts'
import { addRunCommands } from './run.ts'
import { addServeCommand } from './serve.ts'
import { addTokenCommands } from './token.ts'
import { addTransferCommands } from './transfer.ts'

/** Runs one command line and returns its exit code. Never throws, never exits the process. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let code: number = exitCodes.ok
  const done = (exit: number) => {
    code = exit
  }
  const program = new Command('backupmanager')
    .description('Schedules, keeps and verifies the backups of a YunoHost server.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
  addServeCommand(program, context, done)
  addInfoCommands(program, context, done)
  addJobCommands(program, context, done)
  addRunCommands(program, context, done)
  addArchiveCommands(program, context, done)
  addRestoreCommands(program, context, done)
  addTransferCommands(program, context, done)
  addDestinationCommands(program, context)
  addRetentionCommands(program, context)
  addTokenCommands(program, context)
  addPeerCommands(program, context, done)
  addNetworkCommands(program, context, done)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    for (const line of errorLines(error)) context.stderr.write(`${line}\n`)
    if (isProblem(error) && argv.includes('--json')) printJson(context.stdout, problemDocument(error))
    if (!isProblem(error) && !(error instanceof ExitError) && error instanceof Error) {
      context.stderr.write(`${error.stack ?? ''}\n`)
    }
    return exitCodeFor(error)
  }
}
