// Makes small archives for tests, as our own writer and as YunoHost would leave them. Tests only.
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDraft } from './draft.ts'
import { infoBytes } from './info-json.ts'
import { tarDirectory, tarEnd, tarFile } from './tar-header.ts'

/** A description with all that YunoHost needs. */
export const goodInfo = {
  description: '',
  created_at: 1,
  size: 7,
  size_details: { system: { data_custom: 7 }, apps: {} },
  apps: {},
  system: { data_custom: ['/etc/yunohost/hooks.d/backup/95-data_custom'] },
  from_yunohost_version: '12.1.25',
}

/** An archive by our own writer, with `payload` as its one file and `described` in its backup_info.json. */
export async function writeOwn(
  archivesDir: string,
  name: string,
  payload = Buffer.from('payload'),
  described: Readonly<Record<string, unknown>> = {},
): Promise<{ file: string; sha256: string; sizeBytes: number }> {
  const draft = await openDraft(archivesDir, name)
  try {
    draft.write(Buffer.concat([tarFile('info.json', infoBytes(goodInfo), 1), tarDirectory('data', 1)]))
    draft.write(tarFile('data/file', payload, 1))
    const sealed = await draft.seal((sha256, bytes) => ({ sha256, sha256_bytes: bytes, ...described }))
    const { file } = await draft.publish(infoBytes(goodInfo))
    return { file, sha256: sealed.sha256, sizeBytes: sealed.sizeBytes }
  } finally {
    await draft.discard()
  }
}

/** A tar that somebody else made, as bytes; `info` null leaves the description inside it out. */
export function foreignTar(
  payload = Buffer.from('foreign'),
  info: Buffer | null = infoBytes(goodInfo),
): Buffer {
  const members = [tarFile('conf/file', payload, 1), ...(info ? [tarFile('info.json', info, 1)] : [])]
  const body = Buffer.concat(members)
  return Buffer.concat([body, tarEnd(body.length)])
}

/** A foreign archive with its sidecar, which null leaves out. Returns the tar. */
export async function writeForeign(
  archivesDir: string,
  name: string,
  sidecar: string | null = JSON.stringify(goodInfo),
  tar = foreignTar(),
): Promise<Buffer> {
  await writeFile(join(archivesDir, `${name}.tar`), tar)
  if (sidecar !== null) await writeFile(join(archivesDir, `${name}.info.json`), sidecar)
  return tar
}

export function sha256Of(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
