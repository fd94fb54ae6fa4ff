// What goes wrong while an archive is made: with single files it is a warning, with the rest nothing stays.
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { recoverArchive } from '../../archive/recover.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { endTree } from '../../sys/process-tree.ts'
import { run } from '../../sys/process.ts'
import { anOrder, watchedIo } from '../contract.ts'
import {
  beforeTar,
  fill,
  makeWorld,
  needRoot,
  waiting,
  whileTarWrites,
  type World,
} from './custom-dir-world.ts'

let world: World
beforeEach(async () => {
  world = await makeWorld()
})
afterEach(() => world.dispose())

function inTree(name: string): string {
  return join(world.tree, name)
}

async function isWhole(): Promise<boolean> {
  const { damage, innerSha256 } = await verifyArchive(world.places.archivesDir, 'made')
  return damage === '' && innerSha256?.expected === innerSha256?.found
}

describe('a file that', () => {
  test('changes while it is read is named, and the archive is whole', async () => {
    fill(inTree('big'), 6)
    const made = await world.produce({}, { run: whileTarWrites(run, `printf x >>'${inTree('big')}'`, 24) })
    expect(made.warnings).toEqual([{ code: 'file_changed', path: inTree('big') }])
    expect(made).toMatchObject({ warningCount: 1, targets: [{ status: 'warning' }], exitCodes: { tar: 1 } })
    expect(await isWhole()).toBe(true)
  })

  test('shrinks while it is read is named, and the archive is whole', async () => {
    fill(inTree('big'), 6)
    const made = await world.produce(
      {},
      { run: whileTarWrites(run, `truncate -s 1M '${inTree('big')}'`, 24) },
    )
    expect(made.warnings).toContainEqual({ code: 'file_shrank', path: inTree('big') })
    expect(made.targets[0]?.status).toBe('warning')
    expect(await isWhole()).toBe(true)
  })

  test('vanishes before it is read is named by its true name', async () => {
    const names = ['a', 'b: c\n', 'back\\slash', 'z']
    for (const name of names) writeFileSync(inTree(name), name)
    mkdirSync(inTree('dir'))
    writeFileSync(inTree('dir/é'), 'x')
    const gone = ['b: c\n', 'back\\slash', 'dir', 'dir/é']
    const vanish = (): void => gone.forEach((name) => rmSync(inTree(name), { recursive: true, force: true }))
    const made = await world.produce({}, { run: beforeTar(run, vanish) })
    expect(made.warnings).toEqual(gone.map((name) => ({ code: 'file_vanished', path: inTree(name) })))
    expect(made.targets[0]?.status).toBe('warning')
    expect(await isWhole()).toBe(true)
  })

  test('comes later than the list is left for the next time', async () => {
    writeFileSync(inTree('a'), 'a')
    const made = await world.produce({}, { run: beforeTar(run, () => writeFileSync(inTree('b'), 'b')) })
    expect(made.warnings).toEqual([])
  })

  test('cannot be read is named, and what can be read is there', async () => {
    needRoot()
    for (const name of ['a', 'b']) writeFileSync(inTree(name), name)
    chmodSync(inTree('a'), 0)
    chmodSync(world.folder, 0o755)
    // Root reads everything, so tar runs as nobody.
    const weak: typeof run = (file, args, options) => {
      if (!args.includes('--create')) return run(file, args, options)
      chmodSync(join(world.places.archivesDir, '.made.list.partial'), 0o644)
      return run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', file, ...args], options)
    }
    const made = await world.produce({}, { run: weak })
    expect(made.warnings).toEqual([{ code: 'file_unreadable', path: inTree('a') }])
    expect(made).toMatchObject({ targets: [{ status: 'warning' }], exitCodes: { tar: 2 } })
    expect(execFileSync('tar', ['-tf', join(world.places.archivesDir, made.file)]).toString()).toContain(
      '/tree/b\n',
    )
    expect(await isWhole()).toBe(true)
  })

  test('is one of thousands that vanish is counted, of which a thousand are named', async () => {
    for (let i = 0; i < 1500; i += 1) writeFileSync(inTree(`${i}`), '')
    const vanish = (): void => readdirSync(world.tree).forEach((name) => rmSync(inTree(name)))
    const made = await world.produce({}, { run: beforeTar(run, vanish) })
    expect(made.warnings).toHaveLength(1000)
    expect(made.warningCount).toBe(1500)
  })
})

describe('nothing stays when', () => {
  test('the directory itself vanishes', async () => {
    fill(inTree('file'), 1)
    const work = world.produce({}, { run: beforeTar(run, () => rmSync(world.tree, { recursive: true })) })
    await expect(work).rejects.toMatchObject({ code: 'source_missing' })
    expect(world.archives()).toEqual([])
  })

  test('a directory is exchanged for a link that leads elsewhere', async () => {
    const elsewhere = join(world.folder, 'elsewhere')
    for (const path of [inTree('dir'), elsewhere]) {
      mkdirSync(path)
      writeFileSync(join(path, 'shadow'), path)
    }
    const exchange = (): void => {
      renameSync(inTree('dir'), inTree('old'))
      symlinkSync(elsewhere, inTree('dir'))
    }
    const work = world.produce({}, { run: beforeTar(run, exchange) })
    await expect(work).rejects.toMatchObject({ code: 'source_unreadable' })
    expect(world.archives()).toEqual([])
  })

  test.each([
    ['for a link', 'dir', `ln -s "$to" dir`],
    ['for a link further down', 'dir/sub', `ln -s "$to/sub" old/sub; mv old dir`],
  ])('a directory is exchanged %s once tar has begun to write what is in it', async (_, which, put) => {
    const elsewhere = join(world.folder, 'elsewhere')
    mkdirSync(join(elsewhere, 'sub'), { recursive: true })
    mkdirSync(inTree('dir/sub'), { recursive: true })
    for (const file of ['sub/b', 'z']) {
      writeFileSync(join(elsewhere, file), 'of somebody else')
      writeFileSync(inTree(`dir/${file}`), 'ours')
    }
    fill(inTree('dir/sub/a-big'), 3)
    const away = `mv dir old; test ${which} = dir || mv old/sub old/gone`
    const once = `cd '${world.tree}' && test ! -e done && touch done && to='${elsewhere}'`
    const work = world.produce({}, { run: whileTarWrites(run, `${once} && { ${away}; ${put}; }`) })
    await expect(work).rejects.toMatchObject({
      code: 'source_unreadable',
      facts: { path: inTree(which), detail: 'the directory was exchanged while it was backed up' },
    })
    expect(world.archives()).toEqual([])
  })

  test('a directory is made anew, as programs do with their caches: a warning names it', async () => {
    mkdirSync(inTree('cache'), { recursive: true })
    fill(inTree('cache/a-big'), 3)
    writeFileSync(inTree('cache/b'), 'ours')
    const once = `cd '${world.tree}' && test ! -e done && touch done`
    const anew = `mv cache old; mkdir cache; echo other >cache/b`
    const made = await world.produce({}, { run: whileTarWrites(run, `${once} && { ${anew}; }`) })
    expect(made.warnings).toContainEqual({ code: 'file_changed', path: inTree('cache') })
  })

  test('the list of names is exchanged for another', async () => {
    writeFileSync(inTree('a'), 'a')
    const secret = join(world.folder, 'secret')
    writeFileSync(secret, 'secret')
    const list = join(world.places.archivesDir, '.made.list.partial')
    const exchange = (): void => {
      rmSync(list)
      writeFileSync(list, `.${world.tree}/.\0.${secret}\0`)
    }
    const work = world.produce({}, { run: beforeTar(run, exchange) })
    await expect(work).rejects.toMatchObject({ code: 'source_unreadable' })
    expect(world.archives()).toEqual([])
  })

  test('tar loses something without a word', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(inTree(name), name)
    const forgetful: typeof run = (file, args, options) =>
      run(file, args.includes('--create') ? ['--exclude=*/b', ...args] : args, options)
    await expect(world.produce({}, { run: forgetful })).rejects.toMatchObject({ code: 'archive_truncated' })
    expect(world.archives()).toEqual([])
  })

  test('tar writes what nobody asked for', async () => {
    writeFileSync(inTree('a'), 'a')
    const eager: typeof run = (file, args, options) =>
      run(
        file,
        args.map((arg) => (arg === '--no-recursion' ? '--recursion' : arg)),
        options,
      )
    const made = world.produce({}, { run: eager })
    await expect(made).rejects.toMatchObject({ code: 'source_unreadable' })
    expect(world.archives()).toEqual([])
  })

  test('tar is killed', async () => {
    fill(inTree('big'), 6)
    const work = world.produce({}, { run: whileTarWrites(run, 'kill -9 $PPID') })
    await expect(work).rejects.toMatchObject({ code: 'command_failed' })
    expect(world.archives()).toEqual([])
  })

  test('tar does not know what it is asked', async () => {
    writeFileSync(inTree('a'), 'a')
    const other: typeof run = (file, args, options) =>
      run(file, args.includes('--create') ? ['--no-such-option', ...args] : args, options)
    await expect(world.produce({}, { run: other })).rejects.toMatchObject({ code: 'command_failed' })
    expect(world.archives()).toEqual([])
  })

  test('it is cancelled in the middle, tar included', async () => {
    fill(inTree('big'), 6)
    const stop = new AbortController()
    const wait = waiting(world.folder)
    const io = watchedIo(world.places, stop.signal)
    const work = world.produce({}, { ...io, run: whileTarWrites(io.run, wait.command) })
    await eventually(() => wait.reached(), 'tar in the middle')
    expect(world.archives().toSorted()).toEqual(['.made.list.partial', '.made.tar.partial'])
    expect(io.running().length).toBeGreaterThan(0)
    stop.abort()
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
    expect(world.archives()).toEqual([])
    expect(io.running()).toEqual([])
  })

  test.each([
    ['while tar writes', 24],
    ['while the list is written', 0.05],
  ])('the disk is full %s', async (_, megabytes) => {
    needRoot()
    const { archivesDir } = world.places
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes < 1 ? '64k' : '4m'}`, 'tmpfs', archivesDir])
    world.atEnd(() => execFileSync('umount', [archivesDir]))
    if (megabytes >= 1) fill(inTree('big'), megabytes)
    else for (let i = 0; i < 2000; i += 1) writeFileSync(inTree(`${i}${'n'.repeat(100)}`), '')
    await expect(world.produce()).rejects.toMatchObject({ code: 'disk_full' })
    expect(world.archives()).toEqual([])
  })

  test('the disk has room for the tar, but not for its sidecar', async () => {
    needRoot()
    const { archivesDir } = world.places
    // The folder, tar and list, or sidecar; a tmpfs counts each further link as a file.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=3', 'tmpfs', archivesDir])
    world.atEnd(() => execFileSync('umount', [archivesDir]))
    fill(inTree('file'), 1)
    const seen: string[] = []
    const work = world.produce(
      {},
      { progress: (done, total) => void (done === total && seen.push('written')) },
    )
    await expect(work).rejects.toMatchObject({ code: 'disk_full' })
    expect(seen).toContain('written')
    expect(world.archives()).toEqual([])
  })
})

test('kill -9 in the middle leaves only hidden files, which recovery removes', async () => {
  fill(inTree('big'), 6)
  const wait = waiting(world.folder)
  const operation = randomUUID()
  const here = (file: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href)
  const script = `
    import { run } from ${here('../../sys/process.ts')}
    import { customDir } from ${here('index.ts')}
    const slow = (file, args, options) => run(file,
      args.includes('--create') ? ['--checkpoint=16', '--checkpoint-action=exec=' + ${JSON.stringify(wait.command)}, ...args] : args,
      { ...options, env: { ...options.env, BM_OPERATION: '${operation}' } })
    const io = { run: slow, signal: new AbortController().signal, log() {}, progress() {}, now: () => 0, places: ${JSON.stringify(world.places)} }
    await customDir.produce(customDir.settings.parse({ source_path: ${JSON.stringify(world.tree)} }), ${JSON.stringify(anOrder('made'))}, io)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  await eventually(() => wait.reached(), 'tar in the middle')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await endTree({ operation }, 1000)
  expect(world.archives().toSorted()).toEqual(['.made.list.partial', '.made.tar.partial'])
  await recoverArchive(world.places.archivesDir, 'made')
  expect(world.archives()).toEqual([])
  await world.produce()
  expect(await isWhole()).toBe(true)
})

describe('a name that is taken', () => {
  test.each(['made.tar', 'made.tar.gz', 'made.info.json', '.made.tar.partial'])(
    'by %s is refused before anything is written',
    async (file) => {
      writeFileSync(inTree('a'), 'a')
      writeFileSync(join(world.places.archivesDir, file), 'theirs')
      await expect(world.produce()).rejects.toMatchObject({ code: 'archive_exists' })
      expect(world.archives()).toEqual([file])
    },
  )

  test('by a broken link is refused', async () => {
    symlinkSync('/nowhere/made.tar', join(world.places.archivesDir, 'made.tar'))
    await expect(world.produce()).rejects.toMatchObject({ code: 'archive_exists' })
  })

  test.each(['made.tar', 'made.tar.gz', 'made.info.json'])(
    'by %s while we write is not replaced, and nothing of ours stays',
    async (file) => {
      writeFileSync(inTree('a'), 'a')
      const faster = beforeTar(run, () => writeFileSync(join(world.places.archivesDir, file), 'theirs'))
      await expect(world.produce({}, { run: faster })).rejects.toMatchObject({ code: 'archive_exists' })
      expect(world.archives()).toEqual([file])
    },
  )

  test('is not taken by what a crash left of another step', async () => {
    writeFileSync(join(world.places.archivesDir, '.made.list.partial'), 'old')
    await world.produce()
    expect(await isWhole()).toBe(true)
  })
})

test('an archives directory that is not there is told', async () => {
  rmSync(world.places.archivesDir, { recursive: true })
  await expect(world.produce()).rejects.toMatchObject({ code: 'archives_dir_missing' })
})
