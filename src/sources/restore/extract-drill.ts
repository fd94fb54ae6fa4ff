// The drill of archives that are nothing but files to us: unpacks one in a scratch folder and compares every byte that
// came out with what is in the tar.
import { closeSync, constants, lstatSync, openSync, readlinkSync, readSync, type BigIntStats } from 'node:fs'
import { cleanName, surveyArchive } from '../../archive/survey.ts'
import { tarScanner, type TarMember } from '../../archive/tar-scanner.ts'
import { tarBytes } from '../../archive/tar-stream.ts'
import type { DrillFinding, DrillResult } from '../../domain/drill.ts'
import { isProblem, type Problem } from '../../domain/problem.ts'
import { asProblem } from '../../sys/failure.ts'
import { errorCode } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { membersOnly } from './members-only.ts'
import { withScratch } from './scratch.ts'

/** What a small file takes on the disk, at most. */
const perMember = 4096
const findingsMost = 20

/** Throws `archive_not_found` and `cancelled`; everything else is told by the verdict. Device nodes are not made. */
export async function extractDrill(archive: string, io: SourceIo): Promise<DrillResult> {
  const { archivesDir } = io.places
  const { signal } = io
  try {
    let bytes = 0
    const survey = await surveyArchive(archivesDir, archive, {
      signal,
      onMember: (member) => void (bytes += member.realSize + perMember),
    })
    if (survey.unsafe) return damaged(`${survey.unsafe.member}: ${survey.unsafe.why}`)
    if (survey.damage !== '') return damaged(survey.damage)
    const scratched = await withScratch(bytes, io, async (folder) => {
      const tar = membersOnly(tarBytes(archivesDir, archive, { signal }), (member) => !isDevice(member))
      await io.run('tar', ['-x', '-f', '-', '-C', folder, '--no-same-owner', '--delay-directory-restore'], {
        signal,
        stdin: tar,
        onStderrLine: (line) => io.log('err', line),
      })
      return compare(archive, folder, bytes, io)
    })
    if (scratched.ok) return scratched.value
    const { needed, free } = scratched
    return inconclusive({ code: 'no_space', facts: { needed, free } })
  } catch (error) {
    const problem = cancelledBy(signal) ?? asProblem(error)
    if (isProblem(problem, 'cancelled') || isProblem(problem, 'archive_not_found')) throw problem
    return failed(problem)
  }
}

/** Reads the archive once more, by our own reader, beside the files that another one has written. */
async function compare(archive: string, folder: string, total: number, io: SourceIo): Promise<DrillResult> {
  let files = 0
  let bytes = 0
  const wrong = new Map<string, DrillFinding['code']>()
  const note = (name: string, code: DrillFinding['code'] | null): void => {
    // Of several members of one name the last one counts.
    if (code === null) wrong.delete(name)
    else if (wrong.size < 1000) wrong.set(name, code)
  }
  let reading: FileData | null = null
  const finish = (): void => {
    if (reading) note(reading.name, reading.close() ? null : 'file_differs')
    reading = null
  }
  const waiting: { readonly member: TarMember; readonly name: string }[] = []
  const scanner = tarScanner((member) => {
    if (isDevice(member)) return
    const name = cleanName(member.name)
    if (member.type !== '5') files += 1
    bytes += member.size
    const look = lookAt(member, name, folder)
    if (look !== 'read') note(name, look === 'same' ? null : look)
    else if (member.size === 0) note(name, null)
    else waiting.push({ member, name })
  })
  let position = 0
  try {
    for await (const chunk of tarBytes(io.places.archivesDir, archive, { signal: io.signal })) {
      scanner.push(chunk)
      const end = position + chunk.length
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const { dataOffset, size } = next.member
        if (dataOffset >= end) break
        reading ??= openData(folder, next.name)
        const from = Math.max(dataOffset, position)
        const to = Math.min(dataOffset + size, end)
        reading.take(chunk.subarray(from - position, to - position))
        if (to < dataOffset + size) break
        finish()
        waiting.shift()
      }
      position = end
      io.progress(Math.min(bytes, total), total)
    }
  } finally {
    finish()
  }
  const findings = [...wrong]
    .slice(0, findingsMost)
    .map(([name, code]) => ({ code, facts: { path: shown(name) } }))
  const compared: DrillFinding = { code: 'files_compared', facts: { files, number: files, bytes } }
  return { verdict: wrong.size === 0 ? 'passed' : 'failed', findings: [compared, ...findings] }
}

/** What a member's file is, but for its contents; `read`: these are still to be compared. */
function lookAt(
  member: TarMember,
  name: string,
  folder: string,
): 'read' | 'same' | 'file_missing' | 'file_differs' {
  const stats = statsOf(pathIn(folder, name))
  if (stats === null) return 'file_missing'
  const are = (same: boolean) => (same ? 'same' : 'file_differs')
  switch (member.type) {
    case '1': {
      const target = statsOf(pathIn(folder, cleanName(member.linkName)))
      return are(target !== null && target.ino === stats.ino)
    }
    case '2':
      if (!stats.isSymbolicLink()) return 'file_differs'
      return are(readlinkSync(pathIn(folder, name), { encoding: 'buffer' }).equals(member.linkName))
    case '5':
      return are(stats.isDirectory())
    case '6':
      return are(stats.isFIFO())
    default:
      if (!stats.isFile() || Number(stats.size) !== member.realSize) return 'file_differs'
      // Where the holes of a sparse file are is told by its headers, which only tar itself reads here.
      return member.type === 'S' || member.realSize !== member.size ? 'same' : 'read'
  }
}

interface FileData {
  readonly name: string
  /** Compares the next piece. */
  take(piece: Buffer): void
  /** True when all pieces were equal. */
  close(): boolean
}

function openData(folder: string, name: string): FileData {
  const fd = openSync(pathIn(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW)
  let position = 0
  let same = true
  return {
    name,
    take: (piece) => {
      const found = Buffer.allocUnsafe(piece.length)
      const length = same ? readSync(fd, found, 0, piece.length, position) : 0
      same &&= length === piece.length && found.equals(piece)
      position += piece.length
    },
    close: () => {
      closeSync(fd)
      return same
    },
  }
}

function isDevice(member: TarMember): boolean {
  return member.type === '3' || member.type === '4'
}

/** As bytes: `name` is latin1 as {@link cleanName} gives it. */
function pathIn(folder: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')])
}

function shown(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}

function statsOf(path: Buffer): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true })
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
    throw error
  }
}

function failed(problem: Problem): DrillResult {
  if (problem.code === 'archive_truncated') return damaged(String(problem.facts['detail'] ?? problem.message))
  if (problem.code === 'disk_full') return inconclusive({ code: 'no_space', facts: {} })
  if (problem.code === 'tool_missing') {
    return inconclusive({ code: 'tool_missing', facts: { tool: problem.facts['tool'] } })
  }
  return inconclusive({ code: 'failed_unexpectedly', facts: { detail: problem.message } })
}

function damaged(detail: string): DrillResult {
  return { verdict: 'failed', findings: [{ code: 'damage', facts: { detail } }] }
}

function inconclusive(finding: DrillFinding): DrillResult {
  return { verdict: 'inconclusive', findings: [finding] }
}
