import { execFile } from 'node:child_process'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'

const module = new URL('./part-file.ts', import.meta.url).href

/** As the server does it, which has no rights beyond its own. */
async function syncAsNobody(folder: string): Promise<string> {
  const code = `
    const { syncPart } = await import(${JSON.stringify(module)})
    process.setgroups([]); process.setegid(65534); process.seteuid(65534)
    await syncPart({ id: 'a', folder: ${JSON.stringify(folder)} })
    console.log('done')`
  return (await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code])).stdout
}

test('a partial file that root has taken over before a power cut keeps nothing from being gone on with', async () => {
  const folder = await temporaryFolder()
  const part = join(folder, 'a.part')
  chmodSync(folder, 0o711)
  writeFileSync(part, 'x', { mode: 0o640 })
  expect(await syncAsNobody(folder)).toBe('done\n')
  chownSync(part, 65_534, 65_534)
  expect(await syncAsNobody(folder)).toBe('done\n')
})
