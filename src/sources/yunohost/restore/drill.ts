// Proves an archive of YunoHost, which may come from anywhere and is nothing but files here.
import { cleanName, surveyArchive } from '../../../archive/survey.ts'
import type { TarMember } from '../../../archive/tar-scanner.ts'
import { tarBytes } from '../../../archive/tar-stream.ts'
import type { DrillResult } from '../../../domain/drill.ts'
import { compareUnpacked } from '../../restore/compare-unpacked.ts'
import { comparedResult, damaged, extractDrill, type Extraction } from '../../restore/extract-drill.ts'
import { membersOnly } from '../../restore/members-only.ts'
import type { SourceIo } from '../../source.ts'

/** What a small file takes on the disk, at most. */
const perMember = 4096
const findingsMost = 20

/** See {@link Restorer.drill}. Throws `archive_not_found` and `cancelled`. Device nodes are not made. */
export function drill(archive: string, io: SourceIo): Promise<DrillResult> {
  return extractDrill(() => look(archive, io), io)
}

async function look(archive: string, io: SourceIo): Promise<DrillResult | Extraction> {
  let needed = 0
  const survey = await surveyArchive(io.places.archivesDir, archive, {
    signal: io.signal,
    onMember: (member) => void (needed += member.realSize + perMember),
  })
  if (survey.unsafe) return damaged(`${survey.unsafe.member}: ${survey.unsafe.why}`)
  if (survey.damage !== '') return damaged(survey.damage)
  return { needed, prove: (folder) => unpackAndCompare(archive, folder, needed, io) }
}

async function unpackAndCompare(
  archive: string,
  folder: string,
  totalBytes: number,
  io: SourceIo,
): Promise<DrillResult> {
  const { signal } = io
  const tar = membersOnly(tarBytes(io.places.archivesDir, archive, { signal }), (member) => !isDevice(member))
  await io.run('tar', ['-x', '-f', '-', '-C', folder, '--no-same-owner', '--delay-directory-restore'], {
    signal,
    stdin: tar,
    onStderrLine: (line) => io.log('err', line),
  })
  const nameOf = (member: TarMember): string | null => (isDevice(member) ? null : cleanName(member.name))
  const call = { archive, folder, stripped: 0, nameOf, exact: false, totalBytes }
  const { files, bytes, wrong } = await compareUnpacked(call, io)
  return comparedResult({ files, number: files, bytes }, wrong.slice(0, findingsMost))
}

function isDevice(member: TarMember): boolean {
  return member.type === '3' || member.type === '4'
}
