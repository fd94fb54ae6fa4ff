// The inbox in which other instances put archives by rsync.
import { clearInbox } from '../../archive/inbox/clear.ts'
import { configureInbox } from '../../archive/inbox/configure.ts'
import { openUpload } from '../../archive/inbox/open.ts'
import { takeUpload } from '../../archive/inbox/take.ts'
import type { Handle } from '../context.ts'

export const configure: Handle<'inbox.configure'> = async ({ peers }, { io }) => ({
  keys: await configureInbox(peers, io.places),
})

export const open: Handle<'inbox.open'> = async (args, { io }) => ({ basis: await openUpload(args, io) })

export const take: Handle<'inbox.take'> = async (args, { io }) => ({ sha256: await takeUpload(args, io) })

export const clear: Handle<'inbox.clear'> = async (args, { io }) => ({ removed: await clearInbox(args, io) })
