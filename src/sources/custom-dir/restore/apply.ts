// Carries the plan for a directory out. As little as possible happens before the exchange: until then everything lies in a
// staging directory, and only the user, to whom files in it may belong, is created.
import { chmodSync } from 'node:fs'
import { basename } from 'node:path'
import { Problem } from '../../../domain/problem.ts'
import type { RestorePlan } from '../../../domain/restore.ts'
import type { Changes, RestoreRequest, RestoreTransaction, SourceIo } from '../../source.ts'
import { readAccounts } from '../accounts.ts'
import type { Settings } from '../settings.ts'
import { runCommands } from './commands.ts'
import type { RecipeWork } from './seen.ts'
import { attributesOf, directoryChanges, makeParents, rememberDirectory, takeOver } from './directories.ts'
import { extract } from './extract.ts'
import type { Names } from './here.ts'
import { installService, serviceChanges, startService, stopService } from './install.ts'
import { idsOf, ownTree, type Ids } from './permissions.ts'
import { missingDirectories, stagedInside, stagingFolder, unitsOf } from './places.ts'
import { closeInFirewall, openInFirewall } from './ports.ts'
import { preparedFor, type Prepared } from './prepare.ts'
import type { DirectoryFacts } from './saved.ts'
import { makeStaging, stagingChanges, type Staging } from './staging.ts'
import { swap, swapChanges } from './swap.ts'
import { createUser, userChanges } from './user.ts'

export const changes: Changes<Settings> = {
  ...stagingChanges,
  ...swapChanges,
  ...directoryChanges,
  ...userChanges,
  ...serviceChanges,
  ports: {
    undo: async ({ ports }, _, io) => closeInFirewall(Array.isArray(ports) ? ports.map(Number) : [], io),
  },
}

/** See {@link Restorer.apply}. */
export async function apply(
  request: RestoreRequest<Settings>,
  plan: RestorePlan,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  const ready = await preparedFor(plan, request, io)
  const { recipe } = ready.decision
  const { user, service, ports, commands } = recipe
  if (user) await tx.step('create_user', () => createUser(user, tx, io))
  const { staging, fresh } = await tx.step('extract_files', () => unpack(ready, tx, io))
  if (recipe.owner !== null || recipe.mode !== null) {
    await tx.step('apply_permissions', () => applyPermissions(recipe, ready, fresh, io))
  }
  // What was unpacked must be on the disk before the only other copy is moved away; no service has to wait for it.
  await io.run('sync', ['--file-system', '--', staging.path], { signal: io.signal })
  if (service?.stop === true) await tx.step('stop_service', () => stopService(service, tx, io))
  await tx.step('put_files_in_place', () => putInPlace(ready, staging, fresh, tx, io))
  if (service && (service.unit !== null || service.enable)) {
    await tx.step('install_service', () => installService(service, staging, tx, io))
  }
  if (ports.length > 0) await tx.step('open_ports', () => openPorts(ports, plan.target, tx, io))
  if (service?.start === true) await tx.step('start_service', () => startService(service, tx, io))
  if (commands.length > 0) await tx.step('run_commands', () => runCommands(commands, io))
}

async function unpack(
  { seen, decision }: Prepared,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<{ staging: Staging; fresh: string }> {
  const { archive, options, saved } = seen
  const target = known(seen.target)
  const selection = known(saved.selection)
  if (decision.way === 'entries') await rememberDirectory(target.path, tx)
  const folder = known(stagingFolder(stagedInside(decision.way, target), target))
  const staging = await makeStaging(folder, tx, io)
  const devices = options.devices === true
  const out = await extract({ archive, saved, selection, into: staging.fresh, devices }, io)
  if (out.incomplete !== '') throw new Problem('restore_failed', { archive, detail: out.incomplete })
  io.log('info', `${out.files} files, ${out.bytes} bytes unpacked in ${staging.path}`)
  if (out.attributesLost > 0) {
    tx.remark({ code: 'attributes_lost', facts: { number: out.attributesLost, detail: out.firstLost } })
  }
  return { staging, fresh: `${staging.fresh}/${basename(known(saved.source).shown)}` }
}

async function applyPermissions(
  recipe: RecipeWork,
  { seen, decision }: Prepared,
  fresh: string,
  io: SourceIo,
): Promise<void> {
  if (recipe.owner !== null) {
    const ids = await idsOf(recipe.owner, io)
    const chosen = known(seen.target).chosen.map(
      ({ path }) => `${fresh}/${Buffer.from(path, 'latin1').toString('utf8')}`,
    )
    for (const root of decision.way === 'paths' ? chosen : [fresh]) await ownTree(root, ids, io.signal)
  }
  if (recipe.mode !== null) chmodSync(fresh, Number.parseInt(recipe.mode, 8))
}

async function putInPlace(
  { seen, decision }: Prepared,
  staging: Staging,
  fresh: string,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  const { way } = decision
  const target = known(seen.target)
  const chosen = target.chosen.map(({ path }) => path)
  const units = await unitsOf(way, fresh, target, chosen, staging)
  await makeParents(missingDirectories(way, target, seen.saved), ownerOf(known(seen.here).names, io), tx)
  const attributes = attributesOf(fresh)
  await swap(units, staging, tx)
  if (way === 'entries') await takeOver(attributes, target.path, tx, io)
}

/** As tar does: the number that the name has here, else the one that it had there. */
function ownerOf(names: Names, io: SourceIo): (facts: DirectoryFacts) => Ids {
  // Once more: the user may have been created since.
  const { users, groups } = readAccounts(io.places.systemRoot)
  const uidOf = (name: string) => users.find((one) => one.name === name)?.uid ?? names.users.get(name)?.uid
  const gidOf = (name: string) => groups.find((one) => one.name === name)?.gid ?? names.groups.get(name)
  return ({ owner, group, uid, gid }) => ({ uid: uidOf(owner) ?? uid, gid: gidOf(group) ?? gid })
}

async function openPorts(
  ports: readonly number[],
  target: string,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  await tx.will({ kind: 'ports', data: { ports: ports.map(String) } })
  await openInFirewall(ports, `BackupManager: ${target}`, io)
}

/** A plan without refusals has all of it. */
function known<T>(value: T | null): T {
  if (value === null) throw new Error('a restore was begun that the plan refuses')
  return value
}
