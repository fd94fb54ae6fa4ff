// A tree, archives of it and an io for tests of looking into archives. Tests only.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { temporaryFolder } from '../../test/support/temp.ts'
import { run, type Run } from '../sys/process.ts'
import { infoBytes } from './info-json.ts'
import { goodInfo } from './testing-archives.ts'
import { tarEnd, tarHeader } from './tar-header.ts'
import { checksum } from './tar-fields.ts'
import { padded } from './tar-scanner.ts'
import { openTar, type OpenTar } from './tar-stream.ts'

export interface World {
  readonly folder: string
  /** Below `folder`: `tree` with all kinds of files. */
  readonly tree: string
  readonly archivesDir: string
  readonly dataDir: string
  /** For verbs and functions; progress is kept. */
  readonly io: {
    readonly run: Run
    readonly signal: AbortSignal
    readonly operation: string
    readonly places: { readonly archivesDir: string; readonly dataDir: string }
    progress(done: number, total: number | null): void
  }
  readonly stop: AbortController
  readonly progress: number[]
  /** An archive of `tree` by GNU tar. */
  archive(
    name: string,
    options?: { readonly gzip?: boolean; readonly format?: string; readonly args?: readonly string[] },
  ): Buffer
  /** An archive of these bytes. */
  put(name: string, tar: Buffer, options?: { readonly gzip?: boolean }): void
  open(name: string): Promise<OpenTar>
}

/** Everything is gone when the test has finished. */
export async function contentsWorld(): Promise<World> {
  const folder = await temporaryFolder()
  const places = { archivesDir: join(folder, 'archives'), dataDir: join(folder, 'data') }
  for (const place of Object.values(places)) mkdirSync(place)
  const tree = join(folder, 'tree')
  makeTree(tree)
  const stop = new AbortController()
  const progress: number[] = []
  const world: World = {
    folder,
    tree,
    ...places,
    stop,
    progress,
    io: {
      run: (file, args, options = {}) => run(file, args, { signal: stop.signal, ...options }),
      signal: stop.signal,
      operation: randomUUID(),
      places,
      progress: (done) => void progress.push(done),
    },
    archive(name, { gzip = false, format = 'posix', args = ['--sparse'] } = {}) {
      const tar = execFileSync('tar', ['-C', folder, `--format=${format}`, ...args, '-cf', '-', 'tree'])
      world.put(name, tar, { gzip })
      return tar
    },
    put(name, tar, { gzip = false } = {}) {
      writeFileSync(
        join(places.archivesDir, gzip ? `${name}.tar.gz` : `${name}.tar`),
        gzip ? gzipSync(tar) : tar,
      )
      writeFileSync(join(places.archivesDir, `${name}.info.json`), infoBytes(goodInfo))
    },
    open: (name) => openTar(places.archivesDir, name),
  }
  return world
}

/** Times are a second apart from now, so that a change shows. */
function makeTree(tree: string): void {
  mkdirSync(join(tree, 'dir', 'deep'), { recursive: true })
  mkdirSync(join(tree, 'empty'), { mode: 0o700 })
  writeFileSync(join(tree, 'dir', 'file'), 'some content')
  writeFileSync(join(tree, 'dir', 'deep', 'Été à la mer.txt'), 'x'.repeat(70_000))
  writeFileSync(join(tree, 'dir', `${'long '.repeat(40)}name`), 'long')
  writeFileSync(Buffer.concat([Buffer.from(join(tree, 'bytes ')), Buffer.from([0xff, 0x0a])]), 'odd')
  symlinkSync('dir/file', join(tree, 'soft'))
  symlinkSync('/etc/hostname', join(tree, 'away'))
  linkSync(join(tree, 'dir', 'file'), join(tree, 'tied'))
  linkSync(join(tree, 'dir', 'file'), join(tree, 'dir', 'deep', 'also tied'))
  execFileSync('mkfifo', [join(tree, 'fifo')])
  const fd = openSync(join(tree, 'sparse'), 'w')
  ftruncateSync(fd, 3_000_000)
  for (let at = 100_000; at < 3_000_000; at += 700_000) writeSync(fd, Buffer.from('not a hole'), 0, 10, at)
  closeSync(fd)
  utimesSync(join(tree, 'dir', 'file'), 1_700_000_000.25, 1_700_000_000.25)
}

export interface Odd {
  readonly name: string
  readonly type?: string
  readonly linkName?: string
  readonly data?: Buffer
  readonly mode?: number
  /** Said in the header, whatever the data is. */
  readonly size?: number
}

/** A tar of members that no tool would write. */
export function oddTar(members: readonly Odd[], end = true): Buffer {
  const body = Buffer.concat(members.map(oddMember))
  return end ? Buffer.concat([body, tarEnd(body.length)]) : body
}

export function oddMember({
  name,
  type = '0',
  linkName = '',
  data = Buffer.alloc(0),
  mode = 0o644,
  size = data.length,
}: Odd): Buffer {
  const header = tarHeader({ name: 'x', type: 'file', mode, mtime: 1, size }, { fixedLength: true })
  header.fill(0, 0, 100).write(name, 0, 100, 'latin1')
  header.write(type, 156, 'latin1')
  header.fill(0, 157, 257).write(linkName, 157, 100, 'latin1')
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([header, data, Buffer.alloc(padded(data.length) - data.length)])
}

/** All the pieces as one. */
export async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

/** What stands in a directory, as an independent tool tells it: kinds, modes, sizes, times, owners, link targets, hashes. */
export function described(directory: string): string {
  return execFileSync(
    'sh',
    [
      '-c',
      `find . -printf '%P|%y|%m|%U:%G|%l|%T@|%n\\n' | sort; find . -type f -exec sha256sum {} + | sort -k 2`,
    ],
    { cwd: directory, encoding: 'latin1', env: { ...process.env, LC_ALL: 'C' } },
  )
}
