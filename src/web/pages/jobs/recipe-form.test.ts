// The form of a folder's job: what a restore sets up besides the files.
import { expect, test } from 'vitest'
import { htmlProblems } from '../../../../test/support/html.ts'
import { seedJob } from '../../../../test/support/job-seeds.ts'
import { testWeb, type FormFields } from '../../../../test/support/web.ts'
import { getJob, listJobs } from '../../../store/jobs.ts'

const common: FormFields = {
  name: 'hermes',
  type: 'custom_dir',
  preset: 'daily',
  'time-daily': '03:00',
  'retention.mode': 'count',
  'retention.count': '7',
  enabled: '1',
  'config.source_path': '/opt/hermes',
  'config.one_file_system:flag': ['', '1'],
}
const recipe: FormFields = {
  'config.restore.system_user.name': 'hermes',
  'config.restore.system_user.home': '/opt/hermes',
  'config.restore.system_user.shell': '/usr/sbin/nologin',
  'config.restore.systemd_service.name': 'hermes.service',
  'config.restore.systemd_service.service_file': '',
  'config.restore.permissions.owner': 'hermes:hermes',
  'config.restore.permissions.mode': '0750',
  'config.restore.firewall_ports:numbers': '8080, 8443',
  'config.restore.post_restore_commands:lines': 'hermes check\r\n\r\necho "done <b>"',
}
const read = {
  system_user: { name: 'hermes', home: '/opt/hermes', shell: '/usr/sbin/nologin' },
  systemd_service: { name: 'hermes.service' },
  permissions: { owner: 'hermes:hermes', mode: '0750' },
  firewall_ports: [8080, 8443],
  post_restore_commands: ['hermes check', 'echo "done <b>"'],
}

test('a whole recipe is stored as it was typed, shown again, and can be emptied', async () => {
  const web = await testWeb()
  expect((await web.post('/jobs', { ...common, ...recipe })).status).toBe(303)
  const [job] = await listJobs(web.deps.db)
  expect(job?.config).toMatchObject({ restore: read, one_file_system: true })

  const html = await (await web.get(`/jobs/${job?.id}/edit`)).text()
  expect(htmlProblems(html)).toEqual([])
  expect(html).toContain('value="8080, 8443"')
  expect(html).toContain('hermes check\necho &quot;done &lt;b&gt;&quot;</textarea>')
  expect(html).toMatch(/<details class="fold" open>\s*<summary>What a restore sets up as well/)

  const empty = Object.fromEntries(Object.keys(recipe).map((name) => [name, '']))
  const fields = { ...common, ...empty, 'config.one_file_system:flag': '' }
  expect((await web.post(`/jobs/${job?.id}`, fields)).status).toBe(303)
  const after = await getJob(web.deps.db, job?.id ?? 0)
  expect(after?.config).toMatchObject({ one_file_system: false })
  expect(after?.config['restore'] ?? {}).toEqual({})
})

test('a job without a recipe is folded and stays without one', async () => {
  const web = await testWeb()
  const empty = Object.fromEntries(Object.keys(recipe).map((name) => [name, '']))
  await web.post('/jobs', { ...common, ...empty })
  const [job] = await listJobs(web.deps.db)
  expect(job?.config).not.toHaveProperty('restore')
  const html = await (await web.get(`/jobs/${job?.id}/edit`)).text()
  expect(html).toMatch(/<details class="fold">\s*<summary>What a restore sets up as well/)
})

test.each([
  [{ 'config.restore.system_user.home': '/opt/x' }, 'config.restore.system_user.name'],
  [{ 'config.restore.system_user.name': 'A b' }, 'config.restore.system_user.name'],
  [{ 'config.restore.systemd_service.name': 'a/b' }, 'config.restore.systemd_service.name'],
  [{ 'config.restore.permissions.mode': 'rwx' }, 'config.restore.permissions.mode'],
  [{ 'config.restore.firewall_ports:numbers': '80, http' }, 'config.restore.firewall_ports'],
  [{ 'config.restore.firewall_ports:numbers': '70000' }, 'config.restore.firewall_ports'],
])('%o is told beside its field, in an open part, with what was typed', async (fields, field) => {
  const web = await testWeb()
  const response = await web.post('/jobs', { ...common, ...fields })
  expect(response.status).toBe(422)
  const html = await response.text()
  expect(htmlProblems(html)).toEqual([])
  expect(html).toContain(`id="${field}-error"`)
  expect(html).toContain(`href="#${field}"`)
  expect(html).not.toContain(`>${field}: `)
  expect(html).toMatch(/<details class="fold" open>\s*<summary>What a restore sets up as well/)
  if (field.endsWith('ports')) expect(html).toContain('A port is a whole number from 1 to 65535.')
  for (const value of Object.values(fields)) expect(html).toContain(`value="${value}"`)
  expect(await listJobs(web.deps.db)).toEqual([])
})

test('commands of several lines have a field each, and stay whole when the form is sent', async () => {
  const web = await testWeb()
  const script = 'for i in 1 2; do\n  echo $i\ndone'
  const config = { source_path: '/opt/x', restore: { post_restore_commands: [script, 'true'] } }
  const { id } = await seedJob(web.deps.engine, { name: 'x', type: 'custom_dir', config })
  const html = await (await web.get(`/jobs/${id}/edit`)).text()
  expect(htmlProblems(html)).toEqual([])
  const name = 'config.restore.post_restore_commands[]'
  expect(html.split(`name="${name}"`)).toHaveLength(4)
  const fields = { ...common, [name]: [script.replaceAll('\n', '\r\n'), 'true', ''] }
  expect((await web.post(`/jobs/${id}`, fields)).status).toBe(303)
  expect((await getJob(web.deps.db, id))?.config).toMatchObject({
    restore: { post_restore_commands: [script, 'true'] },
  })
})
