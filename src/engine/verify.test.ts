import { describe, expect, test } from 'vitest'
import { engineBench } from '../../test/support/engine.ts'
import type { VerifyResult } from '../domain/helper-protocol.ts'
import { heldNames } from '../store/holds.ts'
import { getJob } from '../store/jobs.ts'
import { verifyArchive } from './verify.ts'

const good: VerifyResult = {
  sha256: 'a'.repeat(64),
  sizeBytes: 1000,
  members: 5,
  damage: '',
  innerSha256: null,
}

async function verifyWith(result: Partial<VerifyResult>, sha256: string | null = 'a'.repeat(64)) {
  const bench = await engineBench({ 'archive.verify': () => ({ ...good, ...result }) })
  const job = await bench.addJob()
  await bench.addArchive('one', { jobId: job.id, sha256, state: sha256 === null ? 'unverified' : 'ok' })
  const after = await verifyArchive(bench.deps, 'one', 'test')
  const hold = (await getJob(bench.deps.db, job.id))?.retentionHold
  expect(await heldNames(bench.deps.db, bench.deps.clock.now())).toEqual(new Set())
  return { after, hold }
}

describe('verifying an archive', () => {
  test('that reads as it was written proves it', async () => {
    const { after, hold } = await verifyWith({})
    expect(after).toMatchObject({
      state: 'ok',
      stateDetail: null,
      verifiedAt: Date.parse('2026-05-08T10:00:00Z'),
    })
    expect(hold).toBeNull()
  })

  test('of unknown hash records the hash', async () => {
    const { after } = await verifyWith({ sha256: 'b'.repeat(64) }, null)
    expect(after).toMatchObject({ state: 'ok', sha256: 'b'.repeat(64) })
  })

  test.each([
    ['another hash', { sha256: 'b'.repeat(64) }, 'SHA-256'],
    ['a broken tar', { damage: 'truncated header' }, 'truncated header'],
    [
      'another content than it promises',
      { innerSha256: { expected: 'c'.repeat(64), found: 'd'.repeat(64) } },
      'backup_info.json promises',
    ],
  ])(
    'with %s marks it corrupted, keeps the recorded hash and suspends removal',
    async (_, result, detail) => {
      const { after, hold } = await verifyWith(result)
      expect(after).toMatchObject({ state: 'corrupted', sha256: 'a'.repeat(64) })
      expect(after.stateDetail).toContain(detail)
      expect(hold).toBe('verify_failed')
    },
  )

  test('frees the archive when the helper fails', async () => {
    const bench = await engineBench({})
    await bench.addArchive('one')
    await expect(verifyArchive(bench.deps, 'one', 'test')).rejects.toMatchObject({
      code: 'helper_unavailable',
    })
    expect(await heldNames(bench.deps.db, bench.deps.clock.now())).toEqual(new Set())
  })
})
