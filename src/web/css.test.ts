// The stylesheet in the repository is what its source gives, and small.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { run } from '../sys/process.ts'

const root = join(import.meta.dirname, '../..')

test('public/app.css is fresh (npm run build:css)', async () => {
  const built = join(await temporaryFolder(), 'app.css')
  const program = join(root, 'node_modules/.bin/tailwindcss')
  await run(program, ['-i', 'conf/app.css', '-o', built, '--minify'], { cwd: root, timeoutMs: 60_000 })
  expect(readFileSync(join(root, 'public/app.css'), 'utf8')).toBe(readFileSync(built, 'utf8'))
}, 60_000)

test('style and script together leave room for a page of less than 100 KB', () => {
  const bytes = ['app.css', 'live.js', 'icon.svg'].map((file) => statSync(join(root, 'public', file)).size)
  expect(bytes.reduce((a, b) => a + b)).toBeLessThan(50_000)
})

test('the script is short', () => {
  expect(readFileSync(join(root, 'public/live.js'), 'utf8').split('\n').length).toBeLessThanOrEqual(260)
})
