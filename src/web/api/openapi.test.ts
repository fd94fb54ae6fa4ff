// openapi.json: from the declared endpoints alone, and complete.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { apiBench } from '../../../test/support/api.ts'
import { createApi } from './index.ts'

const document = z.object({
  openapi: z.literal('3.1.0'),
  servers: z.array(z.object({ url: z.string() })),
  components: z.object({
    securitySchemes: z.object({ key: z.object({ type: z.string(), in: z.string(), name: z.string() }) }),
    schemas: z.object({ Problem: z.looseObject({ required: z.array(z.string()) }) }),
  }),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        summary: z.string().min(10),
        security: z.array(z.record(z.string(), z.array(z.string()))),
        'x-scope': z.string().optional(),
        responses: z.record(z.string(), z.object({ description: z.string().min(3) })),
      }),
    ),
  ),
})

test('it has every endpoint with its scope, answers and problems', async () => {
  const bench = await apiBench({ config: { basePath: '/backup', auth: 'sso' } })
  const answer = await bench.ask('GET /openapi.json')
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
  const told = document.parse(await answer.json())
  expect(told.servers).toEqual([{ url: '/backup/api/v1' }])
  expect(told.components.securitySchemes.key).toEqual({
    type: 'apiKey',
    in: 'header',
    name: 'X-BackupManager-Key',
  })
  expect(told.components.schemas.Problem.required).toEqual(['type', 'title', 'status', 'detail', 'code'])
  const { routes } = createApi(bench.web.deps)
  for (const { method, path, scope, answers } of routes) {
    const operation = told.paths[path]?.[method]
    expect([path, operation?.['x-scope'] ?? null]).toEqual([path, scope])
    expect(operation?.security).toEqual(scope === null ? [] : [{ key: [] }])
    expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(Object.keys(answers)))
    expect(Object.keys(operation?.responses ?? {})).toContain('default')
  }
  const operations = Object.values(told.paths).flatMap((path) => Object.keys(path))
  expect(operations.length).toBe(routes.length)
})

test('it tells nothing about this instance but its version', async () => {
  const bench = await apiBench()
  const text = await (await bench.ask('GET /openapi.json')).text()
  const { config, instanceId } = bench.web.deps
  for (const secret of [config.dataDir, config.archivesDir, instanceId, config.instanceName]) {
    expect(text).not.toContain(secret)
  }
})
