// The promise that backups outlive this program: a YunoHost on which it is not installed restores its archives of
// directories, completely, by the hook that they carry.
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
import { treeOf } from '../../src/sources/custom-dir/custom-dir-world.ts'
import { customDir } from '../../src/sources/custom-dir/index.ts'
import { stockServer, type StockServer } from '../support/stock-server.ts'
import { awkwardTree, restore, sh, small, success } from '../support/stock-trees.ts'

/** What the parent of a tree that was made anew cannot have: the time of its last change. */
function withoutTimeOfParent(tree: ReturnType<typeof treeOf>): unknown {
  return { ...tree, '2e': { ...tree['2e'], mtime: null } }
}

/** Compares two files wherever one of them has data. */
const sameData = `
import os, sys
files = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
for file in files:
    at = 0
    while True:
        try:
            at = os.lseek(file, at, os.SEEK_DATA)
        except OSError:
            break
        end = os.lseek(file, at, os.SEEK_HOLE)
        assert os.pread(files[0], end - at, at) == os.pread(files[1], end - at, at), at
        at = end
`

describe('a directory that is gone', () => {
  test.each(['0022', '0000'])(
    'comes back with everything that it had, twice, under umask %s',
    async (umask) => {
      const server = await stockServer()
      const tree = awkwardTree(server)
      const before = treeOf(join(server.folder, 'opt'))
      const name = await server.archive(customDir, { source_path: tree })
      for (const _ of ['first', 'second']) {
        rmSync(join(server.folder, 'opt'), { recursive: true })
        const told = await server.restore(name, 'data_custom', { umask })
        expect(told.stderr).toBe('WARNING YunoHost is already installed\n')
        expect(told).toMatchObject(success)
        expect(withoutTimeOfParent(treeOf(join(server.folder, 'opt')))).toEqual(withoutTimeOfParent(before))
        expect(readdirSync(server.folder)).toEqual(['opt'])
        expect(told.stdout).toContain(`INFO Restored: ${tree}\n`)
        // The next archive brings its own.
        expect(server.hooks()).toEqual([])
      }
    },
  )

  test.each([
    ['from the archive', 'archives', 'The archive is whole'],
    ['from what YunoHost unpacked', 'elsewhere', 'checksum could not be compared'],
  ])('keeps the holes of a file of 1 GiB, %s', async (_, place, way) => {
    const server = await stockServer()
    const tree = join(server.folder, 'sparse')
    mkdirSync(tree)
    sh(tree, 'truncate -s 1G holes')
    for (const at of [0, 9_000_000, 2 ** 29 + 4095, 2 ** 30 - 6])
      sh(tree, `printf island | dd of=holes bs=1 seek=${at} conv=notrunc status=none`)
    const name = await server.archive(customDir, { source_path: tree })
    renameSync(tree, join(server.fake.root, 'saved'))
    const archives = join(server.fake.archivesDir, '..', place)
    renameSync(server.fake.archivesDir, archives)
    const told = await restore(server, name, { FAKE_YUNOHOST_ARCHIVES: archives })
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain(way)
    const { size, blocks } = statSync(join(tree, 'holes'))
    expect(size).toBe(2 ** 30)
    expect(blocks * 512).toBeLessThan(2 ** 20)
    sh(tree, `python3 -c '${sameData}' holes '${server.fake.root}/saved/holes'`)
  })

  test('comes back from what YunoHost unpacked where the archive itself is not found, but for attributes', async () => {
    const server = await stockServer()
    const tree = awkwardTree(server)
    const bare = (): unknown =>
      Object.values(treeOf(tree)).map((entry) => ({ ...entry, attributes: null, mtime: null }))
    const before = bare()
    const name = await server.archive(customDir, { source_path: tree })
    const elsewhere = join(server.fake.root, 'home/yunohost.backup/elsewhere')
    renameSync(server.fake.archivesDir, elsewhere)
    rmSync(join(server.folder, 'opt'), { recursive: true })
    const told = await restore(server, name, { FAKE_YUNOHOST_ARCHIVES: elsewhere })
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain('checksum could not be compared')
    expect(told.stdout).toContain('Extended attributes, ACLs and capabilities are not restored')
    expect(bare()).toEqual(before)
  })

  test('does not take a file outside with it, to which a symbolic link with several names leads', async () => {
    const server = await stockServer()
    const secret = join(server.fake.root, 'secret')
    sh('/', `echo secret >'${secret}'; chmod 600 '${secret}'; touch -d @5 '${secret}'`)
    const tree = join(server.folder, 'linked')
    sh(server.folder, `mkdir -p linked/sub; ln -s '${secret}' linked/link; ln linked/link linked/sub/other`)
    const name = await server.archive(customDir, { source_path: tree })
    const [before, outside] = [treeOf(tree), statSync(secret, { bigint: true })]
    rmSync(tree, { recursive: true })
    expect(await restore(server, name)).toMatchObject(success)
    const { mode, mtimeNs } = outside
    expect(statSync(secret, { bigint: true })).toMatchObject({ mode, mtimeNs })
    expect(treeOf(tree)).toEqual(before)
  })

  test('comes back from what YunoHost unpacked when tar fails in the middle', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    await server.shadow(
      'tar',
      'case "$*" in *--delay-directory-restore*) "$REAL" "$@"; echo "tar: it broke \\351" >&2; exit 2 ;; esac\nexec "$REAL" "$@"',
    )
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(told.stderr).toContain('tar: it broke \n')
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
    expect(readdirSync(server.folder)).toEqual(['small'])
  })

  test('comes back after a restore that was killed in the middle, of which nothing stays', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    await server.shadow(
      'tar',
      'case "$*" in *--delay-directory-restore*) if mkdir "$STATE/once"; then "$REAL" "$@"; kill -9 $PPID; fi ;; esac\nexec "$REAL" "$@"',
    )
    expect((await restore(server, name)).code).toBe(1)
    expect(readdirSync(server.folder)).toEqual([expect.stringMatching(/^\.bm-hook-\d+\.\w{6}$/)])
    expect(await restore(server, name)).toMatchObject(success)
    expect(readdirSync(server.folder)).toEqual(['small'])
    expect(server.hooks()).toEqual([])
  })

  test('is not begun to be restored where it would not fit', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    await server.shadow('df', 'echo Avail; echo 1000')
    // On the same file system nothing has to be written.
    expect(await restore(server, name)).toMatchObject(success)
    rmSync(tree, { recursive: true })
    await server.shadow('stat', 'case "$*" in "-c %d"*small) echo 1 ;; *) exec "$REAL" "$@" ;; esac')
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(told.stderr).toMatch(
      /There is not enough room in .*: 1000 bytes are free, \d+ are needed\. Nothing was changed\./,
    )
    expect(readdirSync(server.folder)).toEqual([])
  })

  test('comes back into the directory that a link at its place leads to', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    mkdirSync(join(server.folder, 'disk'))
    symlinkSync('disk', tree)
    expect(await restore(server, name)).toMatchObject(success)
    expect(readFileSync(join(server.folder, 'disk/sub/file'), 'utf8')).toBe('as it was saved')
    rmSync(join(server.folder, 'disk'), { recursive: true })
    const told = await restore(server, name)
    expect(told.stderr).toContain('is a symbolic link that leads to no directory. Nothing was changed.')
  })
})

describe('a directory that is there', () => {
  test('is left alone when it is not as in the archive, and it is told what can be done', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    writeFileSync(join(tree, 'newer'), 'precious')
    const before = treeOf(server.folder)
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(told.stderr).toContain(
      `WARNING ${tree} exists and is not as in the archive. Nothing was changed.\n`,
    )
    expect(told.stderr).toContain(
      `BM_RESTORE_OVERWRITE=yes yunohost backup restore ${name} --system data_custom --force`,
    )
    expect(told.stderr).toContain('ERROR Nothing was restored')
    expect(treeOf(server.folder)).toEqual(before)
    expect(server.hooks()).toEqual([])
  })

  test('is replaced when that is asked for, and kept aside', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    writeFileSync(join(tree, 'sub/file'), 'as it was afterwards')
    const told = await restore(server, name, { BM_RESTORE_OVERWRITE: 'yes' })
    expect(told).toMatchObject(success)
    const [, aside = ''] = /was in .* before is in (.*)\. Delete that when/.exec(told.stdout) ?? []
    expect(aside).toMatch(/\/small\.before-restore-\d{8}-\d{6}$/)
    expect(readFileSync(join(aside, 'sub/file'), 'utf8')).toBe('as it was afterwards')
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
    expect(readdirSync(server.folder)).toHaveLength(2)
  })

  test('is put back when the new one cannot take its place', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server, { restore: { systemd_service: { name: 'hermes' } } })
    writeFileSync(join(tree, 'newer'), 'precious')
    writeFileSync(join(server.fake.root, 'programs/active'), '')
    const before = treeOf(server.folder)
    await server.shadow('mv', 'case "$3" in *bm-hook*) echo "mv: no" >&2; exit 1 ;; esac\nexec "$REAL" "$@"')
    const told = await restore(server, name, { BM_RESTORE_OVERWRITE: 'yes' })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('The restore stopped before its end.')
    expect(withoutTimeOfParent(treeOf(server.folder))).toEqual(withoutTimeOfParent(before))
    expect(server.systemctl().slice(-2)).toEqual(['stop -- hermes.service', 'start -- hermes.service'])
  })

  test('and is as in the archive already is left as it is, and the rest is done', async () => {
    const server = await stockServer()
    const tree = awkwardTree(server)
    const settings = { source_path: tree, restore: { systemd_service: { name: 'hermes' } } }
    const name = await server.archive(customDir, settings)
    const before = statSync(tree, { bigint: true })
    const told = await restore(server, name)
    expect(told).toMatchObject(success)
    expect(told.stdout).toContain(`INFO Restored: ${tree} (it was already as in the archive)\n`)
    expect(statSync(tree, { bigint: true })).toMatchObject({ ino: before.ino, mtimeNs: before.mtimeNs })
    expect(server.systemctl()).toContain('restart -- hermes.service')
  })

  test.each([
    ['a mode', 'chmod 600 sub/hard'],
    ['an owner', 'chown 9 dangling -h'],
    ['a link', 'ln -sfn elsewhere dangling'],
    ['a content', 'printf CONTENTS | dd of=file conv=notrunc status=none'],
    ['a name', 'mv -- -rf rf'],
    ['a device', 'rm null; mknod null c 1 5'],
    ['nothing but one more socket', `python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")'`],
  ])('and differs in %s is not taken for that of the archive', async (_, change) => {
    const server = await stockServer()
    const tree = awkwardTree(server)
    const name = await server.archive(customDir, { source_path: tree })
    sh(tree, change)
    const told = await restore(server, name)
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('exists and is not as in the archive')
  })

  test('and empty is filled, with the owner and the mode of the archive', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    rmSync(tree, { recursive: true })
    sh(server.folder, 'mkdir -m 700 small; chown 9:9 small')
    expect(await restore(server, name)).toMatchObject(success)
    expect(statSync(tree)).toMatchObject({ uid: 0, gid: 0, mode: 0o40755 })
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
  })
})

describe('a mount point', () => {
  async function mounted(): Promise<{ server: StockServer; tree: string; name: string }> {
    const server = await stockServer()
    const { tree, name } = await small(server, {}, 'a [x]* disk\\')
    rmSync(tree, { recursive: true })
    mkdirSync(tree)
    sh(server.folder, `mount -t tmpfs -o mode=700 none 'a [x]* disk\\'`)
    onTestFinished(() => void sh('/', `umount '${tree}'`))
    mkdirSync(join(tree, 'lost+found'))
    return { server, tree, name }
  }

  test('that is empty is filled', async () => {
    const { server, tree, name } = await mounted()
    expect(await restore(server, name)).toMatchObject(success)
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
    expect(readdirSync(tree).toSorted()).toEqual(['lost+found', 'sub'])
    expect(statSync(tree).mode).toBe(0o40755)
    expect((await restore(server, name)).stdout).toContain('(it was already as in the archive)')
  })

  test('keeps its former content within it', async () => {
    const { server, tree, name } = await mounted()
    writeFileSync(join(tree, 'former'), 'former')
    expect((await restore(server, name)).stderr).toContain('exists and is not as in the archive')
    expect(await restore(server, name, { BM_RESTORE_OVERWRITE: 'yes' })).toMatchObject(success)
    const [aside = ''] = readdirSync(tree).filter((entry) => entry.startsWith('.before-restore-'))
    expect(readFileSync(join(tree, aside, 'former'), 'utf8')).toBe('former')
    expect(readFileSync(join(tree, 'sub/file'), 'utf8')).toBe('as it was saved')
    expect(readdirSync(tree)).toHaveLength(3)
  })

  test('gets its former content back when the new one cannot be put there', async () => {
    const { server, tree, name } = await mounted()
    writeFileSync(join(tree, 'former'), 'former')
    mkdirSync(join(tree, 'sub'))
    await server.shadow('touch', 'case "$*" in *--reference*) exit 1 ;; esac\nexec "$REAL" "$@"')
    const told = await restore(server, name, { BM_RESTORE_OVERWRITE: 'yes' })
    expect(told.code).toBe(1)
    expect(readdirSync(tree).toSorted()).toEqual(['former', 'lost+found', 'sub'])
    expect(readdirSync(join(tree, 'sub'))).toEqual([])
  })

  test('keeps all of its former content when not all of it can be moved aside', async () => {
    const { server, tree, name } = await mounted()
    for (const file of ['a', 'b', 'c']) writeFileSync(join(tree, file), file)
    await server.shadow(
      'mv',
      'case "$2" in *before-restore*) "$REAL" -t "$2" -- "$4"; exit 1 ;; esac\nexec "$REAL" "$@"',
    )
    const told = await restore(server, name, { BM_RESTORE_OVERWRITE: 'yes' })
    expect(told.code).toBe(1)
    expect(readdirSync(tree).toSorted()).toEqual(['a', 'b', 'c', 'lost+found'])
    expect(readFileSync(join(tree, 'b'), 'utf8')).toBe('b')
  })

  test('below the directory stands in the way of replacing it', async () => {
    const server = await stockServer()
    const { tree, name } = await small(server)
    mkdirSync(join(tree, 'a disk'))
    sh(tree, 'mount -t tmpfs none "a disk"')
    onTestFinished(() => void sh('/', `umount '${tree}/a disk'`))
    const told = await restore(server, name, { BM_RESTORE_OVERWRITE: 'yes' })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain(`${tree}/a disk is mounted below it. Nothing was changed.`)
    expect(readdirSync(server.folder)).toEqual(['small'])
  })
})
