// Speaks with systemd about the recipe's service.
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../../domain/problem.ts'
import { CommandError } from '../../../sys/process.ts'
import type { SourceIo } from '../../source.ts'

/** Units may take their time to start or to stop. */
const patienceMs = 10 * 60_000
/** A program that ends at once has ended by then. */
const settleMs = 1000

/** State of a unit; null when there is no systemd here that could be asked. */
export async function serviceState(
  unit: string,
  io: SourceIo,
): Promise<{ readonly loaded: boolean; readonly active: boolean; readonly failed: boolean } | null> {
  let stdout: string
  try {
    const asked = ['show', '--property=LoadState,ActiveState', '--', unit]
    stdout = (await io.run('systemctl', asked, { signal: io.signal })).stdout
  } catch (error) {
    if (error instanceof CommandError && (error.ended.how === 'not_found' || error.ended.how === 'exit'))
      return null
    throw error
  }
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(stdout)?.[1] ?? ''
  const active = value('ActiveState')
  return {
    loaded: value('LoadState') === 'loaded',
    active: ['active', 'activating', 'reloading'].includes(active),
    failed: active === 'failed',
  }
}

/** `systemctl VERB [UNIT]`, its words in the log. Rejects with {@link CommandError}. */
export async function systemctl(words: readonly string[], io: SourceIo): Promise<void> {
  io.log('info', `systemctl ${words.join(' ')}`)
  await io.run('systemctl', [...words], {
    signal: io.signal,
    timeoutMs: patienceMs,
    maxStdout: 0,
    onStdoutLine: (line) => io.log('out', line),
    onStderrLine: (line) => io.log('err', line),
  })
}

/** Starts a unit; `command_failed` also when it has failed a moment later. */
export async function startAndLook(unit: string, io: SourceIo): Promise<void> {
  await systemctl(['start', unit], io)
  await sleep(settleMs, undefined, { signal: io.signal })
  const state = await serviceState(unit, io)
  if (state?.failed === true) {
    throw new Problem('command_failed', {
      command: 'systemctl',
      detail: `${unit} failed right after its start`,
    })
  }
}
