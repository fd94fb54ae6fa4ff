// The tree itself: what `npm run check` checks, and promises about files that no other test looks at.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const exec = promisify(execFile)
/** The tools read the whole tree, perhaps on a busy machine. */
const patience = { timeout: 300_000 }

/** What a tool says when it is not content; empty when it is. */
async function complaints(tool: string, ...args: string[]): Promise<string> {
  try {
    await exec(join(root, 'node_modules/.bin', tool), args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
    return ''
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return `${stdout}${stderr}`
  }
}

test('every file is formatted', patience, async () => {
  expect(await complaints('oxfmt', '--check', '.')).toBe('')
})

test('the linter, with types and the arrows between folders, has nothing to say', patience, async () => {
  expect(await complaints('oxlint', '--type-aware', '--deny-warnings')).toBe('')
})

test('the types are right', patience, async () => {
  expect(await complaints('tsc', '--noEmit')).toBe('')
})

test('every dependency is pinned to one version', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
  }
})

test('the lockfile names no registry and misses no optional package', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>
  }
  for (const [path, entry] of Object.entries(lock.packages)) {
    expect(entry.resolved, path).toBeUndefined()
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const found = Object.keys(lock.packages).some((other) => other.endsWith(`node_modules/${name}`))
      expect(found, `${name} of ${path}`).toBe(true)
    }
  }
})
