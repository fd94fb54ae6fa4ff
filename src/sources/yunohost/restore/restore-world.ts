// Restores on a pretended server, as the engine does them, for tests: plan, safety archive, then the transaction.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { FakeYunohost } from '../../../../test/support/fake-yunohost.ts'
import type { RestoreOptions, RestoreOutcome, RestorePlan } from '../../../domain/restore.ts'
import { anOrder, traces, watchedIo, type WatchedIo } from '../../contract.ts'
import { carryOut } from '../../restore/transaction.ts'
import type { AnySource, RestoreRequest } from '../../source.ts'
import { ynhApp } from '../../ynh-app/index.ts'
import { ynhSystem } from '../../ynh-system/index.ts'
import { placesOf } from '../yunohost-world.ts'

export const safetyName = 'safety'
export const nextcloud: Wanted = { source: ynhApp, archive: 'saved' }

/** Saves an app as a job would. */
export async function saveApp(
  fake: FakeYunohost,
  app: string,
  name: string,
  coreOnly = false,
): Promise<void> {
  await ynhApp.produce({ app_id: app, core_only: coreOnly }, anOrder(name), watchedIo(placesOf(fake)))
}

export async function saveParts(fake: FakeYunohost, parts: readonly string[], name: string): Promise<void> {
  await ynhSystem.produce({ parts: [...parts] }, anOrder(name), watchedIo(placesOf(fake)))
}

export interface Wanted {
  readonly source: AnySource
  readonly archive: string
  readonly options?: RestoreOptions
  readonly io?: WatchedIo
}

export function requestOf({ source, archive, options = {} }: Wanted): RestoreRequest<unknown> {
  const settings = source.id === 'ynh_app' ? { app_id: 'nextcloud', core_only: false } : { parts: [] }
  return { archive, settings, options }
}

export function planOf(fake: FakeYunohost, wanted: Wanted): Promise<RestorePlan> {
  return wanted.source.restore.plan(requestOf(wanted), wanted.io ?? watchedIo(placesOf(fake)))
}

/** Codes of what the plan refuses and remarks. */
export function codesOf(plan: RestorePlan): { refusals: string[]; warnings: string[] } {
  return { refusals: plan.refusals.map(({ code }) => code), warnings: plan.warnings.map(({ code }) => code) }
}

/** The present state under {@link safetyName}, when the plan asks for it. */
export async function saveThePresent(fake: FakeYunohost, plan: RestorePlan): Promise<string | null> {
  if (plan.safety === null) return null
  const io = watchedIo(placesOf(fake))
  if (plan.safety.type === 'ynh_app') {
    await ynhApp.produce(ynhApp.settings.parse(plan.safety.settings), anOrder(safetyName), io)
  } else await ynhSystem.produce(ynhSystem.settings.parse(plan.safety.settings), anOrder(safetyName), io)
  return safetyName
}

export interface Ended {
  readonly plan: RestorePlan
  readonly outcome: RestoreOutcome
  /** `code state`, the last one of each step. */
  readonly steps: readonly string[]
}

/** All of it. `before`: called when the safety archive is there and nothing has been changed yet. */
export async function restoreIt(
  fake: FakeYunohost,
  wanted: Wanted,
  before: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Ended> {
  const io = wanted.io ?? watchedIo(placesOf(fake))
  const plan = await planOf(fake, wanted)
  if (plan.refusals.length > 0) throw new Error(`refused: ${JSON.stringify(plan.refusals)}`)
  const request = { ...requestOf(wanted), safetyArchive: await saveThePresent(fake, plan) }
  await before()
  const states = plan.steps.map(() => 'waiting')
  const outcome = await carryOut(wanted.source, request, plan, io, (step, state) => {
    states[step] = state
  })
  return { plan, outcome, steps: plan.steps.map(({ code }, i) => `${code} ${states[i] ?? ''}`) }
}

/** What a restore may change: apps as YunoHost lists them, and all their files, those of users and their mail. */
export async function stateOf(fake: FakeYunohost): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = { apps: JSON.stringify(await fake.call('app', 'list')) }
  const places = ['etc/yunohost/apps', 'etc/nginx', 'var/www', 'var/log', 'home', 'var/mail']
  for (const place of places) collect(fake.root, place, found)
  return found
}

/** Mode, and link target or hash, by path. */
function collect(root: string, path: string, into: Record<string, string>): void {
  const stats = lstatSync(join(root, path), { throwIfNoEntry: false })
  if (stats === undefined || /^home\/yunohost\.backup|^var\/log\/yunohost/.test(path)) return
  const mode = (stats.mode & 0o7777).toString(8)
  if (stats.isDirectory()) {
    into[path] = mode
    for (const name of readdirSync(join(root, path))) collect(root, `${path}/${name}`, into)
  } else if (stats.isSymbolicLink()) into[path] = readlinkSync(join(root, path))
  else
    into[path] = `${mode} ${createHash('sha256')
      .update(readFileSync(join(root, path)))
      .digest('hex')}`
}

/** An app that was saved, and has changed since. */
export async function changedSince(
  fake: FakeYunohost,
): Promise<{ saved: Awaited<ReturnType<typeof stateOf>> }> {
  const saved = await stateOf(fake)
  await saveApp(fake, 'nextcloud', 'saved')
  await writeFile(join(fake.root, 'var/www/nextcloud/index.php'), 'changed')
  await writeFile(join(fake.root, 'var/www/nextcloud/new.php'), 'new')
  await writeFile(join(fake.root, 'home/yunohost.app/nextcloud/data.bin'), 'newer data')
  await appendFile(join(fake.root, 'etc/yunohost/apps/nextcloud/settings.yml'), 'later: setting\n')
  return { saved }
}

/** Nothing of restores stays in the work folder, and no process. */
export async function expectTidy(fake: FakeYunohost): Promise<void> {
  expect((await traces(fake.archivesDir)).filter((name) => name.startsWith('tmp/'))).toEqual([])
}
