// The page that asks before retention removes archives by hand: exactly what would go, and what stays and why.
import type { Job } from '../../../domain/job.ts'
import type { RetentionPreview } from '../../../engine/engine.ts'
import { render, type WebContext } from '../../page.ts'
import { policyInWords } from './policy-words.ts'
import { holdInWords, reasonInWords } from './reasons.ts'

/** Archives that stay, named one by one; those that go are all named. */
const mostShown = 100

/** Answers with the page; `changed` says that the plan is not the one that was agreed to. */
export function removalPage(
  c: WebContext,
  job: Job,
  preview: RetentionPreview,
  changed: boolean,
): Response | Promise<Response> {
  const t = c.get('t')
  const f = c.get('f')
  const sizes = new Map(preview.archives.map((one) => [one.name, one.sizeBytes]))
  const count = preview.plan.remove.length
  const size = f.size(preview.freedBytes)
  const here = `/jobs/${job.id}/retention`
  const model = {
    job: { id: job.id, name: job.name },
    heading: t('jobs.retention.title', { name: job.name }),
    policy: policyInWords(job.retention, t, f),
    changed,
    hold: job.retentionHold === null ? '' : holdInWords(job.retentionHold, t),
    button: t('jobs.retention.button', { count, size }),
    goes: preview.plan.remove.map((one) => ({
      name: one.name,
      size: f.size(sizes.get(one.name) ?? 0),
      why: reasonInWords(one.reason, t),
    })),
    stays: preview.plan.keep.slice(0, mostShown).map((one) => ({
      name: one.name,
      size: f.size(sizes.get(one.name) ?? 0),
      why: one.reasons.map((reason) => reasonInWords(reason, t)).join(', '),
    })),
    moreStay:
      preview.plan.keep.length > mostShown
        ? t('jobs.preview.more', { count: preview.plan.keep.length - mostShown })
        : '',
    staysTitle: t('jobs.retention.stays', { count: preview.plan.keep.length }),
  }
  return render(c, 'jobs/retention', model, { title: model.heading, status: changed ? 409 : 200, here })
}
