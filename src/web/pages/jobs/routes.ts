// A job's page, its form, and what can be done with it.
import type { Job } from '../../../domain/job.ts'
import { isProblem, Problem, type FieldError } from '../../../domain/problem.ts'
import { listActivity } from '../../../store/activity.ts'
import { getJob } from '../../../store/jobs.ts'
import { listRunsOfJob } from '../../../store/runs.ts'
import { redirectWith } from '../../flash.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, render, type MountPage, type WebContext } from '../../page.ts'
import { formOfJob, newForm, readForm, textOf } from './form-values.ts'
import { jobInputOf } from './form.ts'
import { jobForms } from './forms.ts'
import { jobPageView, jobTitle } from './job-view.ts'
import { removalPage } from './removal.ts'

const runsPerPage = 15
/** Runs whose sizes the chart shows. */
const chartRuns = 120

export const mountJobs: MountPage = (app, deps) => {
  const { db, engine, sources } = deps
  const forms = jobForms(deps)

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
          'job-runs': fragment(c, 'job-runs', { page }),
          'job-archives': fragment(c, 'job-archives', { page }),
        },
        busy: page.openRunId !== null,
      }
    })
  })

  app.get('/jobs/:id/edit', async (c) => {
    const job = await jobOf(c)
    return forms.page(c, formOfJob(job), [], job)
  })
  app.post('/jobs/:id', async (c) => save(c, await jobOf(c)))
  app.post('/jobs/:id/preview', async (c) =>
    c.html(await forms.preview(c, readForm(c.get('form')), await jobOf(c))),
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
  async function save(c: WebContext, existing: Job | null) {
    const values = readForm(c.get('form'))
    const { input, errors } = jobInputOf(values, existing ?? undefined)
    if (textOf(values, 'intent') === 'preview') return forms.page(c, values, errors, existing)
    const wrong = (more: readonly FieldError[]) => forms.page(c, values, [...errors, ...more], existing, 422)
    if (errors.length > 0) return wrong(await engine.checkJob(input, existing?.id))
    try {
      const job =
        existing === null
          ? await engine.createJob(input, c.get('user'))
          : await engine.updateJob(existing.id, input, c.get('user'))
      const key = existing === null ? 'jobs.flash.created' : 'jobs.flash.saved'
      return redirectWith(c, `/jobs/${job.id}`, key, { name: job.name })
    } catch (error) {
      if (isProblem(error, 'validation_failed')) return wrong(error.errors)
      throw error
    }
  }

  async function pageOf(c: WebContext, job: Job, now: number, f: Formats) {
    const before = numberOf(c.req.query('before') ?? '')
    const page = { limit: runsPerPage + 1, ...(before === null ? {} : { beforeId: before }) }
    const [runs, newest, preview, activity] = await Promise.all([
      listRunsOfJob(db, job.id, page),
      listRunsOfJob(db, job.id, { limit: chartRuns }),
      engine.previewRetention(job.id),
      listActivity(db, { jobId: job.id, limit: 200 }),
    ])
    const openRun = newest.find((run) => run.finishedAt === null) ?? null
    const skipped = activity.filter((entry) => entry.action === 'run.skipped').slice(0, 10)
    const later = before !== null
    const facts = { job, runs, newest, preview, skipped, openRun, pageSize: runsPerPage, later }
    return jobPageView(facts, now, c.get('language'), c.get('t'), f)
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
