// What is in an archive: pages of its tree, search, single files, the whole of it, and how it differs from now.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Archive } from '../domain/archive.ts'
import type { Comparison, ContentsEntry, ContentsPage } from '../domain/contents.ts'
import { invalid, Problem } from '../domain/problem.ts'
import { archiveFile, type ArchiveFile } from '../store/archive-file.ts'
import { getArchive } from '../store/archives.ts'
import type { ContentsIndex, IndexEntry, ReadyPage } from '../store/contents-index.ts'
import { rescan } from './catalogue.ts'
import { importFile } from './contents/import.ts'
import { createIndexes, isBuilding } from './contents/indexes.ts'
import { outgoing, savedName, type Outgoing } from './contents/outgoing.ts'
import type { HelperCall } from '../sys/helper-client.ts'
import type { EngineDeps } from './deps.ts'
import { withHold } from './hold.ts'

export type { Outgoing } from './contents/outgoing.ts'

const pageSize = 200
const pageMost = 1000
/** Small archives are ready before anybody would notice that they had no index. */
const waitMs = 300
const linksMost = 8

export interface Contents {
  /** Entries of a directory (`path`: a {@link ContentsEntry.key}, '' for the top), 200 at a time unless told. */
  list(
    name: string,
    where: { readonly path: string; readonly after?: string; readonly limit?: number },
  ): Promise<ContentsPage>
  /** Entries whose name contains the text, whatever the case. */
  search(
    name: string,
    what: { readonly text: string; readonly after?: string; readonly limit?: number },
  ): Promise<ContentsPage>
  /** One entry by its key; `member_not_found`. */
  entry(name: string, key: string): Promise<ContentsEntry>
  /** A file as it is, or a directory as a tar of its own. */
  download(name: string, key: string, signal: AbortSignal): Promise<Outgoing>
  /** The archive's own file, or a part of it. `stalledMs`: how long the reader may take nothing. `archive_not_found`. */
  archive(
    name: string,
    range: { readonly offset: number; readonly length: number } | null,
    signal: AbortSignal,
    stalledMs?: number,
  ): Promise<Outgoing>
  /** Holds the archive against the directory it was made of, or another. `thorough` compares contents too. */
  compare(
    name: string,
    how: { readonly against?: string; readonly thorough: boolean },
    signal: AbortSignal,
  ): Promise<Comparison>
  /** Unpacks files below a new or empty directory, as root. How many there were. `paths` are keys; none: everything. */
  extract(
    name: string,
    how: { readonly to: string; readonly paths: readonly string[]; readonly devices?: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly files: number; readonly bytes: number }>
  /** Takes a tar from anywhere on this machine into the archives directory. `archive_exists`, `name_invalid`, … */
  importFile(file: string, name: string | null, actor: string, signal: AbortSignal): Promise<Archive>
}

export interface ContentsControl extends Contents {
  /** Removes indexes of archives that are gone or have changed. */
  sweep(): Promise<void>
  /** Stops everything that goes on and waits for its end. */
  close(): Promise<void>
}

export function createContents(deps: EngineDeps): ContentsControl {
  const indexes = createIndexes(deps)
  const stop = new AbortController()
  const until = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, stop.signal])

  const page = async (
    name: string,
    read: (index: ContentsIndex) => ReadyPage | Promise<ReadyPage>,
  ): Promise<ContentsPage> => {
    let asked = await indexes.ask(name)
    if (isBuilding(asked)) {
      const calm = new AbortController()
      const patience = sleep(waitMs, undefined, { signal: calm.signal }).catch(() => undefined)
      await Promise.race([asked.ended, patience]).finally(() => calm.abort())
      asked = await indexes.ask(name)
    }
    if (isBuilding(asked)) {
      const { members, done, totalBytes } = asked
      return { state: 'building', members, done, totalBytes }
    }
    return using(asked, read)
  }

  const find = async (name: string, key: string, signal: AbortSignal): Promise<IndexEntry> =>
    using(await indexes.ready(name, signal), (index) => entryOf(index, name, key))

  return {
    list: (name, { path, after, limit }) =>
      page(name, (index) => index.list(bytesOf(path), { after, limit: sized(limit) })),
    search: (name, { text, after, limit }) =>
      page(name, (index) => index.search(text, { after, limit: sized(limit) }, stop.signal)),
    async entry(name, key) {
      const { offset: _offset, link: _link, ...entry } = await find(name, key, stop.signal)
      return entry
    },
    async download(name, key, signal) {
      const any = until(signal)
      const entry = await using(await indexes.ready(name, any), (index) => fileBehind(index, name, key))
      if (entry.kind !== 'file' || entry.offset === null) {
        const sent = await outgoing(deps, name, null, any, (options) =>
          deps.helper.call('archive.member', { name, path: entry.key, offset: null }, options),
        )
        const fileName = savedName(entry.name === '' ? `${name}.tar` : `${entry.name}.tar`)
        return { fileName, contentType: 'application/x-tar', length: null, ...sent }
      }
      const { key: path, offset, sizeBytes } = entry
      const sent = await outgoing(deps, name, sizeBytes, any, (options) =>
        deps.helper.call('archive.member', { name, path, offset }, options),
      )
      return {
        fileName: savedName(entry.name),
        contentType: 'application/octet-stream',
        length: sizeBytes,
        ...sent,
      }
    },
    async archive(name, range, signal, stalledMs) {
      const any = until(signal)
      try {
        return await wholeFile(deps, await mustFind(deps, name), range, any, stalledMs)
      } catch (error) {
        if (!(error instanceof OtherSize)) throw error
        // It was exchanged since the directory was looked at.
        await rescan(deps, any)
        return wholeFile(deps, await mustFind(deps, name), range, any, stalledMs)
      }
    },
    async compare(name, { against, thorough }, signal) {
      await mustFind(deps, name)
      return withHold(deps, name, 'download', () =>
        deps.helper.call(
          'archive.compare',
          { name, against: against ?? null, thorough },
          { signal: until(signal) },
        ),
      )
    },
    async extract(name, { to, paths, devices = false }, signal) {
      await mustFind(deps, name)
      const archive = await getArchive(deps.db, name)
      // Single files may still be had one by one; nobody must take a damaged whole for a good one.
      if (archive?.state === 'corrupted') {
        throw new Problem('archive_corrupted', { archive: name, detail: archive.stateDetail ?? '' })
      }
      return withHold(deps, name, 'download', () =>
        deps.helper.call(
          'archive.extract',
          { name, to, paths: [...paths], devices },
          { signal: until(signal) },
        ),
      )
    },
    importFile: (file, name, actor, signal) => importFile(deps, { file, name, actor }, until(signal)),
    sweep: () => indexes.sweep(),
    async close() {
      stop.abort(new Problem('cancelled'))
      await indexes.close()
    },
  }
}

async function using<T>(index: ContentsIndex, work: (index: ContentsIndex) => T | Promise<T>): Promise<T> {
  try {
    return await work(index)
  } finally {
    index.close()
  }
}

function sized(limit: number | undefined): number {
  return Math.max(1, Math.min(pageMost, limit ?? pageSize))
}

function bytesOf(key: string): Buffer {
  return Buffer.from(key, 'base64url')
}

function entryOf(index: ContentsIndex, name: string, key: string): IndexEntry {
  const path = bytesOf(key)
  const entry = index.entry(path)
  if (!entry) throw new Problem('member_not_found', { archive: name, path: path.toString('utf8') })
  return entry
}

/** A hard link has no data of its own: its file is the one that it leads to, under the name that was asked for. */
function fileBehind(index: ContentsIndex, name: string, key: string): IndexEntry {
  const asked = entryOf(index, name, key)
  let entry = asked
  for (let hop = 0; entry.kind === 'hardlink' && entry.link !== null && hop < linksMost; hop += 1) {
    const target = index.entry(entry.link)
    if (!target) return asked
    entry = target
  }
  return entry.kind === 'file' ? { ...entry, name: asked.name } : asked
}

async function mustFind(deps: EngineDeps, name: string): Promise<ArchiveFile> {
  const found = await archiveFile(deps.db, name)
  if (!found) throw new Problem('archive_not_found', { archive: name })
  return found
}

/** The file is not of the size that the catalogue knows. */
class OtherSize extends Error {}

async function wholeFile(
  deps: EngineDeps,
  { name, file, sizeBytes }: ArchiveFile,
  range: { readonly offset: number; readonly length: number } | null,
  signal: AbortSignal,
  stalledMs: number | undefined,
): Promise<Outgoing> {
  const { offset, length: wanted } = range ?? { offset: 0, length: sizeBytes }
  if (offset > sizeBytes) {
    throw invalid({ field: 'range', code: 'out_of_range', facts: { min: 0, max: sizeBytes } })
  }
  const length = Math.min(wanted, sizeBytes - offset)
  const read = async (options: HelperCall) => {
    const args = { name, raw: true, offset, length, expected: sizeBytes }
    const found = await deps.helper.call('archive.bytes', args, options)
    if (found.sizeBytes !== sizeBytes) throw new OtherSize()
  }
  const sent = await outgoing(deps, name, length, signal, read, stalledMs)
  const contentType = file.endsWith('.gz') ? 'application/gzip' : 'application/x-tar'
  return { fileName: savedName(file), contentType, length, ...sent }
}
