// Uploads and an archives directory, for tests of receiving. Tests only.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { contentsWorld, oddTar, type World } from './contents-world.ts'
import { infoBytes } from './info-json.ts'
import { publishUpload, type UploadOrder } from './receive.ts'
import { goodInfo, sha256Of } from './testing-archives.ts'

export const now = Date.parse('2026-11-21T09:00:00Z')
export const nobody = 65_534

export interface Bench extends World {
  readonly uploads: string
  /** An upload of these bytes. */
  upload(bytes: Buffer, more?: Partial<UploadOrder>): UploadOrder
  publish(order: UploadOrder): ReturnType<typeof publishUpload>
  files(): string[]
}

/** `far`: the data folder is on another file system. */
export async function bench({ far = false } = {}): Promise<Bench> {
  const world = await contentsWorld()
  const dataDir = far ? mkdtempSync('/dev/shm/bm-test-') : world.dataDir
  if (far) onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  const uploads = join(dataDir, 'uploads')
  mkdirSync(uploads)
  const io = { ...world.io, places: { archivesDir: world.archivesDir, dataDir }, now: () => now }
  return {
    ...world,
    dataDir,
    uploads,
    upload(bytes, more = {}) {
      const part = join(uploads, '1.part')
      writeFileSync(part, bytes, { mode: 0o600 })
      return {
        part,
        name: 'a',
        file: 'a.tar',
        sizeBytes: bytes.length,
        sha256: sha256Of(bytes),
        info: goodInfo,
        backupInfo: null,
        ...more,
      }
    },
    publish: (order) => publishUpload(order, io),
    files: () => readdirSync(world.archivesDir).toSorted(),
  }
}

export const tar = oddTar([
  { name: 'info.json', data: infoBytes(goodInfo) },
  { name: 'x', data: randomBytes(1_500_000) },
])
