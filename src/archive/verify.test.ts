import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { infoBytes } from './info-json.ts'
import { foreignTar, goodInfo, sha256Of, writeForeign, writeOwn } from './testing-archives.ts'
import { verifyArchive } from './verify.ts'

/** Anything longer than one piece, so that hashing and walking go on across pieces. */
const payload = Buffer.alloc(3 * 1024 * 1024 + 77, 'payload')

/** Some bits mean nothing, such as the distance from which zeros are copied among zeros. */
function isUnharmed(gz: Buffer, contents: Buffer): boolean {
  try {
    return gunzipSync(gz).equals(contents)
  } catch {
    return false
  }
}

async function compressed(folder: string, gz: Buffer): Promise<void> {
  await writeFile(join(folder, 'z.tar.gz'), gz)
  await writeFile(join(folder, 'z.info.json'), JSON.stringify(goodInfo))
}

describe('verify', () => {
  test('finds nothing wrong with an archive of ours, and its progress ends at its size', async () => {
    const folder = await temporaryFolder()
    const own = await writeOwn(folder, 'own', payload)
    const progress: number[] = []
    const result = await verifyArchive(folder, 'own', { onProgress: (done) => void progress.push(done) })
    expect(result).toMatchObject({ sha256: own.sha256, sizeBytes: own.sizeBytes, members: 4, damage: '' })
    expect(result.sha256).toBe(sha256Of(await readFile(join(folder, 'own.tar'))))
    expect(result.innerSha256?.found).toBe(result.innerSha256?.expected)
    expect(progress.at(-1)).toBe(own.sizeBytes)
  })

  test('sees by the inner hash that a byte of the payload was flipped', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own', payload)
    const tar = await readFile(join(folder, 'own.tar'))
    tar[1024 * 1024 + 5] = 0
    await writeFile(join(folder, 'own.tar'), tar)
    const { damage, innerSha256 } = await verifyArchive(folder, 'own')
    expect(damage).toBe('')
    expect(innerSha256?.found).toMatch(/^[0-9a-f]{64}$/)
    expect(innerSha256?.found).not.toBe(innerSha256?.expected)
  })

  test('compares the whole file where the description beside the tar vouches for all of it', async () => {
    const folder = await temporaryFolder()
    const tar = await writeForeign(folder, 'app')
    await writeFile(join(folder, 'app.backup_info.json'), JSON.stringify({ sha256: sha256Of(tar) }))
    const { sha256, innerSha256 } = await verifyArchive(folder, 'app')
    expect(innerSha256).toEqual({ expected: sha256, found: sha256 })
  })

  test('says that a promised part is not even there', async () => {
    const folder = await temporaryFolder()
    await writeForeign(folder, 'app')
    const promise = { sha256: 'f'.repeat(64), sha256_bytes: 10 ** 9 }
    await writeFile(join(folder, 'app.backup_info.json'), JSON.stringify(promise))
    expect((await verifyArchive(folder, 'app')).innerSha256).toEqual({ expected: 'f'.repeat(64), found: '' })
  })

  test('walks a foreign archive that promises nothing', async () => {
    const folder = await temporaryFolder()
    const tar = await writeForeign(folder, 'foreign')
    expect(await verifyArchive(folder, 'foreign')).toEqual({
      sha256: sha256Of(tar),
      sizeBytes: tar.length,
      members: 2,
      damage: '',
      innerSha256: null,
    })
  })

  test('finds a tar that was cut, emptied or replaced by something else', async () => {
    const folder = await temporaryFolder()
    const tar = await writeForeign(folder, 'foreign')
    for (const [bytes, damage] of [
      [tar.subarray(0, 1100), /header cut off/],
      [tar.subarray(0, 1700), /data cut off/],
      [tar.subarray(0, 2048), /end of archive missing/],
      [Buffer.alloc(0), /end of archive missing/],
      [Buffer.from('x'.repeat(5000)), /bad checksum/],
    ] as const) {
      await writeFile(join(folder, 'foreign.tar'), bytes)
      expect((await verifyArchive(folder, 'foreign')).damage).toMatch(damage)
    }
  })

  test('stops when it is told to, and says when there is no such archive', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own', payload)
    const stop = new AbortController()
    const work = verifyArchive(folder, 'own', { signal: stop.signal, onProgress: () => stop.abort() })
    await expect(work).rejects.toMatchObject({ name: 'AbortError' })
    await expect(verifyArchive(folder, 'none')).rejects.toMatchObject({ code: 'archive_not_found' })
  })
})

describe('verify of a sidecar', () => {
  test.each([
    ['missing', null, 'sidecar: missing'],
    ['cut off', '{"created_at": 1', 'sidecar: not valid JSON'],
    ['a list', '[]', 'sidecar: not a JSON object'],
    [
      'empty',
      '{}',
      'sidecar: missing or wrong: created_at, description, apps, system, from_yunohost_version',
    ],
    ['without a time', { created_at: '1' }, 'sidecar: missing or wrong: created_at'],
    ['without a description', { description: undefined }, 'sidecar: missing or wrong: description'],
    ['with lists', { apps: [], system: null }, 'sidecar: missing or wrong: apps, system'],
    [
      'without a version',
      { from_yunohost_version: null },
      'sidecar: missing or wrong: from_yunohost_version',
    ],
  ])('that is %s is damage, though the tar is whole', async (_, sidecar, damage) => {
    const folder = await temporaryFolder()
    const text =
      typeof sidecar === 'object' && sidecar !== null ? JSON.stringify({ ...goodInfo, ...sidecar }) : sidecar
    // Nothing to compare with inside: it is bad by itself.
    await writeForeign(folder, 'odd', text, foreignTar(Buffer.from('x'), null))
    expect((await verifyArchive(folder, 'odd')).damage).toBe(damage)
  })

  test('of a foreign archive is good when all that YunoHost needs is there, without a copy inside too', async () => {
    const folder = await temporaryFolder()
    const sidecar = JSON.stringify({ ...goodInfo, description: null, size_details: undefined })
    await writeForeign(folder, 'bare', sidecar, foreignTar(Buffer.from('x'), null))
    expect((await verifyArchive(folder, 'bare')).damage).toBe('')
  })

  test('of YunoHost’s own archive may be written otherwise, but not say something else', async () => {
    const folder = await temporaryFolder()
    await writeForeign(folder, 'app', JSON.stringify(goodInfo, null, 2))
    expect((await verifyArchive(folder, 'app')).damage).toBe('')
    await writeFile(join(folder, 'app.info.json'), JSON.stringify({ ...goodInfo, size: 8 }))
    expect((await verifyArchive(folder, 'app')).damage).toBe(
      'sidecar: it differs from info.json in the archive',
    )
  })

  test('of an archive of ours may be written otherwise too: it has been on another server, perhaps', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own', payload)
    await writeFile(join(folder, 'own.info.json'), JSON.stringify(goodInfo, null, 2))
    expect((await verifyArchive(folder, 'own')).damage).toBe('')
    await writeFile(join(folder, 'own.info.json'), JSON.stringify({ ...goodInfo, size: 8 }))
    expect((await verifyArchive(folder, 'own')).damage).toBe(
      'sidecar: it differs from info.json in the archive',
    )
  })

  test('is compared with the last info.json, which is the one that a restore takes, in any pieces', async () => {
    const folder = await temporaryFolder()
    const long = { ...goodInfo, description: 'é'.repeat(1_000_000) }
    const first = foreignTar(Buffer.alloc(512 * 1999), Buffer.from('{}'))
    const both = Buffer.concat([first.subarray(0, 512 * 2002), foreignTar(payload, infoBytes(long))])
    await writeForeign(folder, 'two', JSON.stringify(long), both)
    expect(await verifyArchive(folder, 'two')).toMatchObject({ members: 4, damage: '' })
    await writeFile(join(folder, 'two.tar.gz'), gzipSync(both))
    await unlink(join(folder, 'two.tar'))
    expect(await verifyArchive(folder, 'two')).toMatchObject({ members: 4, damage: '' })
    await writeFile(join(folder, 'two.info.json'), JSON.stringify(goodInfo))
    expect((await verifyArchive(folder, 'two')).damage).toContain('sidecar')
  })
})

describe('verify of a compressed archive', () => {
  const tar = foreignTar(payload)

  test('walks what is inside and hashes the file as it is, through YunoHost’s link too', async () => {
    const folder = await temporaryFolder()
    await compressed(folder, gzipSync(tar))
    symlinkSync(join(folder, 'z.tar.gz'), join(folder, 'z.tar'))
    expect(await verifyArchive(folder, 'z')).toMatchObject({
      sha256: sha256Of(gzipSync(tar)),
      members: 2,
      damage: '',
    })
  })

  test('takes several gzip streams in a row, and a gzip stream in a .tar', async () => {
    const folder = await temporaryFolder()
    await compressed(folder, Buffer.concat([gzipSync(tar.subarray(0, 1000)), gzipSync(tar.subarray(1000))]))
    expect(await verifyArchive(folder, 'z')).toMatchObject({ members: 2, damage: '' })
    await writeForeign(folder, 'odd')
    await writeFile(join(folder, 'odd.tar'), gzipSync(tar))
    expect(await verifyArchive(folder, 'odd')).toMatchObject({ members: 2, damage: '' })
  })

  test('finds each flipped bit of the stream by its checksum, and each cut', async () => {
    const folder = await temporaryFolder()
    const small = foreignTar(Buffer.from('small'))
    const gz = gzipSync(small)
    // Time, flags and system in the gzip header mean nothing for the contents.
    for (let at = 10; at < gz.length; at += 1) {
      const flipped = Buffer.from(gz)
      flipped[at] = (flipped[at] ?? 0) ^ 4
      await compressed(folder, flipped)
      const { damage } = await verifyArchive(folder, 'z')
      expect(damage === '', `byte ${at}`).toBe(isUnharmed(flipped, small))
      await compressed(folder, gz.subarray(0, at))
      expect((await verifyArchive(folder, 'z')).damage, `cut at ${at}`).not.toBe('')
    }
  })

  test('finds what was hung on behind the stream, near and far', async () => {
    const folder = await temporaryFolder()
    for (const rest of [Buffer.from('x'), Buffer.alloc(5 * 1024 * 1024, 'x')]) {
      await compressed(folder, Buffer.concat([gzipSync(tar), rest]))
      expect((await verifyArchive(folder, 'z')).damage).toContain('gzip')
    }
  })

  test('finds a plain tar under the wrong name by walking it as what it is', async () => {
    const folder = await temporaryFolder()
    await compressed(folder, tar)
    expect(await verifyArchive(folder, 'z')).toMatchObject({ members: 2 })
    const listing = execFileSync('tar', ['-tf', join(folder, 'z.tar.gz')]).toString()
    expect(listing).toBe('conf/file\ninfo.json\n')
  })
})
