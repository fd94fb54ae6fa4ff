// What is really in the tar of an archive that YunoHost restores: settings and scripts of its apps, hooks, sizes.
import { archivePaths, infoMember } from '../../../archive/format.ts'
import { parseObject, readJsonFile } from '../../../archive/read-json.ts'
import { surveyArchive, type Survey } from '../../../archive/survey.ts'
import type { SourceIo } from '../../source.ts'
import { archiveInfo, type ArchiveInfo } from './described.ts'
import { readSettings, type AppSettings } from './settings-yml.ts'

export interface Amount {
  /** Bytes once unpacked. */
  readonly bytes: number
  readonly files: number
}

export interface ArchivedApp extends Amount {
  /** Null when they are not in the archive, or too large to be any. */
  readonly settings: AppSettings | null
  readonly hasScript: boolean
  /** Something of its data folder is in the archive. */
  readonly hasData: boolean
}

export interface ArchivedPart extends Amount {
  /** All hooks that the description names are in the archive, at least one. */
  readonly hasHook: boolean
}

export interface Archived extends Pick<Survey, 'damage' | 'unsafe' | 'devices'> {
  /** YunoHost goes by the sidecar, and makes it from the member where it is missing. Null when there is neither. */
  readonly info: ArchiveInfo | null
  readonly apps: ReadonlyMap<string, ArchivedApp>
  readonly parts: ReadonlyMap<string, ArchivedPart>
  /** All of it, unpacked. */
  readonly bytes: number
}

interface Counted {
  bytes: number
  files: number
}

interface CountedApp extends Counted {
  hasScript: boolean
  /** First steps of what lies below `backup/`, such as `home/yunohost.app/nextcloud`. */
  readonly places: Set<string>
}

/** Enough steps to know a data folder by. */
const stepsKept = 3

/** Reads the whole archive once. Rejects with `archive_not_found`, the signal's reason or the system's error. */
export async function readArchived(name: string, io: Pick<SourceIo, 'places' | 'signal'>): Promise<Archived> {
  const { archivesDir } = io.places
  const sidecar = await readJsonFile(archivePaths(archivesDir, name).sidecar)
  const described = sidecar.ok ? archiveInfo(sidecar.value) : null
  const apps = new Map<string, CountedApp>()
  const parts = [...(described?.parts.keys() ?? [])].map((part) => ({
    part,
    prefix: prefixOf(part),
    bytes: 0,
    files: 0,
  }))
  const hooks = new Set<string>()
  let bytes = 0
  const survey = await surveyArchive(archivesDir, name, {
    strict: true,
    signal: io.signal,
    capture: (member) => member === infoMember || /^apps\/[^/]+\/settings\/settings\.yml$/.test(member),
    onMember: ({ type, realSize }, member) => {
      const size = type === '0' || type === '7' || type === 'S' ? realSize : 0
      bytes += size
      const [top, second, third, ...below] = member.split('/', 3 + stepsKept)
      const into: Counted[] = parts.filter(({ prefix }) => member.startsWith(prefix))
      if (top === 'apps' && second !== undefined) {
        const app = apps.get(second) ?? { bytes: 0, files: 0, hasScript: false, places: new Set() }
        apps.set(second, app)
        into.push(app)
        if (third === 'backup') app.places.add(below.join('/'))
        if (member === `apps/${second}/settings/scripts/restore`) app.hasScript = true
      }
      if (top === 'hooks' && second === 'restore' && third !== undefined) hooks.add(third)
      for (const one of into) {
        one.bytes += size
        if (type !== '5') one.files += 1
      }
    },
  })
  const info = described ?? infoFrom(survey.files.get(infoMember))
  const archivedApp = (id: string, { bytes: all, files, hasScript, places }: CountedApp): ArchivedApp => {
    const text = survey.files.get(`apps/${id}/settings/settings.yml`)
    const settings = text ? readSettings(text.toString('utf8')) : null
    return { bytes: all, files, settings, hasScript, hasData: hasPlace(places, settings?.dataDir ?? null) }
  }
  const archivedPart = (part: string, { bytes: all, files }: Counted): ArchivedPart => {
    const named = info?.parts.get(part) ?? []
    return { bytes: all, files, hasHook: named.length > 0 && named.every((hook) => hooks.has(hook)) }
  }
  return {
    damage: survey.damage,
    unsafe: survey.unsafe,
    devices: survey.devices,
    info,
    bytes,
    apps: new Map([...apps].map(([id, counted]) => [id, archivedApp(id, counted)])),
    parts: new Map(parts.map((counted) => [counted.part, archivedPart(counted.part, counted)])),
  }
}

/** What YunoHost unpacks for a part: members whose names begin so. */
function prefixOf(part: string): string {
  return part.startsWith('conf_') ? 'conf/' : `${part.replaceAll('_', '/')}/`
}

function hasPlace(places: ReadonlySet<string>, dataDir: string | null): boolean {
  if (dataDir === null) return false
  const folder = Buffer.from(dataDir.slice(1), 'utf8').toString('latin1').split('/', stepsKept).join('/')
  return places.has(folder)
}

function infoFrom(member: Buffer | undefined): ArchiveInfo | null {
  const json = member ? parseObject(member) : null
  return json?.ok === true ? archiveInfo(json.value) : null
}
