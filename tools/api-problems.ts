// Writes doc/api-problems.md: every code a problem of the API can have. usage: node tools/api-problems.ts
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem, problems, type ProblemCode, type Retry } from '../src/domain/problem.ts'
import { problemDocument } from '../src/web/api/problems.ts'

export const problemsFile = join(import.meta.dirname, '../doc/api-problems.md')

const again: Readonly<Record<Retry, string>> = {
  now: 'at once',
  later: 'later',
  never: 'no',
}

/** The whole file: codes by status, with their texts. */
export function problemsDocument(): string {
  const codes = Object.keys(problems).filter((code): code is ProblemCode => code in problems)
  const sorted = codes.toSorted((a, b) => problems[a].status - problems[b].status || (a < b ? -1 : 1))
  return [
    '# Problems of the API',
    '',
    'Made by `node tools/api-problems.ts` from the program’s own list; do not edit. Errors are problem documents (RFC 9457,',
    '`application/problem+json`): `{type, title, status, detail, code, errors?, missing?}`. `code` is stable; texts may change.',
    '`…` stands for what differs each time. Codes are also those of failed runs, restores and transfers (`error`).',
    '',
    '| status | code | what it means | again? |',
    '| --- | --- | --- | --- |',
    ...sorted.map(row),
    '',
  ].join('\n')
}

function row(code: ProblemCode): string {
  const { title, detail, status } = problemDocument(new Problem(code), {
    archivesDir: '/',
    timeZone: 'UTC',
  })
  const text = detail === '' || detail === '…' ? `${title}.` : `${title}. ${detail}`
  return `| ${status} | \`${code}\` | ${text.replaceAll('|', '\\|')} | ${again[problems[code].retry]} |`
}

if (import.meta.main) writeFileSync(problemsFile, problemsDocument())
