// The settings page: every setting can be read, changed and refused beside its field.
import { expect, test } from 'vitest'
import { htmlProblems } from '../../../../test/support/html.ts'
import { testWeb } from '../../../../test/support/web.ts'
import { defaultSettings, instanceSettingsSchema } from '../../../domain/settings.ts'

/** The fields of the form as the page shows them. */
function fields(html: string): Record<string, string> {
  return Object.fromEntries(
    [...html.matchAll(/<input id="(\w+)" name="\w+" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  )
}

test('every setting has a field with its label and hint, in both languages', async () => {
  const { get } = await testWeb()
  for (const language of ['en', 'fr']) {
    const html = await (await get('/settings', { 'accept-language': language })).text()
    expect(Object.keys(fields(html))).toEqual(Object.keys(instanceSettingsSchema.shape))
    expect(htmlProblems(html)).toEqual([])
  }
})

test('sending the form as it is changes nothing', async () => {
  const { get, post, deps } = await testWeb()
  const shown = fields(await (await get('/settings')).text())
  expect((await post('/settings', shown)).status).toBe(303)
  expect(deps.engine.settings()).toEqual(defaultSettings)
})

test('values are stored in their own units', async () => {
  const { get, post, deps } = await testWeb()
  await post('/settings', { defaultTimeoutS: '90', diskReserveBytes: '1.5 GiB', verifyEveryDays: '0' })
  expect(deps.engine.settings()).toEqual({
    ...defaultSettings,
    defaultTimeoutS: 5400,
    diskReserveBytes: 1.5 * 2 ** 30,
    verifyEveryDays: 0,
  })
  expect(fields(await (await get('/settings')).text())).toMatchObject({
    defaultTimeoutS: '90',
    diskReserveBytes: '1536MiB',
    verifyEveryDays: '0',
  })
  await post('/settings', { diskReserveBytes: '' })
  expect(deps.engine.settings().diskReserveBytes).toBeNull()
})

test.each([
  ['verifyEveryDays', '-1', 'must be a whole number'],
  ['verifyEveryDays', '3651', '(0 to 3650)'],
  ['generalLaneSize', '0', '(1 to 16)'],
  ['generalLaneSize', '1.5', 'must be a whole number'],
  ['generalLaneSize', '', 'This is needed'],
  ['defaultTimeoutS', '0.5', '(1 to 43200)'],
  ['historyDays', '1e3', 'must be a whole number'],
  ['catchUpSpreadMin', '<b>', 'must be a whole number'],
  ['diskReserveBytes', 'much', 'not a size'],
])('%s = "%s" is refused beside its field, and what was typed stays', async (name, value, message) => {
  const { post, deps } = await testWeb()
  const answer = await post('/settings', { historyDays: '30', [name]: value })
  expect(answer.status).toBe(422)
  const html = await answer.text()
  expect(htmlProblems(html)).toEqual([])
  const beside = html.slice(html.indexOf(`id="${name}"`), html.indexOf(`id="${name}-hint"`))
  expect(beside).toContain(message)
  expect(beside).toContain('aria-invalid="true"')
  expect(fields(html)[name]).toBe(value.replaceAll('<', '&lt;').replaceAll('>', '&gt;'))
  expect(deps.engine.settings()).toEqual(defaultSettings)
})

test('the instance tells who and where it is', async () => {
  const { get, deps, machine } = await testWeb()
  const html = await (await get('/settings')).text()
  for (const fact of [
    'key-fingerprint',
    'Europe/Paris',
    deps.config.archivesDir,
    '12.1.38',
    process.version,
  ]) {
    expect(html).toContain(fact)
  }
  expect(machine.yunohostVersion).toBe('12.1.38')
})

test('a machine without YunoHost is told so', async () => {
  const { get, machine } = await testWeb()
  machine.yunohostVersion = null
  expect(await (await get('/settings')).text()).toContain('not found on this machine')
})
