// The machine dies in the middle of a restore: the next start finds all of the former state, or all of the new one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { planDigest } from '../../../sys/plan-digest.ts'
import { recoverRestore } from '../../restore/transaction.ts'
import type { Change, SourceIo } from '../../source.ts'
import { treeOf } from '../custom-dir-world.ts'
import { customDir } from '../index.ts'
import { atEveryMoment, bareTransaction, PowerCut } from './power-cut-world.ts'
import { eachInRestoreWorld, type RestoreWorld } from './restore-world.ts'
import { swap, swapChanges, type Unit } from './swap.ts'
import { stagingIn } from './staging.ts'

let world: RestoreWorld
eachInRestoreWorld((fresh) => (world = fresh))

function filesOnly(state: unknown): unknown[] {
  return (state as { sha256?: string; target?: string }[]).filter(({ sha256, target }) => sha256 ?? target)
}

describe('whatever change it was that was announced or made last', () => {
  const io = (): SourceIo => {
    const own = world.io()
    return { ...own, places: { ...own.places, yunohost: ['yunohost'] } }
  }
  const restore = {
    system_user: { name: 'hermes' },
    systemd_service: { name: 'hermes' },
    permissions: { owner: '4711:4712', mode: '0700' },
    firewall_ports: [8080],
    post_restore_commands: ['true'],
  }

  /** Saved with a user and a service; restored where the user is missing and the service runs with another unit file. */
  async function prepare(): Promise<void> {
    const { tree, machine } = world
    world.write('file', 'saved')
    mkdirSync(join(tree, 'folder'))
    writeFileSync(join(machine, 'etc/passwd'), 'hermes:x:4000:4000::/opt/hermes:/bin/sh\n')
    writeFileSync(join(machine, 'etc/group'), 'hermes:x:4000:\n')
    world.unit('hermes.service', '[Service]\nExecStart=/saved\n', 'active')
    const wants = join(machine, 'etc/systemd/system/multi-user.target.wants')
    mkdirSync(wants)
    symlinkSync('../hermes.service', join(wants, 'hermes.service'))
    await world.save({ restore })
    writeFileSync(join(machine, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n')
    writeFileSync(join(machine, 'ports'), '22\n')
    writeFileSync(join(machine, 'etc/group'), 'root:x:0:\n')
    rmSync(join(wants, 'hermes.service'))
    world.unit('hermes.service', '[Service]\nExecStart=/former\n', 'active')
    for (const name of ['file', 'since']) world.write(name, 'former')
  }

  test(
    'the former state is back as it was, or the new one stands; nothing is left over',
    { timeout: 120_000 },
    async () => {
      await prepare()
      const before = {
        tree: treeOf(world.tree),
        machine: filesOnly(world.machineState()),
        ports: world.lines('ports'),
      }
      const always = (moment: string): void => {
        expect(world.unitState('hermes.service'), moment).toBe('active')
        expect(world.beside(), moment).toEqual(['tree'])
        expect(world.archivesLeft(), moment).toEqual(['made.info.json', 'made.tar'])
      }
      const look = {
        former: (moment: string): void => {
          always(moment)
          expect(treeOf(world.tree), moment).toEqual(before.tree)
          expect(filesOnly(world.machineState()), moment).toEqual(before.machine)
          expect(world.lines('ports'), moment).toEqual(before.ports)
        },
        restored: (): void => {
          always('committed')
          expect(readdirSync(world.tree)).toEqual(['file', 'folder'])
          expect(world.lines('etc/systemd/system/hermes.service')).toContain('ExecStart=/saved')
        },
      }
      const changes = await atEveryMoment(world, {}, look, io)
      expect(changes).toBe(8)
    },
  )
})

describe('in the middle of the exchange', () => {
  /** The renames of an exchange, one by one, as a machine would have made them before it died. */
  function moves(units: readonly Unit[], staging: string): (() => void)[] {
    return units.flatMap(({ target, fresh }, i) => [
      ...(readdirOf(target) ? [() => renameSync(target, join(staging, 'former', String(i)))] : []),
      ...(fresh === null ? [] : [() => renameSync(fresh, target)]),
    ])
  }
  const readdirOf = (path: string): boolean =>
    readdirSync(join(path, '..')).includes(path.split('/').at(-1) ?? '')

  /** Three entries: one in both states, one only before, one only after. */
  function someUnits(): { units: Unit[]; staging: ReturnType<typeof stagingIn> } {
    const staging = stagingIn(join(world.folder, 'srv'), '0')
    for (const path of [staging.path, staging.fresh, staging.former]) mkdirSync(path)
    const { tree } = world
    for (const name of ['both', 'before']) writeFileSync(join(tree, name), `former ${name}`)
    mkdirSync(join(staging.fresh, 'after'))
    writeFileSync(join(staging.fresh, 'after/inside'), 'new')
    writeFileSync(join(staging.fresh, 'both'), 'new both')
    const unit = (name: string, fresh = true): Unit => ({
      target: join(tree, name),
      fresh: fresh ? join(staging.fresh, name) : null,
    })
    return { units: [unit('both'), unit('before', false), unit('after')], staging }
  }

  async function announced(
    units: readonly Unit[],
    staging: ReturnType<typeof stagingIn>,
  ): Promise<Change['data']> {
    let data: Change['data'] = {}
    const will = (change: Change): Promise<void> => {
      data = change.data
      return Promise.reject(new PowerCut())
    }
    await expect(swap(units, staging, bareTransaction(will))).rejects.toThrow(PowerCut)
    return data
  }
  const undo = (data: Change['data']) => swapChanges['swap']?.undo(data, world.request(), world.io())

  test('every entry is back, after any number of renames', async () => {
    for (let count = 0; count <= 5; count += 1) {
      const { units, staging } = someUnits()
      const before = contents(world.tree)
      const data = await announced(units, staging)
      const all = moves(units, staging.path)
      expect(all).toHaveLength(4)
      for (const move of all.slice(0, count)) move()
      await undo(data)
      await undo(data)
      expect(contents(world.tree), `after ${count} renames`).toEqual(before)
      rmSync(staging.path, { recursive: true })
      rmSync(world.tree, { recursive: true })
      mkdirSync(world.tree)
    }
  })

  test('what a program has made meanwhile in an empty place gives way, and is kept when there is something in it', async () => {
    const { units, staging } = someUnits()
    const before = contents(world.tree)
    const data = await announced(units, staging)
    moves(units, staging.path)[0]?.()
    mkdirSync(join(world.tree, 'both'))
    world.write('both/theirs', 'theirs')
    await undo(data)
    expect(contents(world.tree)).toEqual(before)
    expect(contents(join(staging.path, 'found'))).toEqual(['0/', '0/theirs: theirs'])
  })

  test('a file that appeared right before the rename is not replaced', async () => {
    const { units, staging } = someUnits()
    const tx = bareTransaction(() => Promise.resolve(world.write('after', 'theirs')))
    await expect(swap(units, staging, tx)).rejects.toMatchObject({ code: 'restore_failed' })
    expect(contents(world.tree)).toContain('after: theirs')
  })
})

test.each(['while tar unpacks', 'between the renames and the commit'])('kill -9 %s', async (moment) => {
  world.write('big', Buffer.alloc(40 * 1024 * 1024, 'saved'))
  await world.save({
    restore: { post_restore_commands: [`touch '${world.folder}/reached'; exec sleep 1000`] },
  })
  world.write('big', 'former')
  const before = treeOf(world.tree)
  const { operation } = world.io()
  const child = spawn(process.execPath, ['--input-type=module', '-e', helper(operation, moment)], {
    stdio: 'ignore',
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect([code, signal]).toEqual([null, 'SIGKILL'])
  expect(world.beside().filter((name) => name.startsWith('.bm-restore-'))).toHaveLength(1)
  const done = await recoverRestore(customDir, world.request(), operation, world.io())
  expect(done).toMatchObject({ found: true, status: 'rolled_back', problem: { code: 'interrupted' } })
  expect(treeOf(world.tree)).toEqual(before)
  expect(world.beside()).toEqual(['tree'])
  expect(world.archivesLeft()).toEqual(['made.info.json', 'made.tar'])
})

/** A helper of its own, which kills itself. */
function helper(operation: string, moment: string): string {
  const here = (file: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href)
  const early = moment === 'while tar unpacks'
  return `
    import { existsSync } from 'node:fs'
    import { run as plain } from ${here('../../../sys/process.ts')}
    import { customDir } from ${here('../index.ts')}
    import { carryOut } from ${here('../../restore/transaction.ts')}
    const run = (file, args, options) => plain(file, args, { ...options, env: { ...options?.env, BM_OPERATION: '${operation}' } })
    const die = () => process.kill(process.pid, 'SIGKILL')
    if (${!early}) setInterval(() => existsSync('${world.folder}/reached') && die(), 10)
    const io = { run, signal: new AbortController().signal, log() {}, now: () => 0, operation: '${operation}',
      progress: () => ${early} && setTimeout(die, 20), places: ${JSON.stringify(world.places)} }
    const request = ${JSON.stringify(world.request())}
    const plan = await customDir.restore.plan(request, io)
    await carryOut(customDir, request, plan, io, () => {})
    process.exit(5)`
}

test('a plan that comes from elsewhere, through JSON, is carried out all the same', async () => {
  world.write('file', 'saved')
  await world.save()
  const plan = await world.plan()
  const again = JSON.parse(JSON.stringify(await world.plan())) as typeof plan
  expect(planDigest(again)).toBe(planDigest(plan))
  const { tree } = world
  world.write('file', 'former')
  const tx = bareTransaction(() => Promise.resolve())
  await customDir.restore.apply(world.request(), again, tx, world.io())
  expect(contents(tree)).toEqual(['file: saved'])
})

/** Files and directories below a folder, with the files' texts. */
function contents(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
  return names.map((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? `${name}/` : `${name}: ${readFileSync(path, 'utf8')}`
  })
}
