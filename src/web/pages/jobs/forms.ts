// Answers with the job form or with its preview: gathers what both need from the machine and the database.
import type { SourceOffers } from '../../../domain/helper-protocol.ts'
import type { JobInput } from '../../../domain/job.ts'
import { isProblem, type FieldError } from '../../../domain/problem.ts'
import type { Offers } from '../../../engine/engine.ts'
import { archivesOfJob } from '../../../store/archives.ts'
import { listDestinations } from '../../../store/destinations.ts'
import { fragment, render, type WebContext, type WebDeps } from '../../page.ts'
import { words } from '../../problem.ts'
import { problemText } from '../../problem-text.ts'
import { without, type FormValues } from './form-values.ts'
import { jobInputOf, type EditedJob } from './form.ts'
import { jobFormView } from './form-view.ts'
import { jobPreview, type JobPreview } from './preview.ts'

export interface JobForms {
  /** The page with the form; `edited` is the job that it changes. */
  page(
    c: WebContext,
    values: FormValues,
    errors: readonly FieldError[],
    edited: EditedJob | null,
    status?: 200 | 422,
  ): Promise<Response>
  /** The preview alone, as HTML. */
  preview(c: WebContext, values: FormValues, edited: EditedJob | null): Promise<string>
}

/** Makes the two answers. */
export function jobForms(deps: WebDeps): JobForms {
  const { engine, db, sources, config, clock } = deps

  const previewOf = async (
    c: WebContext,
    values: FormValues,
    edited: EditedJob | null,
  ): Promise<JobPreview> => {
    const { input } = jobInputOf(values, edited)
    const archives = edited === null ? [] : await archivesOfJob(db, edited.job.id)
    const removal = edited === null ? null : await engine.previewRetention(edited.job.id, input.retention)
    const source = sources.find((one) => one.id === input.type) ?? null
    const facts = {
      // A secret that is to be forgotten is an empty text, which is no valid setting.
      input: { ...input, config: without(configOf(input), source?.secrets ?? []) },
      source,
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
    async page(c, values, errors, edited, status = 200) {
      const [{ offers, trouble }, offered, preview, destinations] = await Promise.all([
        offersOf(c),
        offeredTo(c, values, edited),
        previewOf(c, values, edited),
        listDestinations(db),
      ])
      const form = jobFormView(
        {
          values,
          errors,
          offers,
          offered,
          stored: storedSecrets(edited),
          sources,
          editing: edited?.job ?? null,
          preview,
          destinations,
        },
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
            edited === null
              ? `/jobs/new?type=${encodeURIComponent(form.type)}`
              : `/jobs/${edited.job.id}/edit`,
        },
      )
    },
    async preview(c, values, edited) {
      return fragment(c, 'job-preview', { preview: await previewOf(c, values, edited) })
    },
  }

  /** A type with secrets speaks with a server, which can tell what it has. */
  async function offeredTo(
    c: WebContext,
    values: FormValues,
    edited: EditedJob | null,
  ): Promise<SourceOffers | null> {
    const { input } = jobInputOf(values, edited)
    const source = sources.find((one) => one.id === input.type)
    if (source === undefined || source.secrets.length === 0) return null
    try {
      return await engine.sourceOffers(source.id, configOf(input), edited?.job.id)
    } catch (error) {
      if (!isProblem(error)) throw error
      const { title } = problemText(words(c), error.code, error.facts)
      return { missingTool: null, databases: null, error: title }
    }
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

/** Form names of what is stored and never shown. */
function storedSecrets(edited: EditedJob | null): ReadonlySet<string> {
  const known = edited?.secrets.filter((key) => edited.job.config[key] !== undefined) ?? []
  return new Set(known.map((key) => `config.${key}`))
}

function configOf({ config }: JobInput): Readonly<Record<string, unknown>> {
  return typeof config === 'object' && config !== null ? { ...config } : {}
}
