import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { readBackupInfo } from '../../archive/read.ts'
import { run } from '../../sys/process.ts'
import { anOrder, traces, watchedIo } from '../contract.ts'
import { createBackup, wantedArgs, type CreateCall } from './create.ts'
import { removeWorkDir, workDirOf } from '../../archive/work-dir.ts'
import { finishedArchive } from './traces.ts'
import { aServer, placesOf } from './yunohost-world.ts'

const call: CreateCall = {
  type: 'ynh_app',
  wanted: { kind: 'app', ids: ['nextcloud'] },
  coreOnly: false,
  lockWaitS: 60,
}

describe('waiting for YunoHost’s lock', () => {
  test('is told as a state and ends when the other command does', async () => {
    const fake = await aServer({ modes: { lock_warn_ms: 0 } })
    const lock = await fake.holdLock()
    const io = watchedIo(placesOf(fake))
    const work = createBackup(call, anOrder('waited'), io)
    const told = (text: RegExp): boolean => io.lines.some((l) => l.stream === 'info' && text.test(l.text))
    await eventually(() => told(/^waiting for YunoHost: another command holds its lock \(at most 60 s\)$/))
    await lock.release()
    expect((await work).file).toBe('waited.tar')
    expect(told(/^YunoHost is free again$/)).toBe(true)
  })

  test('gives up after its time as busy, having touched nothing', async () => {
    const fake = await aServer({ modes: { refuse_lock: true } })
    const work = createBackup({ ...call, lockWaitS: 1 }, anOrder('late'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'yunohost_busy' })
    expect(await traces(fake.archivesDir)).toEqual([])
  })

  test('can be cancelled, and spares an archive of that name which another command makes meanwhile', async () => {
    const fake = await aServer({ modes: { lock_warn_ms: 0 } })
    const lock = await fake.holdLock()
    const stop = new AbortController()
    const io = watchedIo(placesOf(fake), stop.signal)
    const work = createBackup(call, anOrder('same'), io)
    work.catch(() => undefined)
    await eventually(() => io.lines.some((line) => line.stream === 'info'))
    await writeFile(join(fake.archivesDir, 'same.tar'), 'somebody else writes this')
    stop.abort()
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
    await lock.release()
    expect(await traces(fake.archivesDir)).toEqual(['same.tar'])
    expect(io.running()).toEqual([])
  })
})

describe('a backup that fails in the middle', () => {
  test.each(['collect', 'tar', 'sidecar'] as const)(
    'leaves nothing when YunoHost is killed at stage %s, and the name is free again',
    async (kill) => {
      const fake = await aServer({ modes: { kill } })
      const work = createBackup(call, anOrder('killed'), watchedIo(placesOf(fake)))
      await expect(work).rejects.toMatchObject({
        code: 'yunohost_failed',
        facts: { command: 'backup create', detail: 'ended by SIGKILL' },
      })
      expect(await traces(fake.archivesDir)).toEqual([])
      await fake.setModes({})
      const again = await createBackup(call, anOrder('killed'), watchedIo(placesOf(fake)))
      expect(again.file).toBe('killed.tar')
    },
  )

  test.each(['collect', 'tar', 'sidecar'] as const)(
    'leaves no process and no file when it is cancelled at stage %s, though a child ignores SIGTERM',
    async (hang) => {
      const fake = await aServer({ modes: { hang } })
      const stop = new AbortController()
      const io = watchedIo(placesOf(fake), stop.signal)
      const work = createBackup(call, anOrder('stopped'), io)
      work.catch(() => undefined)
      await eventually(() => fake.hangingPid())
      stop.abort()
      await expect(work).rejects.toMatchObject({ code: 'cancelled' })
      expect(await traces(fake.archivesDir)).toEqual([])
      expect(io.running()).toEqual([])
    },
  )

  test('leaves no .tar.gz either', async () => {
    const fake = await aServer({ modes: { kill: 'sidecar' } })
    await fake.call('settings', 'set', 'misc.backup.backup_compress_tar_archives', '-v', '1')
    const work = createBackup(call, anOrder('packed'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'yunohost_failed' })
    expect(await traces(fake.archivesDir)).toEqual([])
  })

  test('is a full disk when the disk fills up while the tar is written', async () => {
    const fake = await aServer({ modes: { disk_full_after: 15_000 } })
    const work = createBackup(call, anOrder('full'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'disk_full' })
    expect(await traces(fake.archivesDir)).toEqual([])
  })

  test('is a full disk when YunoHost sees beforehand that there is no room', async () => {
    const fake = await aServer({ modes: { no_space: true } })
    const work = createBackup(call, anOrder('full'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'disk_full' })
    expect(await traces(fake.archivesDir)).toEqual([])
  })

  test('is a failure when YunoHost keeps its archives somewhere else', async () => {
    const fake = await aServer()
    const elsewhere = join(fake.root, 'elsewhere/archives')
    await mkdir(elsewhere, { recursive: true })
    const io = watchedIo({ ...placesOf(fake), archivesDir: elsewhere })
    await expect(createBackup(call, anOrder('lost'), io)).rejects.toMatchObject({
      code: 'yunohost_failed',
      facts: { detail: `it reported success, but lost is not in ${elsewhere}` },
    })
  })
})

describe('a trap in the archives folder', () => {
  const marker = '.trapped.yunohost.partial'

  test('under the name of the marker is neither followed nor emptied', async () => {
    const fake = await aServer()
    const precious = join(fake.root, 'precious')
    await writeFile(precious, 'data')
    await symlink(precious, join(fake.archivesDir, marker))
    const made = await createBackup(call, anOrder('trapped'), watchedIo(placesOf(fake)))
    expect(made.file).toBe('trapped.tar')
    expect(await readFile(precious, 'utf8')).toBe('data')
    expect(await traces(fake.archivesDir)).not.toContain(marker)
  })

  test('that cannot be removed ends the backup, and nothing of it stays', async () => {
    const fake = await aServer()
    await mkdir(join(fake.archivesDir, marker))
    const work = createBackup(call, anOrder('trapped'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ name: 'Problem' })
    expect(await traces(fake.archivesDir)).toEqual([marker])
  })

  test('in the place of the sidecar is refused', async () => {
    const fake = await aServer()
    const secrets = join(fake.root, 'secrets.json')
    await writeFile(secrets, '{"password":"secret"}')
    await writeFile(join(fake.archivesDir, 'trapped.tar'), 'x')
    await symlink(secrets, join(fake.archivesDir, 'trapped.info.json'))
    await expect(finishedArchive(fake.archivesDir, 'trapped')).rejects.toMatchObject({
      code: 'yunohost_failed',
      facts: { detail: 'trapped.info.json: a symbolic link' },
    })
  })
})

describe('the name of an archive', () => {
  test.each([
    ['an unfinished tar', 'taken.tar', async (path: string) => writeFile(path, 'half')],
    ['a compressed tar', 'taken.tar.gz', async (path: string) => writeFile(path, 'packed')],
    ['a dangling link', 'taken.tar', async (path: string) => symlink('/nonexistent/taken.tar', path)],
  ])('is refused and left alone when it belongs to %s', async (_what, file, make) => {
    const fake = await aServer()
    await make(join(fake.archivesDir, file))
    const work = createBackup(call, anOrder('taken'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'archive_exists', facts: { name: 'taken' } })
    expect(await traces(fake.archivesDir)).toEqual([file])
  })

  test('is free when only descriptions of a deleted archive are left', async () => {
    const fake = await aServer()
    await writeFile(join(fake.archivesDir, 'reused.backup_info.json'), '{"old": true}')
    await writeFile(join(fake.archivesDir, 'reused.info.json'), '{"old": true}')
    const made = await createBackup(call, anOrder('reused'), watchedIo(placesOf(fake)))
    expect(made.info['old']).toBeUndefined()
    expect(made.backupInfo['old']).toBeUndefined()
    expect(await readBackupInfo(fake.archivesDir, 'reused')).toEqual(made.backupInfo)
    expect(await traces(fake.archivesDir)).toEqual(['reused.info.json', 'reused.tar'])
  })

  test('is asked for with its apps, never with a bare --apps', () => {
    expect(() => wantedArgs({ kind: 'app', ids: [] })).toThrow('no app was named')
    expect(wantedArgs({ kind: 'system', ids: [] })).toEqual(['--system'])
  })
})

describe('a work dir', () => {
  test('in which something is mounted is left as it is', async () => {
    const folder = await temporaryFolder()
    const workDir = workDirOf(join(folder, 'archives'), 'a name')
    await mkdir(join(workDir, 'apps/x y'), { recursive: true })
    await writeFile(join(workDir, 'apps/x y/precious'), 'data')
    const mountInfo = join(folder, 'mountinfo')
    await writeFile(mountInfo, mountLine('/') + mountLine(join(workDir, 'apps/x y')))
    expect(await removeWorkDir(workDir, mountInfo)).toBe('mounted')
    expect(await readdir(join(workDir, 'apps/x y'))).toEqual(['precious'])
    await writeFile(mountInfo, mountLine('/') + mountLine(`${workDir} beside`))
    expect(await removeWorkDir(workDir, mountInfo)).toBe('removed')
    expect(await removeWorkDir(workDir, mountInfo)).toBe('absent')
  })

  test('with a mount in it is told in the log of the backup that failed', async () => {
    const fake = await aServer({ modes: { hang: 'tar' } })
    const stop = new AbortController()
    const io = watchedIo(placesOf(fake), stop.signal)
    const work = createBackup(call, anOrder('mounted'), io)
    work.catch(() => undefined)
    await eventually(() => fake.hangingPid())
    const workDir = workDirOf(fake.archivesDir, 'mounted')
    const unmount = await bindMount(join(fake.root, 'var/www'), join(workDir, 'apps'))
    stop.abort()
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
    expect(io.lines).toContainEqual({ stream: 'err', text: `left ${workDir}: something is mounted in it` })
    expect(await traces(fake.archivesDir)).toEqual(['tmp/mounted'])
    expect(await readdir(join(fake.root, 'var/www'))).toContain('nextcloud')
    await unmount()
  })
})

/** As the kernel writes it: a space is `\\040`. */
function mountLine(point: string): string {
  return `36 35 8:1 / ${point.replaceAll(' ', '\\040')} rw - ext4 /dev/sda1 rw\n`
}

/** A real bind mount, taken away when the test has finished at the latest. Needs root, as YunoHost's own does. */
async function bindMount(from: string, to: string): Promise<() => Promise<void>> {
  await mkdir(to, { recursive: true })
  await run('mount', ['--bind', from, to]).catch((cause: unknown) => {
    throw new Error('this test needs root and the right to mount', { cause })
  })
  let mounted = true
  const unmount = async (): Promise<void> => {
    if (mounted) await run('umount', [to])
    mounted = false
  }
  onTestFinished(unmount)
  return unmount
}
