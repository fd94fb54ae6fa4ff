// The closed list of verbs with what does each. Every file is loaded when it is needed: a helper lives for one verb.
import { verbs, type Verb } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'
import type { Args, Handle, VerbContext } from './context.ts'
import type { VerbResults } from '../domain/helper-protocol.ts'

type Unchecked<V extends Verb> = (args: unknown, context: VerbContext) => Promise<VerbResults[V]>

const machine = () => import('./verbs/machine.ts')
const source = () => import('./verbs/source.ts')
const restore = () => import('./verbs/restore.ts')
const contents = () => import('./verbs/contents.ts')
const archives = () => import('./verbs/archives.ts')
const transfer = () => import('./verbs/transfer.ts')
const inbox = () => import('./verbs/inbox.ts')
const ssh = () => import('./verbs/ssh.ts')

const table: { readonly [V in Verb]: Unchecked<V> } = {
  disk: checked('disk', async () => (await machine()).disk),
  'yunohost.facts': checked('yunohost.facts', async () => (await machine()).facts),
  'source.check': checked('source.check', async () => (await source()).check),
  'source.estimate': checked('source.estimate', async () => (await source()).estimate),
  'source.produce': checked('source.produce', async () => (await source()).produce),
  'source.offers': checked('source.offers', async () => (await source()).offers),
  'restore.plan': checked('restore.plan', async () => (await restore()).plan),
  'restore.apply': checked('restore.apply', async () => (await restore()).apply),
  'restore.recover': checked('restore.recover', async () => (await restore()).recover),
  'drill.run': checked('drill.run', async () => (await restore()).drill),
  hook: checked('hook', async () => (await import('./verbs/hook.ts')).hook),
  'catalogue.scan': checked('catalogue.scan', async () => (await archives()).scan),
  'catalogue.read': checked('catalogue.read', async () => (await archives()).read),
  'archive.verify': checked('archive.verify', async () => (await archives()).verify),
  'archive.delete': checked('archive.delete', async () => (await archives()).remove),
  'archive.members': checked('archive.members', async () => (await contents()).members),
  'archive.bytes': checked('archive.bytes', async () => (await contents()).bytes),
  'archive.member': checked('archive.member', async () => (await contents()).member),
  'archive.extract': checked('archive.extract', async () => (await contents()).extract),
  'archive.compare': checked('archive.compare', async () => (await contents()).compare),
  'archive.import': checked('archive.import', async () => (await contents()).importFile),
  'archive.chunks': checked('archive.chunks', async () => (await transfer()).chunks),
  'receive.place': checked('receive.place', async () => (await transfer()).place),
  'receive.publish': checked('receive.publish', async () => (await transfer()).publish),
  'inbox.configure': checked('inbox.configure', async () => (await inbox()).configure),
  'inbox.open': checked('inbox.open', async () => (await inbox()).open),
  'inbox.take': checked('inbox.take', async () => (await inbox()).take),
  'inbox.clear': checked('inbox.clear', async () => (await inbox()).clear),
  'rsync.send': checked('rsync.send', async () => (await ssh()).send),
  'ssh.probe': checked('ssh.probe', async () => (await ssh()).probe),
  recover: checked('recover', async () => (await import('./verbs/recover.ts')).recover),
}

/** Checks the arguments and does what the verb says. `helper_refused` for arguments of another form. */
export function perform(verb: Verb, args: unknown, context: VerbContext): Promise<unknown> {
  return table[verb](args, context)
}

function checked<V extends Verb>(verb: V, load: () => Promise<Handle<V>>): Unchecked<V> {
  return async (args, context) => {
    const parsed = verbs[verb].safeParse(args)
    if (!parsed.success) {
      const wrong = parsed.error.issues.map((issue) => issue.path.join('.') || 'args')
      throw new Problem('helper_refused', {
        reason: `arguments of ${verb}: ${[...new Set(wrong)].join(', ')}`,
      })
    }
    const handle = await load()
    return handle(parsed.data as Args<V>, context)
  }
}
