// Archives that no program of ours would make, and what a plan refuses. Tests only.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { RestoreOptions } from '../../../domain/restore.ts'
import { treeOf } from '../custom-dir-world.ts'
import { eachInRestoreWorld, type RestoreWorld } from './restore-world.ts'

/** {@link eachInRestoreWorld}, with some files in the tree, and what tests of archives ask of their world. */
export function eachInCraftedWorld(use: (world: RestoreWorld) => void) {
  let world: RestoreWorld
  eachInRestoreWorld((fresh) => {
    world = fresh
    for (const name of ['file', 'folder/inside']) world.write(name, 'saved')
    use(world)
  })
  return {
    refused: (options?: RestoreOptions, archive?: string) => refusedBy(world, options, archive),
    craft: (members: readonly Member[], recipe?: Readonly<Record<string, string>>) =>
      craftFor(world, members, recipe),
    /** A member below the tree. */
    below: (name: string): string => `data/custom${world.tree}/${name}`,
  }
}

/** Refusals as `field code`; nothing may have changed by asking. */
async function refusedBy(
  world: RestoreWorld,
  options: RestoreOptions = {},
  archive = 'made',
): Promise<string[]> {
  const before = [treeOf(world.folder), world.calls()]
  const plan = await world.plan(options, archive)
  expect([treeOf(world.folder), world.calls()]).toEqual(before)
  return plan.refusals.map(({ field, code }) => `${field} ${code}`)
}

/** A member of a crafted archive: `t` its type, as in a tar's header. */
export interface Member {
  readonly n: string
  readonly t?: string
  readonly d?: string
  readonly l?: string
  readonly o?: string
}

/** Writes an archive that no program of ours would make: recipe files, directories down to the tree, then `members`. */
function craftFor(
  world: RestoreWorld,
  members: readonly Member[],
  recipe: Readonly<Record<string, string>> = {},
): void {
  const steps = `data/custom${world.tree}`.split('/')
  const files = { format: '2\n', source: `${world.tree}\n`, ...recipe }
  const all: Member[] = [
    ...Object.entries(files).map(([name, d]) => ({ n: `data/custom/.backupmanager/${name}`, d })),
    ...steps.map((_, i) => ({ n: steps.slice(0, i + 1).join('/'), t: '5' })),
    ...members,
  ]
  const script = `
import io, json, sys, tarfile
with tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT) as tar:
    for m in json.loads(sys.argv[2]):
        info = tarfile.TarInfo(m['n'])
        info.type = m.get('t', '0').encode()
        info.linkname = m.get('l', '')
        info.uname = info.gname = m.get('o', '')
        data = m.get('d', '').encode()
        info.size = len(data)
        info.mode = 0o755
        tar.addfile(info, io.BytesIO(data))`
  execFileSync('python3', ['-c', script, join(world.places.archivesDir, 'made.tar'), JSON.stringify(all)])
}
