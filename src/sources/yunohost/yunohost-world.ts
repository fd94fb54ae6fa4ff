// A pretended YunoHost server for the tests of the two sources that call `yunohost`. Tests only.
import { readdir } from 'node:fs/promises'
import { onTestFinished } from 'vitest'
import {
  createFakeYunohost,
  type FakeYunohost,
  type FakeYunohostOptions,
} from '../../../test/support/fake-yunohost.ts'
import type { SourceWorld } from '../contract.ts'
import type { Places } from '../source.ts'

/** Where a source finds this server. */
export function placesOf(fake: FakeYunohost): Places {
  return {
    archivesDir: fake.archivesDir,
    dataDir: `${fake.root}/bm`,
    yunohost: fake.command,
    systemRoot: fake.root,
  }
}

/** A server that is gone when the running test has finished. */
export async function aServer(options: FakeYunohostOptions = {}): Promise<FakeYunohost> {
  const fake = await createFakeYunohost(options)
  onTestFinished(() => fake.dispose())
  return fake
}

/** A server for the contract suite; cancelling meets a backup script's child that ignores SIGTERM. */
export async function contractWorld(settings: SourceWorld['settings']): Promise<SourceWorld> {
  const fake = await createFakeYunohost()
  const places = placesOf(fake)
  return {
    settings,
    places,
    withoutTool: { ...places, yunohost: [`${fake.root}/bin/no-such-yunohost`] },
    async slowDown() {
      await fake.setModes({ hang: 'tar' })
      return { reached: async () => (await fake.hangingPid()) !== null }
    },
    dispose: () => fake.dispose(),
  }
}

/** File names in the archives folder. */
export async function archiveFiles(fake: FakeYunohost): Promise<string[]> {
  return (await readdir(fake.archivesDir)).toSorted()
}
