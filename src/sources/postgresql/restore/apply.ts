// Carries a plan out: roles, the dump loaded beside, checked, put in place. Each change is announced before it is made.
import { Problem } from '../../../domain/problem.ts'
import type { RestorePlan } from '../../../domain/restore.ts'
import type { RestoreRequest, RestoreTransaction, SourceIo } from '../../source.ts'
import { asServerProblem } from '../check.ts'
import { maintenanceDatabase } from '../maintenance.ts'
import { identifier } from '../quoting.ts'
import { withServer, type Server } from '../server.ts'
import type { Settings } from '../settings.ts'
import { rolesChange, scratchChange, swapChange } from './changes.ts'
import { missingRoles, missingTablespaces } from './decide.ts'
import { lookHere, type Here } from './here.ts'
import { loadDump } from './load.ts'
import { createRoles } from './roles.ts'
import { readSaved, type Saved } from './saved.ts'
import { checkLoaded, createScratch } from './scratch.ts'
import { databasesOf, takePlace } from './swap.ts'

/** See {@link Restorer.apply}. */
export async function apply(
  request: RestoreRequest<Settings>,
  plan: RestorePlan,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  const found = await readSaved(request.archive, io)
  if ('refusal' in found) throw changed(request)
  const { saved } = found
  const { target } = plan
  await withServer(request.settings, io, async (server) => {
    try {
      const base = await maintenanceDatabase(server, target)
      const here = await lookHere(server, base, saved.recipe, target)
      if ((here.target !== null) !== plan.replaces) throw changed(request)
      await carryOut({ server, saved, here, tx, target, plan })
    } catch (error) {
      throw await asServerProblem(error, server, target)
    }
  })
}

interface Work {
  readonly server: Server
  readonly saved: Saved
  readonly here: Here
  readonly tx: RestoreTransaction
  readonly target: string
  readonly plan: RestorePlan
}

async function carryOut(work: Work): Promise<void> {
  const { server, saved, here, tx, target, plan } = work
  const { base } = here
  const id = server.io.operation.replaceAll('-', '').slice(0, 8)
  const fresh = `bm_new_${id}`
  const former = `bm_old_${id}`
  await mustBeFree(server, base, [fresh, former])

  if (plan.steps.some(({ code }) => code === 'create_role')) {
    await tx.step('create_role', async () => {
      const roles = missingRoles(saved, here)
      await tx.will(rolesChange({ roles, target }))
      await createRoles(server, base, saved.recipe, roles)
    })
  }
  await tx.step('load_database', () => load(work, fresh))
  await tx.step('check_database', () => checkLoaded(server, saved, fresh))
  await tx.step('swap_database', async () => {
    await applyGrants(work, fresh)
    const numbers = new Map([...(await databasesOf(server, base))].map(([oid, name]) => [name, oid]))
    const freshOid = numbers.get(fresh)
    if (freshOid === undefined) throw new Problem('internal', { detail: `the database ${fresh} is gone` })
    // Loading may take hours, in which somebody else may have put another one there.
    if (numbers.get(target) !== here.target?.oid)
      throw new Problem('restore_plan_changed', { archive: saved.archive })
    const swap = {
      target,
      fresh,
      freshOid,
      former,
      formerOid: here.target?.oid ?? null,
      formerAllowed: here.target?.allowed ?? true,
    }
    await tx.will(swapChange(swap))
    await takePlace(server, base, swap)
    await tx.commit()
  })
}

async function load({ server, saved, here, tx, target }: Work, fresh: string): Promise<void> {
  const { superuser } = here
  const keepTablespaces = missingTablespaces(saved, here).length === 0
  await tx.will(scratchChange({ name: fresh, target }))
  // Who is no superuser can make databases for himself only, and for roles that he belongs to.
  const options = { owner: saved.recipe.owner, keepTablespaces }
  const locale = await createScratch(server, saved, here, fresh, options)
  if (locale !== null) tx.remark({ code: 'locale_missing', facts: { locale } })
  await loadDump(server, saved, fresh, { superuser, keepTablespaces })
}

/** Rights, settings and comment; the owner was given when it was created. Settings of apps may be secrets. */
async function applyGrants({ server, saved, here }: Work, fresh: string): Promise<void> {
  const options = { variables: { db: fresh }, transaction: true, secret: true }
  await server.script(here.base, saved.recipe['grants.sql'], options)
}

/** What bears these names already is not ours, and taking anything back would remove it. */
async function mustBeFree(server: Server, base: string, names: readonly string[]): Promise<void> {
  const there = new Set((await databasesOf(server, base)).values())
  const taken = names.find((name) => there.has(name))
  if (taken !== undefined)
    throw new Problem('internal', { detail: `there is a database ${identifier(taken)} already` })
}

function changed({ archive }: RestoreRequest<Settings>): Problem {
  return new Problem('restore_plan_changed', { archive })
}
