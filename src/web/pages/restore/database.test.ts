// Restores of databases: the connection, and a password that is in no page, form, address or log.
import { expect, test } from 'vitest'
import { backupInfo, seedArchives } from '../../../../test/support/archives.ts'
import { htmlProblems, visibleText } from '../../../../test/support/html.ts'
import { testWeb, type FormFields, type TestWeb } from '../../../../test/support/web.ts'
import type { RestorePlan } from '../../../domain/restore.ts'
import { planDigest } from '../../../sys/plan-digest.ts'
import { Problem } from '../../../domain/problem.ts'
import type { VerbArgs } from '../../../domain/helper-protocol.ts'
import { listRestores } from '../../../store/restores.ts'

const path = '/restore/jerry_mysql_shop_20261121'
const password = 'correct horse <battery> "staple"'
const fields = { form: '1', 'config.host': 'db.example', 'config.port': '3307', 'config.user': 'shop' }

const plan: RestorePlan = {
  archive: 'jerry_mysql_shop_20261121',
  type: 'mysql',
  target: 'shop',
  steps: [{ code: 'load_database', facts: { database: 'shop' } }],
  warnings: [],
  refusals: [],
  replaces: true,
  safety: null,
  bytes: null,
  files: null,
}

async function databaseWeb() {
  const web = await testWeb()
  const described = {
    ...backupInfo,
    app: 'mysql_shop',
    type: 'mysql',
    database: 'shop',
    user: 'shop',
    host: 'localhost',
    port: 3306,
    server_version: '10.11.6-MariaDB',
    tables: 3,
  }
  await seedArchives(web.deps.db, {
    name: 'jerry_mysql_shop_20261121',
    type: 'mysql',
    app: 'mysql_shop',
    backup_info_json: JSON.stringify(described),
  })
  const asked: VerbArgs['restore.plan'][] = []
  web.machine.plan = (args) => {
    asked.push(args)
    return plan
  }
  return { web, asked }
}

async function look(web: TestWeb, more: FormFields = { 'config.password': password }) {
  const html = await (await web.post(`${path}/plan`, { ...fields, ...more })).text()
  expect(htmlProblems(html)).toEqual([])
  return { html, handle: /name="look" value="([^"]+)"/.exec(html)?.[1] ?? '' }
}

/** As it is, and as it would stand in HTML, an address or base64. */
function tellsPassword(text: string): boolean {
  const forms = [
    password,
    'correct horse',
    encodeURIComponent(password),
    Buffer.from(password).toString('base64'),
  ]
  return forms.some((form) => text.includes(form))
}

test('the options offer another database and the way to the server', async () => {
  const { web } = await databaseWeb()
  for (const language of ['en', 'fr']) {
    const html = await (await web.get(path, { 'accept-language': language })).text()
    expect(htmlProblems(html)).toEqual([])
    for (const name of ['target_database', 'config.host', 'config.port', 'config.user']) {
      expect(html).toContain(`name="${name}"`)
    }
    expect(html).toMatch(/name="config\.password" type="password" value=""/)
    expect(html).not.toMatch(/name="(target_path|paths)"/)
  }
})

test('the password reaches the helper and the restore, and no page', async () => {
  const { web, asked } = await databaseWeb()
  const { html, handle } = await look(web)
  expect(tellsPassword(html)).toBe(false)
  expect(asked[0]?.settings).toMatchObject({ host: 'db.example', port: 3307, user: 'shop', password })
  const wrong = await (await web.post(`${path}/start`, { ...fields, look: handle, word: 'wrong' })).text()
  expect(tellsPassword(wrong)).toBe(false)
  const back = await (await web.post(path, { ...fields, look: handle })).text()
  expect(tellsPassword(back)).toBe(false)
  expect(back).toContain('value="db.example"')

  const answer = await web.post(`${path}/start`, { ...fields, look: handle, word: 'shop' })
  expect(answer.headers.get('location')).toBe('/restores/1')
  expect(asked.at(-1)?.settings).toMatchObject({ password })
  const pages = ['/restores/1', '/restores', '/activity', '/archives/jerry_mysql_shop_20261121', path]
  for (const one of pages) expect(tellsPassword(await (await web.get(one)).text()), one).toBe(false)
  expect(tellsPassword(web.logged.join('\n'))).toBe(false)
  const stored = await web.deps.db.selectFrom('restores').selectAll().execute()
  expect(tellsPassword(JSON.stringify(stored))).toBe(false)
})

test('without the password the restore that needed one cannot be started by its form alone', async () => {
  const { web } = await databaseWeb()
  const { handle } = await look(web)
  web.clock.time += 16 * 60_000
  const html = await (await web.post(`${path}/start`, { ...fields, look: handle, word: 'shop' })).text()
  expect(visibleText(html)).toContain('a password has to be entered again')
  expect(await listRestores(web.deps.db, { limit: 1 })).toEqual([])
})

test('what stands behind a handle belongs to the user who looked', async () => {
  const group = 'admins:*:4001:alice,bob'
  const run = async () => ({ stdout: group, stderr: '', exitCode: 0, signal: null }) as never
  const web = await testWeb({ config: { auth: 'sso', listen: { kind: 'unix', path: '/run/x' } }, run })
  await seedArchives(web.deps.db, { name: 'jerry_mysql_shop_20261121', type: 'mysql', app: 'mysql_shop' })
  await web.deps.db
    .updateTable('archives')
    .set({
      backup_info_json: JSON.stringify({ ...backupInfo, type: 'mysql', database: 'shop', user: 'shop' }),
    })
    .execute()
  web.machine.plan = () => plan
  const as = (user: string) => ({ ynh_user: user })
  const html = await (
    await web.post(`${path}/plan`, { ...fields, 'config.password': password }, as('alice'))
  ).text()
  const handle = /name="look" value="([^"]+)"/.exec(html)?.[1] ?? ''
  expect(handle).not.toBe('')
  const start = { ...fields, look: handle, word: 'shop' }
  expect((await web.post(`${path}/start`, start, as('bob'))).status).toBe(200)
  expect(await listRestores(web.deps.db, { limit: 1 })).toEqual([])
  expect((await web.post(`${path}/start`, start, as('alice'))).status).toBe(303)
})

test('a new plan after a change keeps the password for its own start', async () => {
  const { web, asked } = await databaseWeb()
  const { handle } = await look(web)
  const changed = {
    ...plan,
    steps: [...plan.steps, { code: 'create_role' as const, facts: { roles: 'shop' } }],
  }
  expect(planDigest(changed)).not.toBe(planDigest(plan))
  web.machine.plan = (args) => {
    asked.push(args)
    return changed
  }
  const html = await (await web.post(`${path}/start`, { ...fields, look: handle, word: 'shop' })).text()
  const again = /name="look" value="([^"]+)"/.exec(html)?.[1] ?? ''
  expect(again).not.toBe(handle)
  expect((await web.post(`${path}/start`, { ...fields, look: again, word: 'shop' })).status).toBe(303)
  expect(asked.at(-1)?.settings).toMatchObject({ password })
})

test('a port that is none, a server that does not answer and a wrong password are told in the form', async () => {
  const { web } = await databaseWeb()
  const port = await web.post(`${path}/plan`, { ...fields, 'config.port': 'x' })
  expect(port.status).toBe(422)
  expect(await port.text()).toMatch(/id="config\.port"[^>]*value="x"[^>]*aria-invalid="true"/)
  web.machine.plan = () => {
    throw new Problem('database_unreachable', { detail: 'connection refused' })
  }
  const down = await (await web.post(`${path}/plan`, { ...fields, 'config.password': password })).text()
  expect(htmlProblems(down)).toEqual([])
  expect([down.includes('connection refused'), tellsPassword(down)]).toEqual([true, false])
  web.machine.plan = () => ({ ...plan, refusals: [{ field: 'config.password', code: 'login_refused' }] })
  expect(visibleText((await look(web)).html)).toContain('Password:')
})
