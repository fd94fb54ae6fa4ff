// The hook of an archive, as YunoHost keeps, finds and runs it.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { customPart } from '../../src/archive/format.ts'
import { restoreHook } from '../../src/archive/restore-hook.ts'
import { treeOf } from '../../src/sources/custom-dir/custom-dir-world.ts'
import { customDir } from '../../src/sources/custom-dir/index.ts'
import { stockServer } from '../support/stock-server.ts'
import { awkwardTree, restore, sh, small, success } from '../support/stock-trees.ts'

const hookName = customPart.hook

describe('the hook', () => {
  const older = (text: string): string =>
    text
      .replace('known_format=2', 'known_format=2; echo "the older one ran" >&2')
      .replace('finished=yes', 'exit 3')

  test.each([hookName, '90-data_custom'])(
    'of an older archive that was left as %s makes way for the one of the archive',
    async (left) => {
      const server = await stockServer()
      const { tree, name } = await small(server)
      rmSync(tree, { recursive: true })
      const folder = join(server.fake.root, 'etc/yunohost/hooks.d/restore')
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, left), older(restoreHook(customPart).toString()))
      const told = await restore(server, name)
      expect(told).toMatchObject(success)
      expect(told.stderr).toContain('the older one ran')
      expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
      expect(server.hooks()).toEqual([])
    },
  )

  test('that YunoHost installed before it refused stays, works the next time and goes', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    const sidecar = join(server.fake.archivesDir, `${name}.info.json`)
    const good = readFileSync(sidecar, 'utf8')
    writeFileSync(sidecar, good.replace(/"size":\d+/, '"size":1000000000000000'))
    const told = await restore(server, name)
    expect(told.stderr).toMatch(
      /^ERROR Not enough space \(space: \d+ B, needed space: 1000000000000000 B, security margin: 104857600 B\)$/m,
    )
    expect(server.hooks()).toEqual([hookName])
    writeFileSync(sidecar, good)
    expect(await restore(server, name)).toMatchObject(success)
    expect(server.hooks()).toEqual([])
  })

  test('refuses a format that it does not know in words, and goes', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    const unpacked = join(server.fake.root, 'unpacked')
    mkdirSync(unpacked)
    sh(
      unpacked,
      `tar -xf '${server.fake.archivesDir}/${name}.tar'; echo 3 >data/custom/.backupmanager/format`,
    )
    sh(unpacked, `tar -cf '${server.fake.archivesDir}/${name}.tar' info.json hooks data`)
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('has format 3; this script knows the formats up to 2. Nothing was changed.')
    expect(readdirSync(server.folder)).toEqual([])
    expect(server.hooks()).toEqual([])
  })

  test('refuses a damaged archive, which YunoHost does not notice, unless it is told to take what there is', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    const tar = join(server.fake.archivesDir, `${name}.tar`)
    const bytes = readFileSync(tar)
    const at = bytes.indexOf('as it was saved')
    bytes[at] = 'A'.charCodeAt(0)
    writeFileSync(tar, bytes)
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(told.stderr).toMatch(
      /is damaged: the SHA-256 of its first \d+ bytes is \w{64}, and was \w{64} when it was made\. Nothing was changed\./,
    )
    expect(existsSync(tree)).toBe(false)
    expect(await restore(server, name, { BM_RESTORE_DAMAGED: 'yes' })).toMatchObject(success)
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('As it was saved')
  })

  test('finds a compressed archive behind its link, and checks it too', async () => {
    const server = await stockServer()
    const tree = awkwardTree(server)
    const before = treeOf(tree)
    const name = await server.archive(customDir, { source_path: tree })
    sh(server.fake.archivesDir, `gzip ${name}.tar; ln -s "$PWD/${name}.tar.gz" ${name}.tar`)
    rmSync(tree, { recursive: true })
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain('The archive is whole')
    expect(treeOf(tree)).toEqual(before)
  })

  test('takes no other archive of the same name for the one that YunoHost unpacked', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    const elsewhere = join(server.fake.root, 'home/yunohost.backup/elsewhere')
    mkdirSync(elsewhere)
    for (const file of [`${name}.tar`, `${name}.info.json`]) {
      copyFileSync(join(server.fake.archivesDir, file), join(elsewhere, file))
      rmSync(join(server.fake.archivesDir, file))
    }
    writeFileSync(join(tree, 'sub/file'), 'another one')
    await server.archive(customDir, { source_path: tree, excludes: ['x'] }, name)
    rmSync(tree, { recursive: true })
    writeFileSync(join(elsewhere, `${name}.info.json`), readFileSync(join(elsewhere, `${name}.info.json`)))
    expect(await restore(server, name, { FAKE_YUNOHOST_ARCHIVES: elsewhere })).toMatchObject(success)
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
  })

  test('needs nothing of ours: no Node, no Python', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    for (const program of ['node', 'perl', 'awk']) await server.shadow(program, 'echo "called" >&2; exit 99')
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(told.stderr).not.toContain('called')
    expect(restoreHook(customPart).toString()).not.toMatch(/\b(?:python3?|node|perl|jq|awk)\b/)
  })
})
