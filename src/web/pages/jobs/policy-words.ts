// A retention policy as a sentence.
import type { RetentionPolicy } from '../../../domain/retention-policy.ts'
import type { Formats, T } from '../../i18n.ts'

/** e.g. `the newest of each of the last 7 days, 4 weeks and 6 months; at most 50 GiB`. */
export function policyInWords(policy: RetentionPolicy, t: T, f: Formats): string {
  const rule = ruleInWords(policy, t)
  return policy.maxBytes === undefined
    ? rule
    : t('jobs.keep.limited', { rule, size: f.size(policy.maxBytes) })
}

function ruleInWords(policy: RetentionPolicy, t: T): string {
  switch (policy.mode) {
    case 'count':
      return t('jobs.keep.count', { count: policy.count })
    case 'daily':
      return t('jobs.keep.daily', { count: policy.days })
    case 'gfs': {
      const periods = [
        policy.daily > 0 ? t('jobs.keep.days', { count: policy.daily }) : '',
        policy.weekly > 0 ? t('jobs.keep.weeks', { count: policy.weekly }) : '',
        policy.monthly > 0 ? t('jobs.keep.months', { count: policy.monthly }) : '',
        policy.yearly > 0 ? t('jobs.keep.years', { count: policy.yearly }) : '',
      ].filter(Boolean)
      return t('jobs.keep.gfs', { periods: periods.join(', ') })
    }
  }
}
