// Creates the recipe's user and its group, and removes again what was created.
import type { Changes, RestoreTransaction, SourceIo } from '../../source.ts'
import { askNames, nameOfId, readAccounts } from '../accounts.ts'
import type { SavedUser } from '../recipe-read.ts'
import type { Settings } from '../settings.ts'

/** Numbers below it belong to the system. */
const firstPersonal = 1000

/** Announces and creates them, with the numbers of the archive where they are free. Rejects with `CommandError`. */
export async function createUser(user: SavedUser, tx: RestoreTransaction, io: SourceIo): Promise<void> {
  const { users, groups } = readAccounts(io.places.systemRoot)
  const { group } = user
  const system = user.uid === null || user.uid < firstPersonal ? ['--system'] : []
  const groupExists =
    groups.some(({ name }) => name === group.name) ||
    (await askNames('group', [group.name], io)).groups.length > 0
  const freeGid = group.gid !== null && !groups.some(({ gid }) => gid === group.gid)
  const gid = freeGid && (await nameOfId('group', group.gid, io)) === null ? group.gid : null
  const freeUid = user.uid !== null && !users.some(({ uid }) => uid === user.uid)
  const uid = freeUid && (await nameOfId('passwd', user.uid, io)) === null ? user.uid : null
  await tx.will({
    kind: 'user',
    data: { user: user.name, uid, group: groupExists ? null : group.name, gid },
  })
  if (!groupExists) {
    await tell('groupadd', [...system, ...(gid === null ? [] : [`--gid=${gid}`]), '--', group.name], io)
  }
  const known = new Set(groups.map(({ name }) => name))
  const others = user.groups.filter((name) => known.has(name))
  await tell(
    'useradd',
    [
      ...system,
      ...(uid === null ? [] : [`--uid=${uid}`]),
      `--gid=${group.name}`,
      ...(others.length > 0 ? [`--groups=${others.join(',')}`] : []),
      ...(user.gecos === '' ? [] : [`--comment=${user.gecos}`]),
      ...(user.home === '' ? [] : [`--home-dir=${user.home}`]),
      ...(user.shell === '' ? [] : [`--shell=${user.shell}`]),
      '--no-create-home',
      '--',
      user.name,
    ],
    io,
  )
  remarkNumbers(user, tx, io)
}

function remarkNumbers(user: SavedUser, tx: RestoreTransaction, io: SourceIo): void {
  const { users, groups } = readAccounts(io.places.systemRoot)
  const made = users.find(({ name }) => name === user.name)
  const group = groups.find(({ name }) => name === user.group.name)
  const differs = (saved: number | null, here: number | undefined): boolean =>
    saved !== null && saved !== here
  if (differs(user.uid, made?.uid) || differs(user.group.gid, group?.gid)) {
    tx.remark({ code: 'ids_differ', facts: { user: user.name } })
  }
}

export const userChanges: Changes<Settings> = {
  user: {
    /** An account with another number is not ours: somebody made it in the same moment, and ours was refused. */
    undo: async ({ user, uid, group, gid }, _, io) => {
      const { systemRoot } = io.places
      const isOurs = (found: number, announced: unknown): boolean => announced === null || found === announced
      if (readAccounts(systemRoot).users.some((one) => one.name === user && isOurs(one.uid, uid)))
        await tell('userdel', ['--', String(user)], io)
      // userdel may have taken the group along.
      const groups = readAccounts(systemRoot).groups.filter((one) => one.name === group)
      if (groups.some((one) => isOurs(one.gid, gid))) await tell('groupdel', ['--', String(group)], io)
    },
  },
}

async function tell(program: string, args: readonly string[], io: SourceIo): Promise<void> {
  io.log('info', `${program} ${args.at(-1)}`)
  await io.run(program, args, {
    signal: io.signal,
    onStdoutLine: (line) => io.log('out', line),
    onStderrLine: (line) => io.log('err', line),
  })
}
