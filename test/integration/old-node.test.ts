// Somebody starts the program with the Node.js of the distribution.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { program } from '../support/server.ts'
import { temporaryFolder } from '../support/temp.ts'

test('an older Node.js is told what to do, with exit code 78, before anything else is loaded', async () => {
  const folder = await temporaryFolder()
  // This Node.js says that it is an older one, before the program is read.
  const pretend = join(folder, 'older.mjs')
  await writeFile(pretend, "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })\n")
  const failure = promisify(execFile)(process.execPath, ['--import', pretend, program, 'version'])
  await expect(failure).rejects.toMatchObject({
    code: 78,
    stdout: '',
    stderr: expect.stringContaining('needs Node.js 24 or newer; this is 20.20.2'),
  })
})
