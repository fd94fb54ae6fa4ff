// What goes to the inboxes of other instances over SSH.
import { probeInbox, sendByRsync } from '../../archive/rsync-send.ts'
import type { Handle } from '../context.ts'

export const send: Handle<'rsync.send'> = (args, { io }) => sendByRsync(args, io)

export const probe: Handle<'ssh.probe'> = ({ server }, { io }) => probeInbox(server, io)
