// Errors as the API writes them: complete, in English, and without anything that nobody outside may know.
import { expect, test } from 'vitest'
import { apiBench } from '../../../test/support/api.ts'
import { seedJob } from '../../../test/support/job-seeds.ts'
import { problemSchema } from '../../domain/api/common.ts'
import { invalid, Problem, problems, type ProblemCode } from '../../domain/problem.ts'
import { problemDocument } from './problems.ts'

const config = { archivesDir: '/home/yunohost.backup/archives', timeZone: 'Europe/Paris' }
const codes = Object.keys(problems).filter((code): code is ProblemCode => code in problems)

test('every problem becomes a document of the contract', () => {
  for (const code of codes) {
    const document = problemDocument(new Problem(code), config)
    expect(problemSchema.parse(document)).toMatchObject({
      type: `/api/v1/problems#${code}`,
      status: problems[code].status,
      code,
    })
    expect(document.title).not.toBe('')
    expect(document.detail + document.title).not.toMatch(/[{}]/)
  }
})

test('paths outside the archives directory are cut out of every fact, whatever it is called', () => {
  const secret = '/srv/private data/photos'
  for (const code of codes) {
    for (const name of ['path', 'folder', 'detail', 'file', 'where', 'target', 'archive', 'reason']) {
      const problem = new Problem(code, { [name]: secret, command: `tar -C '${secret}'` })
      expect(JSON.stringify(problemDocument(problem, config))).not.toContain('private')
    }
  }
  const field = invalid({ field: 'target_path', code: 'path_missing', facts: { path: secret } })
  expect(JSON.stringify(problemDocument(field, config))).not.toContain('private')
})

test('a fault is 500 with an id, and only the log has the rest', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  const { self } = bench.web.deps.engine
  Object.assign(self, {
    health: () => Promise.reject(new Error('SQLITE_CORRUPT in /var/lib/backupmanager/x.db, key abcdef')),
  })
  const answer = await bench.ask('GET /health', { key })
  const document = problemSchema.parse(await answer.json())
  expect(answer.status).toBe(500)
  expect(document.code).toBe('internal')
  const id = /[0-9a-f]{8}/.exec(document.detail)?.[0] ?? 'none'
  expect(JSON.stringify(document)).not.toMatch(/SQLITE|abcdef|\/var|at .*\.ts/)
  expect(bench.web.logged.some((line) => line.includes(id) && line.includes('SQLITE_CORRUPT'))).toBe(true)
})

test('an answer that breaks its own schema is a fault, and what is not declared is left out', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  await seedJob(bench.web.deps.engine)
  const { self } = bench.web.deps.engine
  const [job] = await self.jobs({ limit: 1 })
  Object.assign(self, { jobs: () => Promise.resolve([{ ...job, config: { password: 'secret' } }]) })
  const good = await bench.ask('GET /jobs', { key })
  expect(good.status).toBe(200)
  expect(await good.text()).not.toContain('secret')
  Object.assign(self, { jobs: () => Promise.resolve([{ ...job, archive_count: -1 }]) })
  expect((await bench.ask('GET /jobs', { key })).status).toBe(500)
})

test('what may be tried again later says when', async () => {
  const bench = await apiBench()
  const key = await bench.script('read')
  Object.assign(bench.web.deps.engine.self, {
    health: () => Promise.reject(new Problem('upload_busy', { limit: 4, retryAfterS: 1.2 })),
  })
  const answer = await bench.ask('GET /health', { key })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '2'])
})
