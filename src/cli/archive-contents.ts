// `archive contents`, `get`, `extract`, `diff` and `import`: looking into archives, taking parts out, bringing archives in.
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Comparison, ContentsEntry, ContentsPage } from '../domain/contents.ts'
import { invalid } from '../domain/problem.ts'
import { archiveToWire, entryToWire, time } from '../domain/wire.ts'
import type { CliContext, Instance } from './context.ts'
import { positive } from './inputs.ts'
import { bytes, ExitError, exitCodes, printJson, printTable } from './output.ts'
import { saveOutgoing } from './save-outgoing.ts'
import { cliActor, withInstance } from './with-instance.ts'

type Ready = Extract<ContentsPage, { state: 'ready' }>
/** What every command here does with an archive, after a look at the directory. */
type Work = (instance: Instance, signal: AbortSignal) => Promise<void>

const askEveryMs = 200

export function addContentsCommands(
  archive: Command,
  context: CliContext,
  done: (code: number) => void,
): void {
  const open = (work: Work): Promise<void> =>
    withInstance(context, (instance) => stoppable(context, instance, work))

  archive
    .command('contents <name> [path]')
    .description('what is in an archive: a directory of it, or what a search finds')
    .option('--search <text>', 'entries anywhere in it whose name has this text')
    .option('--key <key>', 'the directory by its key, for names that are no text')
    .option('--limit <number>', 'at most so many', '1000')
    .option('--cursor <cursor>', 'go on where the last page ended')
    .option('--json', 'print JSON')
    .action((name: string, path: string | undefined, options: ContentsOptions) =>
      open((instance, signal) => contents(context, instance, { name, path, ...options }, signal)),
    )

  archive
    .command('get <name> [path]')
    .description('one file of an archive to standard output; a directory as a tar')
    .option('--key <key>', 'the file by its key, for names that are no text')
    .option('-o, --output <file>', 'into a new file instead')
    .action((name: string, path: string | undefined, options: { key?: string; output?: string }) =>
      open(async (instance, signal) => {
        const key = keyOf(path, options.key)
        if (key === '') throw invalid({ field: 'path', code: 'required' })
        const sent = await instance.engine.contents.download(name, key, signal)
        await saveOutgoing(
          sent,
          options.output === undefined ? context.stdout : resolve(options.output),
          signal,
        )
      }),
    )

  archive
    .command('extract <name> [paths...]')
    .description('unpack an archive, or parts of it, into a folder that is new or empty')
    .requiredOption('--to <folder>', 'the folder')
    .option('--devices', 'also device nodes')
    .option('--json', 'print JSON')
    .action(
      (name: string, paths: readonly string[], options: { to: string; devices?: boolean; json?: boolean }) =>
        open(async (instance, signal) => {
          const to = resolve(options.to)
          const how = { to, paths: paths.map((path) => keyOf(path)), devices: options.devices === true }
          const found = await instance.engine.contents.extract(name, how, signal)
          if (options.json) printJson(context.stdout, { name, to, files: found.files, bytes: found.bytes })
          else context.stdout.write(`${found.files} files (${bytes(found.bytes)}) in ${to}\n`)
        }),
    )

  archive
    .command('diff <name>')
    .description('what is different in the directory now; exit code 1 when something is')
    .option('--against <folder>', 'another directory than the one that was saved')
    .option('--thorough', 'also compare the contents of files of the same size')
    .option('--json', 'print JSON')
    .action((name: string, options: { against?: string; thorough?: boolean; json?: boolean }) =>
      open(async (instance, signal) => {
        const against = options.against === undefined ? {} : { against: resolve(options.against) }
        const how = { ...against, thorough: options.thorough === true }
        const found = await instance.engine.contents.compare(name, how, signal)
        if (options.json) printJson(context.stdout, found)
        else printComparison(context, found)
        done(found.added + found.removed + found.changed === 0 ? exitCodes.ok : exitCodes.failed)
      }),
    )

  archive
    .command('import <file>')
    .description('take a tar from anywhere on this machine into the archives')
    .option('--name <name>', 'its name; else that of the file')
    .option('--json', 'print JSON')
    .action((file: string, options: { name?: string; json?: boolean }) =>
      open(async (instance, signal) => {
        const { contents: all } = instance.engine
        const made = await all.importFile(resolve(file), options.name ?? null, cliActor(), signal)
        if (options.json) printJson(context.stdout, archiveToWire(made, instance.config.timeZone))
        else {
          const pinned = made.pinned ? ', pinned' : ''
          context.stdout.write(
            `${made.name}: ${made.state} (${bytes(made.sizeBytes)}), ${made.origin}${pinned}\n`,
          )
        }
      }),
    )
}

interface ContentsOptions {
  readonly search?: string
  readonly key?: string
  readonly limit: string
  readonly cursor?: string
  readonly json?: boolean
}

/** Ctrl-C ends what goes on, and then the command. */
async function stoppable(context: CliContext, instance: Instance, work: Work): Promise<void> {
  const stop = new AbortController()
  const off = context.onSignal(() => stop.abort())
  try {
    await instance.engine.rescan()
    await work(instance, stop.signal)
  } finally {
    off()
    await instance.engine.stop()
  }
}

async function contents(
  context: CliContext,
  instance: Instance,
  asked: ContentsOptions & { readonly name: string; readonly path: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { name, search } = asked
  if (search !== undefined && (asked.path !== undefined || asked.key !== undefined)) {
    throw new ExitError(exitCodes.usage, '--search looks in the whole archive: leave the path out')
  }
  const page = {
    limit: Math.min(1000, positive(asked.limit, 'limit')),
    ...(asked.cursor === undefined ? {} : { after: asked.cursor }),
  }
  const all = instance.engine.contents
  const found = await ready(signal, () =>
    search === undefined
      ? all.list(name, { path: keyOf(asked.path, asked.key), ...page })
      : all.search(name, { text: search, ...page }),
  )
  if (asked.json) {
    const items = found.entries.map((one) => withKey(one, instance.config.timeZone))
    printJson(context.stdout, { items, total: found.total, next_cursor: found.next })
    return
  }
  printTable(
    context.stdout,
    ['mode', 'owner', 'size', 'modified', 'name'],
    found.entries.map((one) =>
      row(one, search === undefined ? one.name : one.path, instance.config.timeZone),
    ),
  )
  if (found.next !== null)
    context.stdout.write(`… of ${found.total}; the next ones: --cursor ${found.next}\n`)
}

/** An index is made once per archive; until then the page says how far it is. */
async function ready(signal: AbortSignal, ask: () => Promise<ContentsPage>): Promise<Ready> {
  for (;;) {
    const page = await ask()
    if (page.state === 'ready') return page
    await sleep(askEveryMs, undefined, { signal })
  }
}

/** The key of a path as people type it: from the archive's top, whatever slashes are at its ends. */
function keyOf(path = '', key?: string): string {
  if (key !== undefined) return key
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  return Buffer.from(steps.join('/'), 'utf8').toString('base64url')
}

function withKey(entry: ContentsEntry, timeZone: string) {
  return { key: entry.key, ...entryToWire(entry, timeZone) }
}

function row(entry: ContentsEntry, name: string, timeZone: string): readonly string[] {
  const end = entry.kind === 'directory' ? '/' : entry.linkTarget === null ? '' : ` -> ${entry.linkTarget}`
  return [
    entry.mode ?? '–',
    entry.owner === null ? '–' : visible(`${entry.owner}:${entry.group ?? ''}`),
    bytes(entry.sizeBytes),
    time(entry.modifiedAt, timeZone) ?? '–',
    visible(`${name}${end}`),
  ]
}

const signs = { added: '+', removed: '-', changed: '~' } as const

function printComparison({ stdout }: CliContext, found: Comparison): void {
  for (const { path, change, what } of found.changes) {
    stdout.write(`${signs[change]} ${visible(path)}${what.length === 0 ? '' : ` (${what.join(', ')})`}\n`)
  }
  const told = found.changes.length
  const all = found.added + found.removed + found.changed
  if (told < all) stdout.write(`… and ${all - told} more\n`)
  const { added, removed, changed, same } = found
  stdout.write(`${found.against}: ${added} added, ${removed} removed, ${changed} changed, ${same} the same\n`)
}

/** Names may hold anything; a terminal must not take it for commands. */
function visible(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
