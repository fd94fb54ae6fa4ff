// Answers with the job form or with its preview: gathers what both need from the machine and the database.
import type { Job } from '../../../domain/job.ts'
import { isProblem, type FieldError } from '../../../domain/problem.ts'
import type { Offers } from '../../../engine/engine.ts'
import { archivesOfJob } from '../../../store/archives.ts'
import { fragment, render, type WebContext, type WebDeps } from '../../page.ts'
import { words } from '../../problem.ts'
import { problemText } from '../../problem-text.ts'
import type { FormValues } from './form-values.ts'
import { jobInputOf } from './form.ts'
import { jobFormView } from './form-view.ts'
import { jobPreview, type JobPreview } from './preview.ts'

export interface JobForms {
  /** The page with the form; `existing` is the job being edited. */
  page(
    c: WebContext,
    values: FormValues,
    errors: readonly FieldError[],
    existing: Job | null,
    status?: 200 | 422,
  ): Promise<Response>
  /** The preview alone, as HTML. */
  preview(c: WebContext, values: FormValues, existing: Job | null): Promise<string>
}

/** Makes the two answers. */
export function jobForms(deps: WebDeps): JobForms {
  const { engine, db, sources, config, clock } = deps

  const previewOf = async (c: WebContext, values: FormValues, existing: Job | null): Promise<JobPreview> => {
    const { input } = jobInputOf(values, existing ?? undefined)
    const archives = existing === null ? [] : await archivesOfJob(db, existing.id)
    const removal = existing === null ? null : await engine.previewRetention(existing.id, input.retention)
    const facts = {
      input,
      source: sources.find((one) => one.id === input.type) ?? null,
      instanceName: config.instanceName,
      plan: removal && {
        plan: removal.plan,
        freedBytes: removal.freedBytes,
        sizes: new Map(removal.archives.map((one) => [one.name, one.sizeBytes])),
      },
      lastSize: archives.find((one) => one.state !== 'corrupted')?.sizeBytes ?? null,
    }
    return jobPreview(facts, clock.now(), c.get('language'), c.get('t'), c.get('f'))
  }

  return {
    async page(c, values, errors, existing, status = 200) {
      const { offers, trouble } = await offersOf(c)
      const preview = await previewOf(c, values, existing)
      const form = jobFormView(
        { values, errors, offers, sources, editing: existing, preview },
        c.get('t'),
        c.get('f'),
      )
      return render(
        c,
        'jobs/form',
        { form, trouble },
        {
          title: errors.length > 0 ? `■ ${form.heading}` : form.heading,
          status,
          here:
            existing === null
              ? `/jobs/new?type=${encodeURIComponent(form.type)}`
              : `/jobs/${existing.id}/edit`,
        },
      )
    },
    async preview(c, values, existing) {
      return fragment(c, 'job-preview', { preview: await previewOf(c, values, existing) })
    },
  }

  /** A machine that does not answer still gets its form, with the reason. */
  async function offersOf(c: WebContext): Promise<{ offers: Offers; trouble: string }> {
    try {
      return { offers: await engine.offers(), trouble: '' }
    } catch (error) {
      if (!isProblem(error)) throw error
      const { title, hint } = problemText(words(c), error.code, error.facts)
      return { offers: { apps: [], parts: [], missing: {} }, trouble: `${title} ${hint}` }
    }
  }
}
