// One machine for the tests of this source: folders, an io, and a tar that can be made to wait. Tests only.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Produced } from '../../domain/helper-protocol.ts'
import type { Run } from '../../sys/process.ts'
import { anOrder, watchedIo } from '../contract.ts'
import type { Places, SourceIo } from '../source.ts'
import { customDir } from './index.ts'

export interface World {
  readonly folder: string
  /** The directory that is backed up; empty at first. */
  readonly tree: string
  readonly places: Places
  /** Backs `tree` up, or what `settings` say. */
  produce(
    settings?: Readonly<Record<string, unknown>>,
    io?: Partial<SourceIo>,
    name?: string,
  ): Promise<Produced>
  /** Names in the archives directory. */
  archives(): string[]
  /** Called before the folders are removed, the last one first. */
  atEnd(act: () => unknown): void
  dispose(): Promise<void>
}

/** Real owners, devices, mounts and attributes need root; tests say so instead of testing less. */
export function needRoot(): void {
  if (process.getuid?.() !== 0) throw new Error('this test makes devices, owners and mounts: run it as root')
}

/** Makes the folders; nothing of YunoHost is on this machine. */
export async function makeWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-dir-'))
  const places: Places = {
    archivesDir: join(folder, 'archives'),
    dataDir: join(folder, 'data'),
    yunohost: [join(folder, 'no-yunohost')],
    systemRoot: join(folder, 'root'),
  }
  const tree = join(folder, 'srv', 'tree')
  for (const path of [places.archivesDir, places.dataDir, tree]) mkdirSync(path, { recursive: true })
  const ends: (() => unknown)[] = []
  return {
    folder,
    tree,
    places,
    produce: (settings = {}, io = {}, name = 'made') =>
      customDir.produce(customDir.settings.parse({ source_path: tree, ...settings }), anOrder(name), {
        ...watchedIo(places, io.signal),
        ...io,
      }),
    archives: () => readdirSync(places.archivesDir),
    atEnd: (act) => void ends.unshift(act),
    dispose: async () => {
      for (const act of ends) act()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A `run` that does something right before tar reads the tree. */
export function beforeTar(run: Run, act: () => void): Run {
  return (file, args, options) => {
    if (args.includes('--create')) act()
    return run(file, args, options)
  }
}

/** A `run` whose tar runs a shell command once it has written some megabytes, and waits for it. */
export function whileTarWrites(run: Run, command: string, records = 16): Run {
  return (file, args, options) => {
    const more = args.includes('--create')
      ? [`--checkpoint=${records}`, `--checkpoint-action=exec=${command}`]
      : []
    return run(file, [...more, ...args], options)
  }
}

/** A command for {@link whileTarWrites} that says where it is and then waits for ever. */
export function waiting(folder: string): { readonly command: string; reached(): boolean } {
  const mark = join(folder, `reached-${readdirSync(folder).length}`)
  return { command: `touch '${mark}'; exec sleep 1000`, reached: () => existsSync(mark) }
}

/** Files with contents that no file system shortens. */
export function fill(path: string, megabytes: number): void {
  writeFileSync(path, Buffer.alloc(megabytes * 1024 * 1024, 'contents'))
}

const treeFacts = join(import.meta.dirname, '../../../test/support/tree-facts.py')

/** Everything that can be seen of each entry below a folder, by its path as hexadecimal bytes. */
export function treeOf(folder: string): Record<string, Record<string, unknown>> {
  const output = execFileSync('python3', [treeFacts, folder], { maxBuffer: 1 << 28 })
  return JSON.parse(output.toString()) as Record<string, Record<string, unknown>>
}

/** Unpacks and gives the folder of the part. */
export function unpack(archive: string, into: string, by: 'tar' | 'python'): string {
  mkdirSync(into)
  if (by === 'tar') {
    execFileSync('tar', [
      '-xpf',
      archive,
      '-C',
      into,
      '--xattrs',
      '--xattrs-include=*',
      '--acls',
      '--same-owner',
      // As all of ours do, and the page on the format says: links with several names come behind their directories.
      '--delay-directory-restore',
    ])
  } else {
    execFileSync('python3', ['-c', extract, archive, into])
  }
  return join(into, 'data/custom')
}

const extract = `
import sys, tarfile, os
os.umask(0)
t = tarfile.open(sys.argv[1])
t.extraction_filter = lambda member, path: member
t.extractall(sys.argv[2])`
