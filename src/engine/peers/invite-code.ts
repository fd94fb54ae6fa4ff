// Invitations as text: `bm1.` and base64url of what is in them as JSON.
import { inviteSchema, type Invite } from '../../domain/api/pairing.ts'
import { invalid } from '../../domain/problem.ts'

const PREFIX = 'bm1.'
const LONGEST = 4000

export function formatInvite(invite: Invite): string {
  return PREFIX + Buffer.from(JSON.stringify(invite)).toString('base64url')
}

/**
 * What was copied from a page, a letter or a terminal: spaces, line breaks and invisible characters in it do not count.
 * `validation_failed` on `code` when it is no invitation.
 */
export function parseInvite(text: string): Invite {
  const code = text.length > LONGEST ? '' : text.replace(/[\s\p{Cf}]/gu, '')
  const body = code.startsWith(PREFIX) ? code.slice(PREFIX.length) : ''
  if (/^[A-Za-z0-9_-]+$/.test(body)) {
    const invite = inviteSchema.safeParse(json(Buffer.from(body, 'base64url').toString()))
    if (invite.success) return invite.data
  }
  throw invalid({ field: 'code', code: 'invitation_invalid' })
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Cut off, or something else: no invitation.
    return null
  }
}
