// Gives an unpacked tree the owner and mode that the recipe says, before anybody else can see it.
import { chmodSync, lchownSync } from 'node:fs'
import { Problem } from '../../../domain/problem.ts'
import type { SourceIo } from '../../source.ts'
import { askNames, readAccounts } from '../accounts.ts'
import { bytes } from '../walk.ts'
import { eachEntry } from './tree.ts'

export interface Ids {
  readonly uid: number
  readonly gid: number
}

/**
 * Numbers of `user` or `user:group` (names or numbers); without a group the user's own one. Throws `restore_failed` when
 * there is no such user or group.
 */
export async function idsOf(owner: string, io: SourceIo): Promise<Ids> {
  const { users, groups } = readAccounts(io.places.systemRoot)
  const [name = '', groupName = ''] = owner.split(':')
  const isNumber = (text: string): boolean => /^\d+$/.test(text)
  const unknown = (): Problem => new Problem('restore_failed', { detail: `no such user or group: ${owner}` })
  const known = users.find((one) => one.name === name) ?? (await askNames('passwd', [name], io)).users[0]
  if (known === undefined && !isNumber(name)) throw unknown()
  const uid = known?.uid ?? Number(name)
  if (groupName === '') {
    const gid = known?.gid ?? users.find((one) => one.uid === uid)?.gid
    if (gid === undefined) throw unknown()
    return { uid, gid }
  }
  const group =
    groups.find((one) => one.name === groupName) ?? (await askNames('group', [groupName], io)).groups[0]
  if (group === undefined && !isNumber(groupName)) throw unknown()
  return { uid, gid: group?.gid ?? Number(groupName) }
}

/**
 * Changes the owner of everything in a tree, links themselves and not what they lead to. What has that owner already is not
 * touched: for the kernel even that would take setuid bits and capabilities away. The former are given again.
 */
export async function ownTree(root: string, ids: Ids, signal: AbortSignal): Promise<void> {
  await eachEntry(root, signal, (path, stats) => {
    if (Number(stats.uid) === ids.uid && Number(stats.gid) === ids.gid) return
    lchownSync(bytes(path), ids.uid, ids.gid)
    const mode = Number(stats.mode) & 0o7777
    if (stats.isFile() && (mode & 0o6000) !== 0) chmodSync(bytes(path), mode)
  })
}
