// `retention plan`: what a policy would keep of a list of archives. Reads standard input, touches nothing.
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { z } from 'zod'
import { isTimeZone } from '../domain/calendar.ts'
import { invalid } from '../domain/problem.ts'
import { planRetention } from '../domain/retention.ts'
import type { CliContext } from './context.ts'
import { policyOf } from './inputs.ts'
import { printJson, printTable } from './output.ts'

const listSchema = z.array(
  z.object({ name: z.string().min(1), created_at: z.string(), pinned: z.boolean().optional() }),
)

export function addRetentionCommands(program: Command, context: CliContext): void {
  program
    .command('retention')
    .description('how long archives are kept')
    .command('plan')
    .description(
      'read [{"name","created_at","pinned"?}] on standard input, print what would be kept and removed',
    )
    .requiredOption('--policy <policy>', 'count:7, daily:7 or gfs:7,4,3')
    .option('--now <time>', 'ISO 8601; default: now')
    .option('--tz <zone>', "time zone of the calendar; default: the instance's")
    .option('--json', 'print JSON')
    .action(async (options: { policy: string; now?: string; tz?: string; json?: boolean }) => {
      const policy = policyOf(options.policy)
      const now = options.now === undefined ? context.now() : instant(options.now, 'now')
      const zone = options.tz === undefined ? context.config().timeZone : zoneOf(options.tz)
      const plan = planRetention(await readArchives(context), policy, now, zone)
      if (options.json) printJson(context.stdout, plan)
      else {
        printTable(
          context.stdout,
          ['archive', 'what', 'why'],
          [
            ...plan.keep.map((one) => [one.name, 'keep', one.reasons.join(', ')]),
            ...plan.remove.map((one) => [one.name, 'remove', one.reason]),
          ],
        )
      }
    })
}

async function readArchives(context: CliContext) {
  let given: unknown
  try {
    given = JSON.parse(await readAll(context.stdin))
  } catch (error) {
    throw invalid({ field: 'stdin', code: 'json_invalid', facts: { detail: String(error) } })
  }
  const list = listSchema.safeParse(given)
  if (!list.success) {
    throw invalid(
      ...list.error.issues.map((issue) => ({
        field: ['stdin', ...issue.path.map(String)].join('.'),
        code: 'unknown_value' as const,
      })),
    )
  }
  const seen = new Set<string>()
  const twice = list.data.findIndex(({ name }) => seen.size === seen.add(name).size)
  if (twice !== -1) throw invalid({ field: `stdin.${twice}.name`, code: 'name_taken' })
  return list.data.map((one, index) => ({
    name: one.name,
    createdAt: instant(one.created_at, `stdin.${index}.created_at`),
    pinned: one.pinned ?? false,
  }))
}

/** Without an offset nobody could tell which moment is meant. */
const isoTime = z.iso.datetime({ offset: true })

function instant(text: string, field: string): number {
  const ms = isoTime.safeParse(text).success ? Date.parse(text) : Number.NaN
  if (!Number.isFinite(ms)) throw invalid({ field, code: 'unknown_value', facts: { value: text } })
  return ms
}

function zoneOf(name: string): string {
  if (!isTimeZone(name)) throw invalid({ field: 'tz', code: 'unknown_value', facts: { value: name } })
  return name
}
