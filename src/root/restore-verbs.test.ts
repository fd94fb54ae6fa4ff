import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ask, sourceThat, talk } from '../../test/support/helper-conversation.ts'
import type { RestorePlan } from '../domain/restore.ts'
import { planDigest } from '../sys/plan-digest.ts'

describe('restoring', () => {
  const nothing = () => sourceThat(() => Promise.resolve())
  const args = (options: Readonly<Record<string, unknown>> = {}) => ({
    archive: 'jerry_a',
    type: 'test_source',
    settings: { path: '/srv' },
    options,
  })
  const digestOf = async (options: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const { input, last } = await talk({ source: nothing() })
    ask(input, 'restore.plan', args(options))
    const frame = await last()
    if (frame?.t !== 'result') throw new Error('no plan')
    return planDigest(frame.value as RestorePlan)
  }

  test('does what was confirmed, and tells every step', async () => {
    const planDigest = await digestOf()
    const { input, frames, last } = await talk({ source: nothing() })
    ask(input, 'restore.apply', { ...args(), planDigest, safetyArchive: null })
    expect(await last()).toMatchObject({ t: 'result', value: { status: 'success' } })
    expect(frames.filter((frame) => frame.t === 'restore')).toEqual([
      { t: 'restore', step: 0, state: 'running', detail: '' },
      { t: 'restore', step: 0, state: 'done', detail: '' },
    ])
  })

  test('refuses when the plan is another one by now', async () => {
    const planDigest = await digestOf({ target_path: '/elsewhere' })
    const { input, last } = await talk({ source: nothing() })
    ask(input, 'restore.apply', { ...args(), planDigest, safetyArchive: null })
    expect(await last()).toMatchObject({ t: 'problem', code: 'restore_plan_changed' })
  })

  test('refuses what the plan refuses, and names the field', async () => {
    const { input, last } = await talk({ source: nothing() })
    ask(input, 'restore.apply', {
      ...args({ target_path: '/refused' }),
      planDigest: 'a'.repeat(64),
      safetyArchive: null,
    })
    expect(await last()).toMatchObject({
      t: 'problem',
      code: 'restore_refused',
      errors: [{ field: 'target_path', code: 'path_missing' }],
    })
  })

  test('refuses an option that the source does not know, by its name', async () => {
    const { input, last } = await talk({ source: nothing() })
    ask(input, 'restore.plan', args({ target_database: 'x' }))
    expect(await last()).toMatchObject({ errors: [{ field: 'target_database', code: 'option_unsupported' }] })
  })

  test('finds nothing to recover where nothing was changed', async () => {
    const { input, last } = await talk({ source: nothing() })
    ask(input, 'restore.recover', { ...args(), of: randomUUID(), safetyArchive: null })
    expect(await last()).toMatchObject({ t: 'result', value: { found: false } })
  })
})
