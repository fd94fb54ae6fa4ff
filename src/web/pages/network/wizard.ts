// Restoring an archive on another instance: choose the instance, choose options, see what it says will happen, agree.
import { invalid, isProblem, Problem, type FieldError } from '../../../domain/problem.ts'
import { restoreOptionsSchema, type RestoreOption, type RestoreOptions } from '../../../domain/restore.ts'
import type { WireRestorePlan } from '../../../domain/api/archives.ts'
import { allows } from '../../../domain/token.ts'
import type { Peer } from '../../../domain/peer.ts'
import { getPeer, listPeers } from '../../../store/peers.ts'
import { openRemoteRestoreOf } from '../../../store/remote-restores.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { fieldText, type ProblemText } from '../../problem-text.ts'
import { textOf, words } from '../../problem.ts'
import { visibleName } from '../../visible-name.ts'
import { findArchive } from '../archives/detail-query.ts'
import { shapes } from '../runs/state.ts'
import { confirmWord } from '../restore/plan-view.ts'
import { restorableOf } from '../restore/restorable.ts'
import { stateOfInstance } from './instance-view.ts'
import { stagesAt } from '../restore/stages.ts'

/** What is known of the archive: enough for the form. */
interface Subject {
  readonly name: string
  readonly sizeBytes: number
  readonly isHere: boolean
  readonly options: ReadonlySet<RestoreOption>
}

/** What the forms carry from one page to the next. */
interface Asked {
  readonly target: string
  readonly paths: string
}

const options: readonly RestoreOption[] = ['target_path', 'target_database', 'paths']

export const mountRemoteWizard: MountPage = (app, deps) => {
  const { db, engine, clock, sources, config } = deps

  app.get('/network/restore', async (c) => {
    const name = c.req.query('archive') ?? ''
    const peerId = numberOf(c.req.query('peer') ?? '')
    if (peerId === null) return choosePage(c, name)
    return optionsPage(
      c,
      await mustPeer(peerId),
      await subjectOf(name, peerId),
      { target: '', paths: '' },
      {},
    )
  })

  // Back from the plan: the form with what was chosen.
  app.post('/network/restore', async (c) => {
    const { peer, subject, asked } = await formOf(c)
    return optionsPage(c, peer, subject, asked, {})
  })

  app.post('/network/restore/plan', async (c) => {
    const { peer, subject, asked } = await formOf(c)
    return attempt(c, peer, subject, asked, async () => {
      const plan = await engine.remote.planRestore(peer.id, subject.name, optionsOf(asked, subject))
      return planPage(c, peer, subject, asked, plan, { typed: '', wrong: false })
    })
  })

  app.post('/network/restore/start', async (c) => {
    const { peer, subject, asked } = await formOf(c)
    return attempt(c, peer, subject, asked, async () => {
      const wanted = optionsOf(asked, subject)
      // Asked again: what is agreed to is what would happen now.
      const plan = await engine.remote.planRestore(peer.id, subject.name, wanted)
      const typed = c.get('form').get('word')?.trim() ?? ''
      if (plan !== null && (plan.refusals.length > 0 || (plan.replaces && typed !== confirmWord(plan)))) {
        return planPage(c, peer, subject, asked, plan, { typed, wrong: plan.refusals.length === 0 })
      }
      const force = plan === null ? c.get('form').get('force') === '1' : plan.replaces
      const order = { peerId: peer.id, archive: subject.name, options: wanted, force }
      const restore = await engine.remote.startRestore(order, c.get('user'))
      return c.redirect(`${config.basePath}/network/restores/${restore.id}`, 303)
    })
  })

  /** What stands in the way is told in the form, with what was typed. */
  async function attempt(
    c: WebContext,
    peer: Peer,
    subject: Subject,
    asked: Asked,
    work: () => Promise<Response>,
  ): Promise<Response> {
    try {
      return await work()
    } catch (error) {
      if (!isProblem(error)) throw error
      if (isProblem(error, 'restore_running')) {
        const open = await openRemoteRestoreOf(db, peer.id, subject.name)
        if (open !== null) {
          return redirectWith(c, `/network/restores/${open}`, 'restore.flash.running', {}, 'warning')
        }
      }
      return isProblem(error, 'validation_failed')
        ? optionsPage(c, peer, subject, asked, { errors: error.errors })
        : optionsPage(c, peer, subject, asked, { problem: textOf(c, error) })
    }
  }

  async function choosePage(c: WebContext, name: string): Promise<Response> {
    const t = c.get('t')
    const row = await findArchive(db, name)
    if (row === null) throw new Problem('archive_not_found', { archive: name })
    const now = clock.now()
    const page = {
      archive: name,
      peers: (await listPeers(db)).map((peer) => {
        const allowed = mayRestore(peer)
        return {
          name: peer.name,
          state: stateOfInstance({ peer }, now, t),
          allowed,
          reason: allowed ? '' : t(peer.hasKey ? 'network.restore.not_allowed' : 'network.restore.no_key'),
          href: `/network/restore?${new URLSearchParams({ archive: name, peer: String(peer.id) }).toString()}`,
        }
      }),
    }
    const model = { page, stages: stagesAt('choose', t) }
    return render(c, 'network/restore-choose', model, {
      title: t('network.restore.choose', { archive: name }),
    })
  }

  async function optionsPage(
    c: WebContext,
    peer: Peer,
    subject: Subject,
    asked: Asked,
    said: { readonly errors?: readonly FieldError[]; readonly problem?: ProblemText },
  ): Promise<Response> {
    const t = c.get('t')
    const { errors = [], problem = null } = said
    const heading = t('network.restore.options', { archive: subject.name, name: peer.name })
    const page = {
      heading,
      archive: subject.name,
      peer: { id: peer.id, name: peer.name },
      ...asked,
      ...offered(subject),
      size: c.get('f').size(subject.sizeBytes),
      isHere: subject.isHere,
      error: (...fields: readonly string[]) => {
        const found = errors.find(({ field }) => fields.includes(field))
        return found === undefined ? '' : fieldText(words(c), found)
      },
    }
    const status = errors.length > 0 || problem !== null ? 422 : 200
    const model = { page, problem, stages: stagesAt('options', t) }
    const title = `${status === 422 ? `${shapes.failed} ` : ''}${heading}`
    return render(c, 'network/restore-options', model, { title, status, here: hereOf(subject, peer) })
  }

  async function planPage(
    c: WebContext,
    peer: Peer,
    subject: Subject,
    asked: Asked,
    plan: WireRestorePlan | null,
    said: { readonly typed: string; readonly wrong: boolean },
  ): Promise<Response> {
    const t = c.get('t')
    const f = c.get('f')
    const page = {
      heading: t('network.restore.plan', { archive: subject.name, name: peer.name }),
      archive: subject.name,
      peer: { id: peer.id, name: peer.name },
      ...asked,
      plan:
        plan === null
          ? null
          : {
              target: visibleName(plan.target),
              steps: plan.steps.map(({ text }) => visibleName(text)),
              warnings: plan.warnings.map(({ text }) => visibleName(text)),
              refusals: plan.refusals.map(({ message }) => visibleName(message)),
              size: plan.bytes === null ? '' : f.size(plan.bytes),
              replaces: plan.replaces,
              word: plan.replaces ? confirmWord(plan) : '',
            },
      possible: plan === null ? subject.isHere : plan.refusals.length === 0,
      size: f.size(subject.sizeBytes),
      ...said,
    }
    const model = { page, stages: stagesAt('plan', t) }
    const status = said.wrong ? 422 : 200
    return render(c, 'network/restore-plan', model, {
      title: page.heading,
      status,
      here: hereOf(subject, peer),
    })
  }

  async function formOf(c: WebContext) {
    const form = c.get('form')
    const peer = await mustPeer(numberOf(form.get('peer') ?? '') ?? 0)
    const subject = await subjectOf(form.get('archive') ?? '', peer.id)
    const asked = { target: (form.get('target') ?? '').trim(), paths: form.get('paths') ?? '' }
    return { peer, subject, asked }
  }

  async function mustPeer(id: number): Promise<Peer> {
    const peer = await getPeer(db, id)
    if (peer === null) throw new Problem('peer_not_found', { id })
    return peer
  }

  /** Of the archive here, else of the one there. */
  async function subjectOf(name: string, peerId: number): Promise<Subject> {
    const row = await findArchive(db, name)
    if (row !== null && row.missing_at === null) {
      return { name, sizeBytes: row.size_bytes, isHere: true, options: restorableOf(row, sources).options }
    }
    const { items } = await engine.remote.archives(peerId, { q: name, limit: 100 })
    const there = items.find((one) => one.name === name)
    if (there === undefined) throw new Problem('archive_not_found', { archive: name })
    const source = sources.find((one) => one.id === there.type)
    const known = new Set(source?.restore.options ?? [])
    return { name, sizeBytes: there.size_bytes, isHere: false, options: known }
  }
}

function mayRestore(peer: Peer): boolean {
  return peer.hasKey && (peer.scopes === null || allows(peer.scopes, 'restore'))
}

function offered(subject: Subject) {
  const [path, database, paths] = options.map((one) => subject.options.has(one))
  return { withPath: path === true, withDatabase: database === true, withPaths: paths === true }
}

/** Throws `validation_failed` with the form's fields. */
function optionsOf({ target, paths }: Asked, subject: Subject): RestoreOptions {
  const { withPath, withDatabase, withPaths } = offered(subject)
  const lines = paths
    .split('\n')
    .map((line) => line.trim().replace(/^\/+|\/+$/g, ''))
    .filter((line) => line !== '')
  const wanted = {
    ...(target !== '' && withPath && { target_path: target }),
    ...(target !== '' && !withPath && withDatabase && { target_database: target }),
    ...(lines.length > 0 && withPaths && { paths: lines }),
  }
  const read = restoreOptionsSchema.safeParse(wanted)
  if (read.success) return read.data
  throw invalid(
    ...read.error.issues.map((issue) => ({ field: String(issue.path[0] ?? ''), code: 'too_long' as const })),
  )
}

function hereOf(subject: Subject, peer: Peer): string {
  return `/network/restore?${new URLSearchParams({ archive: subject.name, peer: String(peer.id) }).toString()}`
}

function numberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
