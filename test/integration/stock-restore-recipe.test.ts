// A YunoHost on which this program is not installed also restores what belongs to a directory: user, service, ports, commands.
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { customDir } from '../../src/sources/custom-dir/index.ts'
import { ofSavedSystem, stockServer, type StockServer } from '../support/stock-server.ts'
import { restore, sh, small, success } from '../support/stock-trees.ts'

describe('what belongs to a directory', () => {
  const recipe = {
    system_user: { name: 'hermes', home: '/opt/hermes' },
    systemd_service: { name: 'hermes' },
    permissions: { owner: 'hermes:couriers', mode: '2750' },
    firewall_ports: [8080, 8443],
    post_restore_commands: [
      'pwd >>"$STATE/done"; id -un >>"$STATE/done"; echo "$HOME" >>"$STATE/done"',
      'echo second >>"$STATE/done"',
    ],
  }
  const unit = '[Service]\nUser=hermes\nEnvironment=TOKEN=s3cr3t-of-the-unit\nExecStart=/opt/hermes/run\n'

  /** The archive of a service's directory, made on a server where its user has the number 967. */
  async function service(
    overrides: object = {},
  ): Promise<{ server: StockServer; tree: string; name: string }> {
    const server = await stockServer()
    ofSavedSystem(
      server,
      '/etc/passwd',
      'root:x:0:0::/root:/bin/sh\nhermes:x:967:966:Hermès, agent:/home/old:/bin/bash\n',
    )
    ofSavedSystem(
      server,
      '/etc/group',
      'root:x:0:\ncouriers:x:966:\nmedia:x:4321:alice,hermes\naudio:x:29:hermes\n',
    )
    ofSavedSystem(server, '/etc/systemd/system/hermes.service', unit)
    ofSavedSystem(server, '/etc/systemd/system/multi-user.target.wants/other', '')
    symlinkSync(
      '../hermes.service',
      join(server.places.systemRoot, 'etc/systemd/system/multi-user.target.wants/hermes.service'),
    )
    const { tree, name } = await small(server, { restore: { ...recipe, ...overrides } })
    rmSync(tree, { recursive: true })
    return { server, tree, name }
  }

  test('comes back with it: user and groups with their numbers, owner and mode, service, ports, commands', async () => {
    const { server, tree, name } = await service()
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(readFileSync(server.etc('passwd'), 'utf8')).toContain(
      'hermes:x:967:966:Hermès, agent:/opt/hermes:/bin/bash\n',
    )
    const groups = readFileSync(server.etc('group'), 'utf8')
    expect(groups).toContain('couriers:x:966:\n')
    expect(groups).toMatch(/^media:x:\d+:hermes$/m)
    expect(groups).toMatch(/^audio:x:29:hermes$/m)
    expect(statSync(tree)).toMatchObject({ uid: 967, gid: 966, mode: 0o42750 })
    expect(statSync(join(tree, 'sub/file'))).toMatchObject({ uid: 967, gid: 966 })
    expect(readFileSync(server.etc('systemd/system/hermes.service'), 'utf8')).toBe(unit)
    expect(statSync(server.etc('systemd/system/hermes.service')).mode).toBe(0o100644)
    expect(server.systemctl()).toEqual([
      'is-active --quiet -- hermes.service',
      'daemon-reload',
      'enable --quiet -- hermes.service',
      'restart -- hermes.service',
    ])
    expect(await server.fake.call('firewall', 'list', '--raw')).toMatchObject({
      tcp: { '8080': { open: true, comment: 'BackupManager restore' }, '8443': { open: true } },
    })
    expect(readFileSync(join(server.fake.root, 'programs/done'), 'utf8')).toBe('/\nroot\n/root\nsecond\n')
    const done = [
      'user hermes',
      'group couriers',
      tree,
      'service hermes.service',
      'port 8443 \\(TCP\\) is open',
      'command 002',
    ]
    for (const what of done) expect(told.stdout).toMatch(new RegExp(`^INFO Restored: ${what}$`, 'm'))
  })

  test('is recognised the second time, and an enabled service is what it was', async () => {
    const { server, tree, name } = await service({
      firewall_ports: undefined,
      post_restore_commands: undefined,
    })
    await restore(server, name)
    const before = readFileSync(server.etc('passwd'), 'utf8')
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain(`${tree} (it was already as in the archive)`)
    expect(readFileSync(server.etc('passwd'), 'utf8')).toBe(before)
    expect(readdirSync(server.etc('systemd/system'))).toEqual(['hermes.service'])
  })

  test.each([
    ['from the archive', 'archives'],
    ['from what YunoHost unpacked', 'elsewhere'],
  ])('follows the names where the numbers belong to others, %s', async (_, place) => {
    const server = await stockServer()
    ofSavedSystem(server, '/etc/passwd', 'hermes:x:967:966::/opt/hermes:/bin/bash\n')
    ofSavedSystem(server, '/etc/group', 'couriers:x:966:\n')
    execFileSync('sh', [
      '-c',
      `echo 'redis:x:967:966:::' >>'${server.etc('passwd')}'; echo 'redis:x:966:' >>'${server.etc('group')}'`,
    ])
    const tree = join(server.folder, 'small')
    mkdirSync(tree)
    writeFileSync(join(tree, 'file'), '')
    sh(tree, 'chown -R 967:966 .')
    const name = await server.archive(customDir, {
      source_path: tree,
      restore: { system_user: { name: 'hermes' } },
    })
    rmSync(tree, { recursive: true })
    const archives = join(server.fake.archivesDir, '..', place)
    renameSync(server.fake.archivesDir, archives)
    const told = await restore(server, name, { FAKE_YUNOHOST_ARCHIVES: archives })
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain('The number 967 of the user hermes belongs to another user here')
    const [, uid] = /^hermes:x:(\d+):/m.exec(readFileSync(server.etc('passwd'), 'utf8')) ?? []
    const [, gid] = /^couriers:x:(\d+):/m.exec(readFileSync(server.etc('group'), 'utf8')) ?? []
    expect(uid).not.toBe('967')
    expect(statSync(join(tree, 'file'))).toMatchObject({ uid: Number(uid), gid: Number(gid) })
  })

  test('replaces a unit file that is there, and keeps it', async () => {
    const { server, name } = await service()
    mkdirSync(server.etc('systemd/system'), { recursive: true })
    writeFileSync(server.etc('systemd/system/hermes.service'), 'former')
    expect(await restore(server, name)).toMatchObject(success)
    const [former = ''] = readdirSync(server.etc('systemd/system')).filter((file) =>
      file.includes('.before-restore-'),
    )
    expect(readFileSync(server.etc(`systemd/system/${former}`), 'utf8')).toBe('former')
    expect(readFileSync(server.etc('systemd/system/hermes.service'), 'utf8')).toBe(unit)
  })

  test('that could not be done is told with what to do by hand, and the rest is done', async () => {
    const { server, tree, name } = await service({
      systemd_service: { name: 'failing' },
      post_restore_commands: ["printf 'no such \\351 thing\\n'; exit 7", 'echo second >>"$STATE/done"'],
    })
    await server.shadow(
      'yunohost',
      'case "$1" in firewall) echo "nftables is missing" >&2; exit 1 ;; esac\nexec "$REAL" "$@"',
    )
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
    expect(readFileSync(join(server.fake.root, 'programs/done'), 'utf8')).toBe('second\n')
    expect(told.stderr).toContain('WARNING   no such  thing\n')
    for (const line of [
      'The service failing.service did not start. By hand: systemctl status failing.service',
      'The port 8080 (TCP) could not be opened. By hand: yunohost firewall open 8080',
      'The command 001 failed. By hand: see it with: tar -xOf ',
    ]) {
      expect(told.stderr).toContain(`WARNING Not done: ${line}`)
    }
    expect(told.stderr).toContain("ERROR Could not restore the 'data_custom' system part")
    expect(server.hooks()).toEqual([])
  })

  test('opens ports as an older YunoHost wants it', async () => {
    const { server, name } = await service({ post_restore_commands: undefined, systemd_service: undefined })
    await server.shadow(
      'yunohost',
      'case "$2" in open) exit 2 ;; allow) echo "$*" >>"$STATE/allowed" ;; *) exec "$REAL" "$@" ;; esac',
    )
    expect(await restore(server, name)).toMatchObject(success)
    expect(readFileSync(join(server.fake.root, 'programs/allowed'), 'utf8')).toBe(
      'firewall allow TCP 8080\nfirewall allow TCP 8443\n',
    )
  })

  test('shows nothing secret in the log: neither units nor commands, nor what those say', async () => {
    const { server, name } = await service({
      post_restore_commands: [
        'TOKEN=s3cr3t-of-the-command; echo "$TOKEN-said"',
        'sleep 300 & echo $! >"$STATE/daemon"',
      ],
    })
    onTestFinished(() => void sh('/', `kill "$(cat '${server.fake.root}/programs/daemon')"`))
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(server.log()).toContain('+ useradd --no-create-home --system --uid 967')
    for (const text of [server.log(), told.stdout, told.stderr]) expect(text).not.toContain('s3cr3t')
  })

  test('stops before any file is touched when the user cannot be made', async () => {
    const { server, name } = await service()
    await server.shadow('useradd', 'echo "useradd: cannot lock /etc/passwd; try again later." >&2; exit 1')
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('The user hermes could not be created. No file and no service was changed.')
    expect(readdirSync(server.folder)).toEqual([])
    expect(server.systemctl()).toEqual([])
  })
})
