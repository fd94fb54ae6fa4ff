// A job's page, its form, and what can be done with it.
import type { DrillDepth } from '../../../domain/drill.ts'
import type { Job } from '../../../domain/job.ts'
import { isProblem, Problem, type FieldError } from '../../../domain/problem.ts'
import { listActivity } from '../../../store/activity.ts'
import { destinationsOfJob, listDestinations } from '../../../store/destinations.ts'
import { drillsOfJob } from '../../../store/drills.ts'
import { getJob } from '../../../store/jobs.ts'
import { listRunsOfJob } from '../../../store/runs.ts'
import { inBackground } from '../../background.ts'
import { redirectWith } from '../../flash.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, render, type MountPage, type WebContext } from '../../page.ts'
import { depthsOfType } from './drills-view.ts'
import { formOfJob, newForm, readForm, textOf, type FormValues } from './form-values.ts'
import { jobInputOf, type EditedJob } from './form.ts'
import { jobForms } from './forms.ts'
import { jobPageView, jobTitle } from './job-view.ts'
import { removalPage } from './removal.ts'

const runsPerPage = 15
/** Runs whose sizes the chart shows. */
const chartRuns = 120

const shownDrills = 11

const flashStates = { passed: 'ok', failed: 'failed', inconclusive: 'warning' } as const

export const mountJobs: MountPage = (app, deps) => {
  const { db, engine, sources } = deps
  const forms = jobForms(deps)
  const drilling = inBackground(deps.log, 'a test restore could not be carried out')

  app.get('/jobs', (c) => c.redirect(`${deps.config.basePath}/`, 302))

  app.get('/jobs/new', async (c) => {
    const asked = c.req.query('type') ?? ''
    const type = sources.some((one) => one.id === asked) ? asked : (sources[0]?.id ?? '')
    return forms.page(c, newForm(type), [], null)
  })

  app.post('/jobs', async (c) => save(c, null))
  app.post('/jobs/preview', async (c) => c.html(await forms.preview(c, readForm(c.get('form')), null)))

  app.get('/jobs/:id', async (c) => {
    const job = await jobOf(c)
    const page = await pageOf(c, job, deps.clock.now(), c.get('f'))
    const live = `/jobs/${job.id}/events?${new URLSearchParams({ before: c.req.query('before') ?? '' }).toString()}`
    return render(c, 'jobs/job', { page, live }, { title: jobTitle(page) })
  })

  app.get('/jobs/:id/events', async (c) => {
    const { id } = await jobOf(c)
    return liveParts(c, async (f, now) => {
      const job = await getJob(db, id)
      if (job === null) return null
      const page = await pageOf(c, job, now, f)
      return {
        title: jobTitle(page),
        parts: {
          'job-actions': fragment(c, 'job-actions', { page }),
          'job-drills': fragment(c, 'job-drills', { page }),
          'job-runs': fragment(c, 'job-runs', { page }),
          'job-archives': fragment(c, 'job-archives', { page }),
        },
        busy: page.openRunId !== null || page.drills.running,
      }
    })
  })

  app.get('/jobs/:id/edit', async (c) => {
    const edited = await editedOf(c)
    const chosen = await destinationsOfJob(db, edited.job.id)
    const destinations = chosen.map(({ id }) => String(id))
    return forms.page(c, new Map([...formOfJob(edited), ['destinations', destinations]]), [], edited)
  })
  app.post('/jobs/:id', async (c) => save(c, await editedOf(c)))
  app.post('/jobs/:id/preview', async (c) =>
    c.html(await forms.preview(c, readForm(c.get('form')), await editedOf(c))),
  )

  app.post('/jobs/:id/run', async (c) => {
    const job = await jobOf(c)
    try {
      const run = await engine.startRun(job.id, 'manual', c.get('user'))
      return c.redirect(`${deps.config.basePath}/runs/${run.id}`, 303)
    } catch (error) {
      if (!isProblem(error, 'job_already_running')) throw error
      // What was wanted is happening already: show it.
      const [open] = await listRunsOfJob(db, job.id, { limit: 1 })
      return redirectWith(
        c,
        open ? `/runs/${open.id}` : `/jobs/${job.id}`,
        'jobs.flash.running',
        {},
        'warning',
      )
    }
  })

  app.post('/jobs/:id/drill', async (c) => {
    const job = await jobOf(c)
    const asked = c.get('form').get('depth')
    const depth = possibleDepths(job).find((one) => one === asked) ?? null
    try {
      const drill = await drilling.begin(String(job.id), () =>
        engine.startDrill(job.id, depth, c.get('user')),
      )
      if (drill === null)
        return redirectWith(c, `/jobs/${job.id}`, 'drills.flash.started', { name: job.name })
      const key = `drills.flash.${drill.verdict}` as const
      const facts = { name: drill.archiveName }
      return redirectWith(c, `/jobs/${job.id}`, key, facts, flashStates[drill.verdict])
    } catch (error) {
      // What was wanted is happening already: the page shows it.
      if (isProblem(error, 'drill_running')) return c.redirect(`${deps.config.basePath}/jobs/${job.id}`, 303)
      if (!isProblem(error, 'archive_not_found')) throw error
      return redirectWith(c, `/jobs/${job.id}`, 'drills.flash.no_archive', { name: job.name }, 'warning')
    }
  })

  for (const [action, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    app.post(`/jobs/:id/${action}`, async (c) => {
      const { id, name } = await jobOf(c)
      await engine.setJobEnabled(id, enabled, c.get('user'))
      return redirectWith(c, `/jobs/${id}`, enabled ? 'jobs.flash.enabled' : 'jobs.flash.disabled', { name })
    })
  }

  app.post('/jobs/:id/release', async (c) => {
    const { id, name } = await jobOf(c)
    await engine.releaseRetention(id, c.get('user'))
    return redirectWith(c, `/jobs/${id}`, 'jobs.flash.released', { name })
  })

  app.get('/jobs/:id/retention', async (c) => {
    const job = await jobOf(c)
    return removalPage(c, job, await engine.previewRetention(job.id), false)
  })

  app.post('/jobs/:id/retention', async (c) => {
    const job = await jobOf(c)
    const preview = await engine.previewRetention(job.id)
    // Only what was shown may go: when the plan has changed since, it is shown again.
    const agreed = new Set(c.get('form').getAll('remove'))
    const planned = preview.plan.remove.map((one) => one.name)
    if (planned.some((name) => !agreed.has(name))) return removalPage(c, job, preview, true)
    const done = await engine.applyRetention(job.id, c.get('user'))
    const facts = { count: done.plan.remove.length, size: c.get('f').size(done.freedBytes) }
    return redirectWith(c, `/jobs/${job.id}`, 'jobs.flash.removed', facts)
  })

  app.get('/jobs/:id/delete', async (c) => {
    const job = await jobOf(c)
    const { archives } = await engine.previewRetention(job.id)
    const bytes = archives.reduce((sum, one) => sum + one.sizeBytes, 0)
    const facts = { count: archives.length, size: c.get('f').size(bytes) }
    const stay = c.get('t')(archives.length === 0 ? 'jobs.delete.none' : 'jobs.delete.stay', facts)
    const title = c.get('t')('jobs.delete.title', { name: job.name })
    return render(c, 'jobs/delete', { job: { id: job.id, name: job.name }, heading: title, stay }, { title })
  })

  app.post('/jobs/:id/delete', async (c) => {
    const { id, name } = await jobOf(c)
    const { archives } = await engine.previewRetention(id)
    await engine.removeJob(id, c.get('user'))
    const key = archives.length === 0 ? 'jobs.flash.deleted_alone' : 'jobs.flash.deleted'
    return redirectWith(c, '/', key, { name })
  })

  /** Creates or changes a job; what is wrong goes back to the form, as it was typed. */
  async function save(c: WebContext, edited: EditedJob | null) {
    const values = readForm(c.get('form'))
    const { input, errors } = jobInputOf(values, edited)
    if (textOf(values, 'intent') === 'preview') return forms.page(c, values, errors, edited)
    const wrong = (more: readonly FieldError[]) => forms.page(c, values, [...errors, ...more], edited, 422)
    try {
      if (errors.length > 0) return await wrong(await engine.checkJob(input, edited?.job.id))
      const job =
        edited === null
          ? await engine.createJob(input, c.get('user'))
          : await engine.updateJob(edited.job.id, input, c.get('user'))
      await saveDestinations(c, job.id, values)
      const key = edited === null ? 'jobs.flash.created' : 'jobs.flash.saved'
      return redirectWith(c, `/jobs/${job.id}`, key, { name: job.name })
    } catch (error) {
      if (isProblem(error, 'validation_failed')) return wrong(error.errors)
      // The stored one is lost: it has to be typed again.
      if (isProblem(error, 'secret_unreadable')) {
        return wrong([{ field: `config.${error.facts['setting'] ?? ''}`, code: 'required' }])
      }
      throw error
    }
  }

  /** A form without that part changes nothing of it; a destination that is gone meanwhile is left out. */
  async function saveDestinations(c: WebContext, jobId: number, values: FormValues): Promise<void> {
    if (textOf(values, 'copies') === '') return
    const chosen = new Set(values.get('destinations') ?? [])
    const [known, before] = await Promise.all([listDestinations(db), destinationsOfJob(db, jobId)])
    const ids = known.map(({ id }) => id).filter((id) => chosen.has(String(id)))
    const same = before.length === ids.length && before.every(({ id }) => ids.includes(id))
    if (!same) await engine.transfers.setJobDestinations(jobId, ids, c.get('user'))
  }

  async function pageOf(c: WebContext, job: Job, now: number, f: Formats) {
    const before = numberOf(c.req.query('before') ?? '')
    const page = { limit: runsPerPage + 1, ...(before === null ? {} : { beforeId: before }) }
    const [runs, newest, preview, activity, drills, destinations] = await Promise.all([
      listRunsOfJob(db, job.id, page),
      listRunsOfJob(db, job.id, { limit: chartRuns }),
      engine.previewRetention(job.id),
      listActivity(db, { jobId: job.id, limit: 200 }),
      drillsOfJob(db, job.id, shownDrills),
      destinationsOfJob(db, job.id),
    ])
    const openRun = newest.find((run) => run.finishedAt === null) ?? null
    const skipped = activity.filter((entry) => entry.action === 'run.skipped').slice(0, 10)
    const later = before !== null
    const proof = {
      drills,
      running: engine.drilling().includes(job.id),
      possible: possibleDepths(job),
      failure: drilling.failureOf(String(job.id)),
    }
    const shown = { runs, newest, preview, skipped, openRun, drills: proof, destinations }
    return jobPageView({ job, ...shown, pageSize: runsPerPage, later }, now, c.get('language'), c.get('t'), f)
  }

  function possibleDepths(job: Job): readonly DrillDepth[] {
    return depthsOfType(sources.find((one) => one.id === job.type))
  }

  async function editedOf(c: WebContext): Promise<EditedJob> {
    const job = await jobOf(c)
    return { job, secrets: sources.find((one) => one.id === job.type)?.secrets ?? [] }
  }

  async function jobOf(c: WebContext): Promise<Job> {
    const id = numberOf(c.req.param('id') ?? '')
    const job = id === null ? null : await getJob(db, id)
    if (job === null) throw new Problem('job_not_found', { id: c.req.param('id') })
    return job
  }
}

function numberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
