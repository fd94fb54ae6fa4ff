// The exchange by which two instances come to know each other.
import { z } from 'zod'
import { tokenPattern } from '../token.ts'
import { instanceId, sha256 } from './common.ts'
import { instanceSchema } from './summary.ts'

/** As they were sent, because they are signed: unknown ones of a later version are left out by the reader. */
const sentScopes = z.array(z.string().min(1).max(60)).max(50)
const tokenText = z.string().regex(tokenPattern)
/** SPKI, DER, base64. */
const publicKey = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/)
/** Ed25519, base64. */
const signature = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/)

export const sshOfferSchema = z.object({
  /** How the other may reach our inbox; null when we have none. */
  inbox: z
    .object({
      host: z
        .string()
        .min(1)
        .max(255)
        .regex(/^[A-Za-z0-9.:-]+$/),
      port: z.number().int().min(1).max(65_535),
      user: z
        .string()
        .min(1)
        .max(32)
        .regex(/^[a-z_][a-z0-9_-]*$/),
      host_keys: z
        .array(
          z
            .string()
            .max(2000)
            .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$/),
        )
        .min(1)
        .max(10),
    })
    .nullable(),
  /** Our public key: what we come to the other's inbox with. */
  public_key: z
    .string()
    .max(2000)
    .regex(/^ssh-ed25519 [A-Za-z0-9+/]+={0,2}$/),
})
export type SshOffer = z.infer<typeof sshOfferSchema>

/** The code that A shows: bound to A's URL and key. As text: `bm1.` and base64url of this as JSON. */
export const inviteSchema = z.object({
  v: z.literal(1),
  url: z.url({ protocol: /^https?$/ }).max(500),
  id: instanceId,
  secret: z.string().regex(/^[A-Za-z0-9_-]{22,64}$/),
  /** Fingerprint of A's certificate, when no authority vouches for it. */
  pin: sha256.optional(),
})
export type Invite = z.infer<typeof inviteSchema>

/** B to A. `signature` is B's, over {@link joinText}. */
export const joinSchema = z.object({
  secret: z.string().min(10).max(100),
  instance: instanceSchema,
  public_key: publicKey,
  /** The token for A to use with B, and what it allows. */
  token: tokenText,
  scopes: sentScopes,
  nonce: z.string().min(16).max(100),
  ssh: sshOfferSchema.nullable().default(null),
  /** Fingerprint of B's certificate, when no authority vouches for it. */
  pin: sha256.optional(),
  signature,
})
export type JoinRequest = z.infer<typeof joinSchema>

/** A to B. `signature` is A's, over {@link joinedText}. */
export const joinedSchema = z.object({
  instance: instanceSchema,
  public_key: publicKey,
  token: tokenText,
  scopes: sentScopes,
  ssh: sshOfferSchema.nullable().default(null),
  signature,
})
export type JoinAnswer = z.infer<typeof joinedSchema>

/** What B signs: everything it says, the secret included, in one fixed form. */
export function joinText(join: Omit<JoinRequest, 'signature'>, inviterId: string): string {
  return JSON.stringify([
    'backupmanager-join-1',
    inviterId,
    join.secret,
    join.nonce,
    join.instance.id,
    join.instance.name,
    join.instance.url,
    join.public_key,
    join.token,
    join.scopes,
    join.ssh,
    // Without one the text is that of instances which know of none.
    ...(join.pin === undefined ? [] : [join.pin]),
  ])
}

/** What A signs: its answer, for this B and this nonce only. */
export function joinedText(answer: Omit<JoinAnswer, 'signature'>, joinerId: string, nonce: string): string {
  return JSON.stringify([
    'backupmanager-joined-1',
    joinerId,
    nonce,
    answer.instance.id,
    answer.instance.name,
    answer.instance.url,
    answer.public_key,
    answer.token,
    answer.scopes,
    answer.ssh,
  ])
}
