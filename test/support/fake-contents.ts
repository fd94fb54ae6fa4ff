// What is in an archive, as a test says: for pages that browse, download and compare without a tar.
import type { Comparison, ContentsEntry, ContentsPage, MemberKind } from '../../src/domain/contents.ts'
import { Problem } from '../../src/domain/problem.ts'
import type { Contents, Outgoing } from '../../src/engine/contents.ts'

export interface FakeFile {
  readonly text?: string
  readonly kind?: MemberKind
  readonly linkTarget?: string
  readonly modifiedAt?: number | null
}

export interface FakeContents extends Contents {
  /** Files by their path in the archive; directories are made from the paths. The same in every archive. */
  files: Readonly<Record<string, FakeFile>>
  /** The index is being made. */
  building: Extract<ContentsPage, { state: 'building' }> | null
  /** The archive's own bytes. */
  archiveBytes: Buffer
  /** What a comparison answers, once `compareGate` lets it. */
  comparison: Comparison | Problem
  compareGate: Promise<void>
  /** How comparisons were asked for. */
  readonly compared: { readonly against?: string; readonly thorough: boolean }[]
  /** Streams that were let go before their end. */
  cancelled: number
}

/** A family folder with a few files, saved from `/srv/photos`. */
export function fakeContents(): FakeContents {
  const contents: FakeContents = {
    files: {
      'info.json': { text: '{}' },
      'data/custom/srv/photos/2026/a.jpg': { text: 'picture a' },
      'data/custom/srv/photos/2026/b.jpg': { text: 'picture b, larger' },
      'data/custom/srv/photos/notes.txt': { text: 'notes' },
      'data/custom/srv/photos/latest': { kind: 'link', linkTarget: '2026/b.jpg' },
    },
    building: null,
    archiveBytes: Buffer.from('0123456789'.repeat(100)),
    comparison: { against: '/srv/photos', same: 3, added: 0, removed: 0, changed: 0, changes: [] },
    compareGate: Promise.resolve(),
    compared: [],
    cancelled: 0,

    async list(name, { path, after, limit = 200 }) {
      const parent = pathOf(path)
      if (contents.building !== null) return contents.building
      if (
        parent !== '' &&
        !entriesOf(contents.files).some((one) => one.path === parent && one.kind === 'directory')
      ) {
        throw new Problem('member_not_found', { archive: name })
      }
      const below = entriesOf(contents.files).filter((one) => parentOf(one.path) === parent)
      return pageOf(below, after, limit)
    },
    async search(_, { text, after, limit = 200 }) {
      if (contents.building !== null) return contents.building
      const wanted = text.toLowerCase()
      return pageOf(
        entriesOf(contents.files).filter((one) => one.name.toLowerCase().includes(wanted)),
        after,
        limit,
      )
    },
    async entry(name, key) {
      const found = entriesOf(contents.files).find((one) => one.key === key)
      if (found === undefined) throw new Problem('member_not_found', { archive: name })
      return found
    },
    async download(name, key) {
      const { name: fileName, kind, path } = await contents.entry(name, key)
      const bytes = Buffer.from(contents.files[path]?.text ?? `the tar of ${path}`)
      return kind === 'directory'
        ? outgoing(contents, `${fileName}.tar`, 'application/x-tar', bytes, null)
        : outgoing(contents, fileName, 'application/octet-stream', bytes, bytes.length)
    },
    async archive(name, range) {
      const bytes = range
        ? contents.archiveBytes.subarray(range.offset, range.offset + range.length)
        : contents.archiveBytes
      return outgoing(contents, `${name}.tar`, 'application/x-tar', bytes, bytes.length)
    },
    async compare(_, how) {
      contents.compared.push(how)
      await contents.compareGate
      if (contents.comparison instanceof Problem) throw contents.comparison
      return contents.comparison
    },
    extract: () => Promise.reject(new Problem('helper_refused', { detail: 'the fake unpacks nothing' })),
    importFile: () => Promise.reject(new Problem('helper_refused', { detail: 'the fake takes nothing' })),
  }
  return contents
}

function outgoing(
  counter: { cancelled: number },
  fileName: string,
  contentType: string,
  bytes: Buffer,
  length: number | null,
): Outgoing {
  let sent = 0
  const ended = Promise.withResolvers<void>()
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= bytes.length) {
        ended.resolve()
        return controller.close()
      }
      controller.enqueue(new Uint8Array(bytes.subarray(sent, sent + 64)))
      sent += 64
    },
    cancel() {
      counter.cancelled += 1
      ended.resolve()
    },
  })
  return { fileName, contentType, length, bytes: stream, ended: ended.promise }
}

function entriesOf(files: FakeContents['files']): readonly ContentsEntry[] {
  const entries = new Map<string, ContentsEntry>()
  for (const [path, file] of Object.entries(files)) {
    const sizeBytes = Buffer.byteLength(file.text ?? '')
    const { kind = 'file', linkTarget = null, modifiedAt = Date.UTC(2026, 10, 20, 9, 30) } = file
    entries.set(path, { ...entry(path, kind), sizeBytes, linkTarget, modifiedAt })
    for (let up = parentOf(path); up !== ''; up = parentOf(up)) {
      const known = entries.get(up) ?? { ...entry(up, 'directory'), files: 0 }
      entries.set(up, { ...known, sizeBytes: known.sizeBytes + sizeBytes, files: known.files + 1 })
    }
  }
  return [...entries.values()].toSorted(
    (a, b) => Number(b.kind === 'directory') - Number(a.kind === 'directory') || (a.path < b.path ? -1 : 1),
  )
}

function entry(path: string, kind: MemberKind): ContentsEntry {
  return {
    key: Buffer.from(path).toString('base64url'),
    path,
    name: path.split('/').at(-1) ?? '',
    kind,
    sizeBytes: 0,
    files: 1,
    modifiedAt: null,
    mode: kind === 'directory' ? '0755' : '0644',
    owner: 'alice',
    group: 'users',
    linkTarget: null,
  }
}

function pageOf(entries: readonly ContentsEntry[], after: string | undefined, limit: number): ContentsPage {
  const from = after === undefined ? 0 : Number(after)
  const next = from + limit < entries.length ? String(from + limit) : null
  return { state: 'ready', entries: entries.slice(from, from + limit), next, total: entries.length }
}

function parentOf(path: string): string {
  return path.split('/').slice(0, -1).join('/')
}

function pathOf(key: string): string {
  return Buffer.from(key, 'base64url').toString()
}
