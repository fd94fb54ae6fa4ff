// Behind every npm script: installs what is missing, picks a Node.js that is new enough, then starts the real thing.
// Plain JavaScript that Node.js 18 understands. usage: launch.mjs demo|start|test|bench|check [arguments]
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.installed-from')

/** Programs the tests use for real, and the Debian package of each. */
const testTools = {
  chromium: 'chromium',
  curl: 'curl',
  getfacl: 'acl',
  getfattr: 'attr',
  mariadb: 'mariadb-client',
  nginx: 'nginx-light',
  openssl: 'openssl',
  'mariadb-install-db': 'mariadb-server',
  psql: 'postgresql-client',
  rsync: 'rsync',
  setcap: 'libcap2-bin',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  python3: 'python3',
  tar: 'tar',
}
const testFiles = {
  '/usr/lib/x86_64-linux-gnu/libnss_wrapper.so': 'libnss-wrapper',
  '/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so': 'libnginx-mod-http-headers-more-filter',
  '/usr/lib/postgresql/*/bin/initdb': 'postgresql',
}

/** Not in everybody's PATH. */
const systemFolders = ['/usr/sbin', '/sbin']

const commands = {
  demo: async (args) => run('node', ['tools/demo/main.ts', ...args]),
  start: async (args) => run('node', ['bin/backupmanager.js', 'serve', ...args]),
  bench: async (args) => run('node', ['test/bench/main.ts', ...args]),
  check: async () => {
    for (const [file, ...args] of [
      ['oxfmt', '--check', '.'],
      ['oxlint', '--type-aware', '--deny-warnings'],
      ['tsc', '--noEmit'],
    ]) {
      const code = await run(file, args)
      if (code !== 0) return code
    }
    return 0
  },
  test: async (args) => {
    const missing = missingTools()
    if (missing.length > 0 && !(await installPackages(missing))) return 1
    return vitest(args)
  },
}

const [mode, ...rest] = process.argv.slice(2)
const command = commands[mode]
if (!command) fail(`usage: launch.mjs ${Object.keys(commands).join('|')}`)
await installModules()
process.exitCode = await command(rest)

/** `npm ci`, unless the lockfile is the one that was installed last. */
async function installModules() {
  const want = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return
  // Installed by npm itself (a package's install script, say): take it as it is when it can run.
  if (mode === 'start' && existsSync(join(modules, 'hono'))) return
  console.log('Installing the packages of package-lock.json …')
  const code = await spawned('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'])
  if (code !== 0) fail(`npm ci failed with exit code ${code}`)
  writeFileSync(stamp, want)
}

/** Debian packages of the programs that are not here. */
function missingTools() {
  const there = (file) =>
    [...(process.env.PATH ?? '').split(delimiter), ...systemFolders].some((dir) =>
      existsSync(join(dir, file)),
    )
  const tools = Object.entries(testTools).filter(([file]) => !there(file))
  const files = Object.entries(testFiles).filter(
    ([file]) => !found(file) && !found(file.replace('x86_64', 'aarch64')),
  )
  return [...tools, ...files].map(([, name]) => name)
}

/** Whether there is such a file; one folder of its path may be `*`. */
function found(file) {
  const [before, after] = file.split('/*/')
  if (after === undefined) return existsSync(file)
  return existsSync(before) && readdirSync(before).some((name) => existsSync(join(before, name, after)))
}

/** As root on Debian the packages are installed; anybody else is told exactly what is missing. */
async function installPackages(names) {
  const say = `The tests need these Debian packages: ${names.join(' ')}`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.error(`${say}\nInstall them (apt-get install ${names.join(' ')}) and try again.`)
    return false
  }
  console.log(`${say}; installing them …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await spawned('apt-get', ['update', '-qq'], env)
  const code = await spawned('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], env)
  if (code !== 0) console.error(`apt-get install failed with exit code ${code}`)
  return code === 0
}

/** Runs the tests and closes with one plain line that counts them. */
async function vitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'bm-test-report-'))
  const report = join(folder, 'report.json')
  try {
    const code = await run('vitest', [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ])
    const counted = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
    const passed = counted.numPassedTests ?? 0
    // A file that cannot be loaded has no test to count, yet it failed.
    const broken = (counted.testResults ?? []).filter(
      (file) => file.status === 'failed' && file.assertionResults.every((one) => one.status !== 'failed'),
    ).length
    const failed = (counted.numFailedTests ?? 0) + broken
    console.log(`${passed} passed, ${failed} failed`)
    return code === 0 && failed === 0 && passed > 0 ? 0 : code || 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts a program with the project's own Node.js and tools first in PATH. */
function run(file, args) {
  const local = join(modules, '.bin')
  const path = [local, ...(process.env.PATH ?? '').split(delimiter), ...systemFolders]
  const env = { ...process.env, PATH: [...new Set(path)].join(delimiter) }
  const node = existsSync(join(local, 'node')) ? join(local, 'node') : process.execPath
  if (file === 'node' && node === process.execPath && Number(process.versions.node.split('.')[0]) < 24) {
    fail(
      `Node.js 24 or newer is needed, this is ${process.versions.node}: remove node_modules and try again.`,
    )
  }
  return spawned(file === 'node' ? node : join(local, file), args, env)
}

/** The exit code; signals meant for this process are handed on. */
function spawned(file, args, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: 'inherit', env })
    const hand = (signal) => child.kill(signal)
    // Ctrl-C reaches the child by itself; this process only has to outlive it.
    const wait = () => {}
    process.on('SIGTERM', hand)
    process.on('SIGINT', wait)
    child.on('error', (error) => {
      console.error(`${file}: ${error.message}`)
      resolve(127)
    })
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', hand)
      process.off('SIGINT', wait)
      resolve(code ?? 128 + (constants.signals[signal] ?? 0))
    })
  })
}

function fail(text) {
  console.error(text)
  process.exit(1)
}
