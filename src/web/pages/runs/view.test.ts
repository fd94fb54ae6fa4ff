import { describe, expect, test } from 'vitest'
import type { Job } from '../../../domain/job.ts'
import type { Run } from '../../../domain/run.ts'
import { formats, translator } from '../../i18n.ts'
import { shownRun } from './row.ts'
import { runStatusView, runTitle } from './view.ts'

const now = Date.UTC(2026, 10, 21, 9)
const t = translator('en')
const f = formats('en', 'Europe/Paris', now)

const job: Job = {
  id: 3,
  uid: 'u',
  name: 'nextcloud',
  type: 'ynh_app',
  config: { app_id: 'nextcloud' },
  cronExpr: '0 3 * * *',
  retention: { mode: 'count', count: 7 },
  enabled: true,
  coreOnly: false,
  hooks: { timeoutS: 300 },
  timeoutS: null,
  createdAt: 0,
  updatedAt: 0,
  nextRunAt: null,
  drill: null,
  nextDrillAt: null,
  retentionHold: null,
}
const run: Run = {
  id: 1841,
  jobId: 3,
  status: 'running',
  trigger: 'manual',
  actor: 'alice',
  queuedAt: now - 200_000,
  notBefore: 0,
  startedAt: now - 180_000,
  finishedAt: null,
  archiveName: 'jerry_nextcloud_20261121',
  sizeBytes: null,
  step: 'backup',
  progressDone: 16 * 2 ** 30,
  progressTotal: 38 * 2 ** 30,
  errorCode: null,
  errorFacts: {},
  targets: [],
  warnings: [],
  warningCount: 0,
  exitCodes: {},
  cancelRequested: false,
  operation: 'o',
}
const view = (change: Partial<Run> = {}, jobChange: Partial<Job> = {}) =>
  runStatusView({ ...run, ...change }, { ...job, ...jobChange }, now, t, f)
const steps = (...args: Parameters<typeof view>) =>
  view(...args).steps.map((step) => `${step.mark} ${step.name}`)

describe('a run that is working', () => {
  test('says how far it is and about how long it still takes', () => {
    expect(view().progress).toEqual({
      percent: 42,
      text: '42% · 16\u00a0GiB of 38\u00a0GiB · about 5\u00a0min left',
    })
  })

  test('does not guess in the first seconds', () => {
    expect(view({ startedAt: now - 2000 }).progress?.text).toBe('42% · 16\u00a0GiB of 38\u00a0GiB')
  })

  test('shows what is done when the total is not known', () => {
    expect(view({ progressTotal: null }).progress).toEqual({ percent: null, text: '16\u00a0GiB so far' })
  })

  test('never shows more than all of it', () => {
    expect(view({ progressDone: 40 * 2 ** 30 }).progress?.percent).toBe(100)
  })

  test('lists its steps, those of hooks only where the job has them', () => {
    expect(steps()).toEqual([
      '✓ Check that the disk has room',
      '◌ Make the archive',
      '· Record the archive',
      '· Remove old archives',
    ])
    expect(steps({}, { hooks: { preBackup: 'true', postBackup: 'true', timeoutS: 1 } })).toContain(
      '· Command after',
    )
  })

  test('can be cancelled, once', () => {
    expect(view().cancel).toBe('possible')
    expect(view({ cancelRequested: true }).cancel).toBe('asked')
  })

  test('links its archive only once it is there', () => {
    expect(view().facts.find((fact) => fact.label === 'Archive')?.href).toBeUndefined()
    const done = view({ status: 'success', step: 'retention', finishedAt: now, sizeBytes: 5 })
    expect(done.facts.find((fact) => fact.label === 'Archive')?.href).toBe(
      '/archives/jerry_nextcloud_20261121',
    )
  })

  test('tells its state first in the window’s title', () => {
    expect(runTitle(run, job, t)).toBe('◌ running · Run #1841 of nextcloud')
  })
})

describe('a run that has ended', () => {
  const ended = { finishedAt: now - 60_000 }

  test('badly says what happened and what to do, with sizes as sizes', () => {
    const { problem, cancel, state } = view({
      ...ended,
      status: 'error',
      step: 'check_space',
      errorCode: 'insufficient_storage',
      errorFacts: { needed: 40 * 2 ** 30, free: 2 ** 30, reserve: 2 ** 30 },
    })
    expect(state).toEqual({ state: 'failed', label: 'failed' })
    expect(cancel).toBe('none')
    expect(`${problem?.title} ${problem?.hint}`).toContain('40\u00a0GiB')
  })

  test('badly marks the step that failed and those not reached', () => {
    expect(steps({ ...ended, status: 'error', errorCode: 'yunohost_failed' })).toEqual([
      '✓ Check that the disk has room',
      '■ Make the archive',
      '– Record the archive',
      '– Remove old archives',
    ])
  })

  test('badly, with the command after having run all the same', () => {
    const hooks = { postBackup: 'systemctl start x', timeoutS: 1 }
    const listed = steps({ ...ended, status: 'error', step: 'post_hook', errorCode: 'timed_out' }, { hooks })
    expect(listed).toContain('■ Make the archive')
    expect(listed).toContain('✓ Command after')
  })

  test.each(['error', 'warning', 'cancelled'] as const)(
    '(%s) lists no command after, nor before, when the job has none',
    (status) => {
      const errorCode = status === 'error' ? 'yunohost_failed' : status === 'cancelled' ? 'cancelled' : null
      const listed = steps({ ...ended, status, step: 'post_hook', errorCode })
      expect(listed.map((step) => step.slice(2))).toEqual([
        'Check that the disk has room',
        'Make the archive',
        'Record the archive',
        'Remove old archives',
      ])
      expect(listed.at(-1)).toBe('– Remove old archives')
    },
  )

  test('by being cancelled is no failure anywhere on the page', () => {
    const shown = view({ ...ended, status: 'cancelled', step: 'post_hook', errorCode: 'cancelled' })
    expect(shown.state.state).toBe('never')
    expect(shown.problem).toMatchObject({ tone: 'never', title: 'Cancelled' })
    expect(shown.steps[1]).toMatchObject({ name: 'Make the archive', word: 'cancelled', tone: 'never' })
    expect(shown.steps.map((step) => step.tone)).not.toContain('failed')
    const before = view({ ...ended, status: 'cancelled', step: 'pre_hook', errorCode: 'cancelled' })
    expect(before.steps[1]).toMatchObject({ name: 'Make the archive', state: 'cancelled' })
  })

  test('in the command before, which the job no longer has, still shows where it failed', () => {
    expect(steps({ ...ended, status: 'error', step: 'post_hook', errorCode: 'hook_failed' })).toContain(
      '■ Command before',
    )
  })

  test('badly keeps what the program said', () => {
    const errorFacts = { detail: 'Failed to collect files' }
    const { problem } = view({ ...ended, status: 'error', errorCode: 'yunohost_failed', errorFacts })
    expect(problem).toMatchObject({ tone: 'failed', detail: 'Failed to collect files' })
  })

  test('with a warning counts targets as well as warnings, each once, and no notes', () => {
    const target = { kind: 'app', id: 'wiki', status: 'error' } as const
    const mail = { kind: 'system', id: 'mail', status: 'warning' } as const
    const targets = [target, mail, { ...target, id: 'fine', status: 'success' }] as const
    const warned = { ...run, ...ended, status: 'warning' } as const
    const line = (change: Partial<Run>) => shownRun({ ...warned, ...change }, t, f)
    expect(line({ targets: [mail] })).toMatchObject({ note: '1 warning', plain: false })
    const warnings = [
      { code: 'target_failed' },
      { code: 'sockets_skipped' },
      { code: 'file_changed' },
    ] as const
    expect(line({ targets, warnings, warningCount: 3 }).note).toBe('3 warnings')
    expect(line({ warnings: [{ code: 'sockets_skipped' }], warningCount: 1 }).plain).toBe(true)
  })

  test('well has all its steps done', () => {
    expect(
      steps({ ...ended, status: 'success', step: 'retention' }).every((step) => step.startsWith('✓')),
    ).toBe(true)
  })

  test('with a warning has not removed anything', () => {
    expect(steps({ ...ended, status: 'warning', step: 'record' }).at(-1)).toBe('– Remove old archives')
  })

  test('shows each target, each warning with its path, and how many more the log has', () => {
    const shown = view({
      ...ended,
      status: 'warning',
      targets: [{ kind: 'app', id: 'nextcloud', status: 'error', detail: 'script failed' }],
      warnings: [
        { code: 'file_changed', path: '/opt/a b\n<i>' },
        { code: 'sockets_skipped', facts: { count: 2 } },
      ],
      warningCount: 1002,
      exitCodes: { yunohost: 1 },
    })
    expect(shown.targets).toEqual([
      { name: 'app nextcloud', state: { state: 'failed', label: 'failed' }, detail: 'script failed' },
    ])
    expect(shown.warnings[0]).toEqual({
      text: 'A file changed while it was read: /opt/a b\n<i>',
      note: false,
    })
    expect(shown.warnings[1]?.note).toBe(true)
    expect(shown.moreWarnings).toBe('1000 more are in the log.')
    expect(shown.exitCodes).toEqual([{ program: 'yunohost', code: 1 }])
  })
})

describe('a run that waits', () => {
  test('says for how long, or until when', () => {
    const queued = { status: 'queued', step: null, startedAt: null, progressDone: null } as const
    expect(view(queued).line).toBe('for 3\u00a0min 20\u00a0s · waits for its turn')
    expect(view({ ...queued, notBefore: now + 60_000 }).line).toContain('starts at')
    expect(view(queued).steps.every((step) => step.state === 'next')).toBe(true)
  })
})
