// Stops, installs and starts the recipe's service, and puts all of it back.
import { lstatSync, mkdirSync, readlinkSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { exists, removeIfExists, writeFileAtomic } from '../../../sys/files.ts'
import type { Changes, RestoreTransaction, SourceIo } from '../../source.ts'
import type { Settings } from '../settings.ts'
import { isEnabled } from '../units.ts'
import type { RecipeWork } from './seen.ts'
import { serviceState, startAndLook, systemctl } from './service.ts'
import type { Staging } from './staging.ts'

type Service = NonNullable<RecipeWork['service']>

/** Announces it first. */
export async function stopService({ name }: Service, tx: RestoreTransaction, io: SourceIo): Promise<void> {
  await tx.will({ kind: 'stopped', data: { service: name } })
  await systemctl(['stop', name], io)
}

/** Starts the service; taking that back means stopping it. */
export async function startService({ name }: Service, tx: RestoreTransaction, io: SourceIo): Promise<void> {
  await tx.will({ kind: 'started', data: { service: name } })
  await startAndLook(name, io)
}

/** Writes the unit file, keeps the former one in the staging directory, and has it started at boot where it was. */
export async function installService(
  service: Service,
  staging: Staging,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  if (service.unit !== null) {
    const path = `${io.places.systemRoot}${service.unitPath}`
    const former = await keepFormer(path, staging.unit)
    await tx.will({ kind: 'unit', data: { path, ...former } })
    mkdirSync(dirname(path), { recursive: true })
    await writeFileAtomic(path, service.unit, { mode: 0o644 })
    await systemctl(['daemon-reload'], io)
  }
  if (service.enable) {
    await tx.will({ kind: 'enabled', data: { service: service.name } })
    await systemctl(['enable', service.name], io)
  }
}

/** What is at the unit's path: a copy's path, or the target of a link, or neither. */
async function keepFormer(path: string, copy: string): Promise<{ copy: string | null; link: string | null }> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return { copy: null, link: null }
  if (stats.isSymbolicLink()) return { copy: null, link: readlinkSync(path) }
  await writeFileAtomic(copy, await readFile(path), { mode: stats.mode & 0o777 })
  return { copy, link: null }
}

export const serviceChanges: Changes<Settings> = {
  stopped: {
    undo: async ({ service }, _, io) => {
      const state = await serviceState(String(service), io)
      if (state?.active === false) await systemctl(['start', String(service)], io)
    },
  },
  started: {
    undo: async ({ service }, _, io) => {
      const state = await serviceState(String(service), io)
      if (state?.active === true) await systemctl(['stop', String(service)], io)
    },
  },
  unit: {
    undo: async ({ path, copy, link }, _, io) => {
      await putUnitBack(String(path), textOrNull(copy), textOrNull(link))
      await systemctl(['daemon-reload'], io)
    },
  },
  enabled: {
    undo: async ({ service }, _, io) => {
      if (isEnabled(io.places.systemRoot, String(service))) await systemctl(['disable', String(service)], io)
    },
  },
}

/** A copy that is gone was put back already. */
async function putUnitBack(path: string, copy: string | null, link: string | null): Promise<void> {
  if (copy !== null) {
    const stats = lstatSync(copy, { throwIfNoEntry: false })
    if (stats) await writeFileAtomic(path, await readFile(copy), { mode: stats.mode & 0o777 })
    return
  }
  if (link !== null && (await exists(path)) && lstatSync(path).isSymbolicLink()) return
  await removeIfExists(path)
  if (link !== null) await symlink(link, path)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
