// The restore hook that an archive carries, so that a stock YunoHost can restore it: plain bash, put together from what
// all parts share and what each part does. Data driven, because YunoHost may keep the first copy it saw.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './format.ts'

const folder = join(import.meta.dirname, 'hooks')

/** The bytes of `hooks/restore/<hook>`. The same for every archive of a part. */
export function restoreHook(part: Part): Buffer {
  return Buffer.concat([
    readFileSync(join(folder, 'common.sh')),
    readFileSync(join(folder, `${part.part}.sh`)),
  ])
}
