// What a job's page tells of test restores: what is planned, how the last one ended, the ones before. Pure.
import { drillDepths, type Drill, type DrillDepth, type DrillVerdict } from '../../../domain/drill.ts'
import type { Job } from '../../../domain/job.ts'
import type { Problem } from '../../../domain/problem.ts'
import type { AnySource } from '../../../sources/source.ts'
import { actorInWords } from '../../actor.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { problemText } from '../../problem-text.ts'
import { findingText } from '../../restore-text.ts'
import { archivePath } from '../archives/state.ts'
import type { ShownState, Tone } from '../runs/state.ts'
import { minuteInWords } from './days.ts'
import type { Choice } from './form-view.ts'

/** Findings shown of the last drill at once, and of each earlier one. */
const lastFindings = 8
const earlierFindings = 2

export interface DrillFacts {
  readonly job: Job
  /** Newest first. */
  readonly drills: readonly Drill[]
  readonly running: boolean
  /** There is an archive that could be proven. */
  readonly provable: boolean
  /** Depths that the job's type allows. */
  readonly possible: readonly DrillDepth[]
  /** Why the last one that was asked for on the page could not be carried out. */
  readonly failure: Problem | null
}

export interface ShownDrill {
  readonly state: ShownState
  readonly depth: string
  readonly at: Moment
  readonly archive: string
  readonly href: string
  /** Who asked for it. */
  readonly actor: string
  readonly findings: readonly string[]
  /** Findings that do not fit, and how many they are. */
  readonly rest: readonly string[]
  readonly more: string
}

export interface DrillsView {
  readonly running: boolean
  readonly startable: boolean
  /** What is planned, and when. */
  readonly plan: string
  readonly failure: string
  readonly last: ShownDrill | null
  readonly earlier: readonly ShownDrill[]
  readonly depths: readonly Choice[]
}

const tones: Readonly<Record<DrillVerdict, Tone>> = {
  passed: 'ok',
  failed: 'failed',
  inconclusive: 'warning',
}

/** Depths of test restores that a type allows; of an unknown one only reading. */
export function depthsOfType(source: AnySource | undefined): readonly DrillDepth[] {
  return drillDepths.filter((one) => one === 'read' || source?.restore.drills.includes(one))
}

/** The verdict as shape and word. */
export function verdictState(verdict: DrillVerdict, t: T): ShownState {
  return { state: tones[verdict], label: t(`drill.verdict.${verdict}`) }
}

/** The card. `now` is epoch milliseconds. */
export function drillsView(facts: DrillFacts, now: number, language: string, t: T, f: Formats): DrillsView {
  const [last, ...earlier] = facts.drills
  const failure = facts.failure && problemText({ t, f }, facts.failure.code, facts.failure.facts)
  return {
    running: facts.running,
    startable: facts.provable && !facts.running,
    plan: planInWords(facts.job, now, language, t, f),
    failure: failure === null || facts.running ? '' : `${failure.title}. ${failure.hint}`,
    last: last === undefined ? null : shownDrill(last, lastFindings, t, f),
    earlier: earlier.map((one) => shownDrill(one, earlierFindings, t, f)),
    depths: depthsOf(facts, t),
  }
}

function planInWords({ drill, nextDrillAt }: Job, now: number, language: string, t: T, f: Formats): string {
  if (drill === null) return t('drills.no_plan')
  const depth = t(`drill.depth.${drill.depth}`)
  const plan = t('drills.plan', { count: drill.everyDays, depth })
  if (nextDrillAt === null) return plan
  const next =
    nextDrillAt <= now
      ? t('drills.next_soon')
      : t('drills.next', { when: minuteInWords(nextDrillAt, now, language, f.timeZone) })
  return `${plan} · ${next}`
}

function shownDrill(drill: Drill, most: number, t: T, f: Formats): ShownDrill {
  const texts = drill.findings.map((finding) => findingText({ t, f }, finding))
  const rest = texts.slice(most)
  return {
    state: verdictState(drill.verdict, t),
    depth: t(`drills.short.${drill.depth}`),
    at: f.moment(drill.finishedAt),
    archive: drill.archiveName,
    href: archivePath(drill.archiveName),
    actor: actorInWords(drill.actor, t),
    findings: texts.slice(0, most),
    rest,
    more: rest.length === 0 ? '' : t('drills.more', { count: rest.length }),
  }
}

/** To prove now: as planned, else as deep as the type can. */
function depthsOf({ job, possible }: DrillFacts, t: T): readonly Choice[] {
  const chosen = job.drill?.depth ?? possible.at(-1)
  return possible.map((value) => ({ value, label: t(`drill.depth.${value}`), chosen: value === chosen }))
}
