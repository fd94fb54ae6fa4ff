// The restore wizard up to its start: choose an archive, choose options, see what will happen, agree.
import { isProblem, type FieldError } from '../../../domain/problem.ts'
import type { Restore, RestorePlan } from '../../../domain/restore.ts'
import { planDigest } from '../../../sys/plan-digest.ts'
import type { RestoreInput } from '../../../engine/engine.ts'
import { openRestores } from '../../../store/restores.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { textOf as problemTextOf, words } from '../../problem.ts'
import type { ProblemText } from '../../problem-text.ts'
import { type ArchiveRow, presentArchive } from '../archives/detail-query.ts'
import { type FormValues, readForm } from '../jobs/form-values.ts'
import { choices } from './choose-query.ts'
import { chooseView, restorePath } from './choose-view.ts'
import { askedRestore, carried } from './options-form.ts'
import { archiveHead, optionsView } from './options-view.ts'
import { planView } from './plan-view.ts'
import { restorableOf } from './restorable.ts'
import { shortTerm } from './short-term.ts'
import { stagesAt } from './stages.ts'

/** A plan that was looked at longer ago has to be looked at again; a password is not remembered longer. */
const lookedMs = 15 * 60_000
const mostLooked = 200

/** What stands behind a page with a plan: what was asked, then what came of it. */
type Looked =
  | { readonly archive: string; readonly input: RestoreInput; readonly plan: RestorePlan }
  | { readonly begun: Promise<Restore> }

export const mountWizard: MountPage = (app, { db, engine, sources, clock, config }) => {
  const looked = shortTerm<Looked>({ clock, lifeMs: lookedMs, most: mostLooked })

  app.get('/restore', async (c) => {
    const search = (c.req.query('q') ?? '').trim().slice(0, 200)
    const page = /^\d{1,4}$/.exec(c.req.query('page') ?? '')?.[0] ?? '0'
    const found = await choices(db, search, Number(page))
    const model = {
      page: chooseView(found, search, Number(page), words(c)),
      stages: stagesAt('choose', c.get('t')),
    }
    return render(c, 'restore/choose', model, { title: c.get('t')('restore.choose.title') })
  })

  app.get('/restore/:name', async (c) => optionsPage(c, await archiveOf(c), new Map(), {}))
  // From the contents browser with what was ticked, and back from the plan: the form with what was chosen.
  app.post('/restore/:name', async (c) => optionsPage(c, await archiveOf(c), readForm(c.get('form')), {}))

  app.post('/restore/:name/plan', async (c) => {
    const row = await archiveOf(c)
    const values = readForm(c.get('form'))
    const { input, errors } = askedRestore(values, restorableOf(row, sources))
    return errors.length > 0 ? optionsPage(c, row, values, { errors }) : planPage(c, row, values, input, '')
  })

  app.post('/restore/:name/start', async (c) => {
    const row = await archiveOf(c)
    const values = readForm(c.get('form'))
    const user = c.get('user')
    const handle = c.get('form').get('look') ?? ''
    const one = looked.look(user, handle)
    // A second click: what was asked for has begun.
    if (one !== null && 'begun' in one) return showRestore(c, await one.begun)
    if (one === null || one.archive !== row.name) {
      return optionsPage(c, row, values, { note: c.get('t')('restore.note.expired') })
    }
    const typed = c.get('form').get('word')?.trim() ?? ''
    const view = planView(one.plan, archiveHead(row, engine.verifying(), words(c)), words(c))
    if (view.start !== null && view.start.word !== '' && typed !== view.start.word) {
      return showPlan(c, row, values, one.plan, handle, { note: '', typed, wrong: true })
    }
    const begun = engine.startRestore(row.name, { ...one.input, digest: planDigest(one.plan) }, user)
    looked.replace(user, handle, { begun })
    try {
      return showRestore(c, await begun)
    } catch (error) {
      looked.forget(user, handle)
      if (isProblem(error, 'validation_failed')) return optionsPage(c, row, values, { errors: error.errors })
      if (isProblem(error, 'restore_plan_changed') || isProblem(error, 'restore_refused')) {
        return planPage(c, row, values, one.input, c.get('t')('restore.note.changed'))
      }
      if (!isProblem(error, 'restore_running')) throw error
      const open = (await openRestores(db)).find((other) => other.target === one.plan.target)
      const where = open === undefined ? '/restores' : `/restores/${open.id}`
      return redirectWith(c, where, 'restore.flash.running', {}, 'warning')
    }
  })

  /** Asks for the plan and shows it; what stands in the way of that is told in the form. */
  async function planPage(
    c: WebContext,
    row: ArchiveRow,
    values: FormValues,
    input: RestoreInput,
    note: string,
  ) {
    let plan: RestorePlan
    try {
      plan = await engine.planRestore(row.name, input)
    } catch (error) {
      if (!isProblem(error)) throw error
      if (isProblem(error, 'validation_failed')) return optionsPage(c, row, values, { errors: error.errors })
      return optionsPage(c, row, values, { problem: problemTextOf(c, error) })
    }
    const handle =
      plan.refusals.length > 0 ? '' : looked.keep(c.get('user'), { archive: row.name, input, plan })
    return showPlan(c, row, values, plan, handle, { note, typed: '', wrong: false })
  }

  function showPlan(
    c: WebContext,
    row: ArchiveRow,
    values: FormValues,
    plan: RestorePlan,
    look: string,
    said: { readonly note: string; readonly typed: string; readonly wrong: boolean },
  ) {
    const t = c.get('t')
    const page = planView(plan, archiveHead(row, engine.verifying(), words(c)), words(c))
    const model = { page, look, carried: carried(values), ...said, stages: stagesAt('plan', t) }
    const title = `${page.start === null ? '■ ' : ''}${t('restore.plan.title')}`
    return render(c, 'restore/plan', model, {
      title,
      status: said.wrong ? 422 : 200,
      here: restorePath(row.name),
    })
  }

  function optionsPage(
    c: WebContext,
    row: ArchiveRow,
    values: FormValues,
    said: { readonly errors?: readonly FieldError[]; readonly problem?: ProblemText; readonly note?: string },
  ) {
    const t = c.get('t')
    const { errors = [], problem = null, note = '' } = said
    const head = archiveHead(row, engine.verifying(), words(c))
    const archive = restorableOf(row, sources)
    const page = optionsView({ head, archive, values, errors, problem, note }, words(c))
    const status = errors.length > 0 || problem !== null ? 422 : 200
    const title = `${status === 422 ? '■ ' : ''}${t('restore.options.title', { archive: row.name })}`
    const model = { page, stages: stagesAt('options', t) }
    return render(c, 'restore/options', model, { title, status, here: restorePath(row.name) })
  }

  function archiveOf(c: WebContext): Promise<ArchiveRow> {
    return presentArchive(db, c.req.param('name') ?? '')
  }

  function showRestore(c: WebContext, restore: Restore): Response {
    return c.redirect(`${config.basePath}/restores/${restore.id}`, 303)
  }
}
