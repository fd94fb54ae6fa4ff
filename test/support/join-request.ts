// What an instance sends to another one that showed it a code, written and signed by a test.
import { randomBytes } from 'node:crypto'
import { joinText, type JoinRequest } from '../../src/domain/api/pairing.ts'
import { pairingScopes } from '../../src/domain/token.ts'
import { keyText, signText } from '../../src/engine/peers/identity.ts'
import { parseInvite } from '../../src/engine/peers/invite-code.ts'
import { loadInstanceKey } from '../../src/sys/instance-key.ts'
import type { LocalInstance } from './local-instances.ts'

/** What jerry would send to whoever showed the code; signed after the change. */
export async function joinRequest(
  jerry: LocalInstance,
  code: string,
  change: Partial<Omit<JoinRequest, 'signature'>> = {},
): Promise<JoinRequest> {
  const invite = parseInvite(code)
  const identity = await loadInstanceKey(jerry.dataDir)
  const unsigned = {
    secret: invite.secret,
    instance: { id: identity.id, name: jerry.name, url: jerry.url },
    public_key: keyText(identity),
    token: randomBytes(32).toString('hex'),
    scopes: [...pairingScopes],
    nonce: randomBytes(24).toString('base64url'),
    ssh: null,
    ...change,
  }
  return { ...unsigned, signature: signText(identity, joinText(unsigned, invite.id)) }
}
