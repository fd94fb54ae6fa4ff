// The words of restores and drills: what a step does, what to know about a plan, what a drill saw.
import type { DrillFinding } from '../domain/drill.ts'
import type { PlannedStep, PlanRemark } from '../domain/restore.ts'
import { sentence, type Words } from './sentence.ts'

/** What a step of a plan does, such as "Stop hermes-agent.service". */
export function stepText(words: Words, step: PlannedStep): string {
  return sentence(words, `restore.step.${step.code}`, step.facts)
}

/** What an admin should know about a plan or a result. No full stop at its end. */
export function remarkText(words: Words, remark: PlanRemark): string {
  return sentence(words, `restore.remark.${remark.code}`, remark.facts)
}

/** What a drill saw. No full stop at its end. */
export function findingText(words: Words, finding: DrillFinding): string {
  return sentence(words, `drill.finding.${finding.code}`, finding.facts)
}
