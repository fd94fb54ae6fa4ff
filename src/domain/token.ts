// What a token lets its bearer do over the API.

/** api.md: `read` health, jobs, runs, archives; the others say it by their name. `admin`: everything. */
export const scopes = ['read', 'run', 'upload', 'download', 'delete', 'restore', 'admin'] as const
export type Scope = (typeof scopes)[number]

/** What two instances give each other when they pair, unless an admin chooses otherwise. */
export const pairingScopes: readonly Scope[] = ['read', 'run', 'upload', 'download', 'delete']

/** A token as it is known here; its secret is not. Times are epoch milliseconds. */
export interface ApiToken {
  readonly id: number
  readonly name: string
  readonly scopes: readonly Scope[]
  /** The peer that bears it; null: a script. */
  readonly peerId: number | null
  readonly createdAt: number
  readonly createdBy: string
  readonly lastUsedAt: number | null
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

/** Who calls the API. Nothing of another owner can be downloaded, deleted or uploaded further with it. */
export interface Caller {
  readonly tokenId: number
  /** For the activity log: `peer:tom` or `token:name`. */
  readonly actor: string
  /** Whose uploads and received archives are its own: `peer:<instance id or row id>` or `token:<id>`. */
  readonly owner: string
  /** As people know it. */
  readonly name: string
  readonly peerId: number | null
  readonly scopes: readonly Scope[]
}

/** Pure: those of them that this version knows, each once, in the usual order. A later version may name more. */
export function knownScopes(given: readonly string[]): readonly Scope[] {
  return scopes.filter((one) => given.includes(one))
}

/** Pure: a token with the scope, or with `admin`. */
export function allows(granted: readonly Scope[], wanted: Scope): boolean {
  return granted.includes(wanted) || granted.includes('admin')
}

/** Pure: a peer is confined to what it left here itself, unless an admin gave it everything. */
export function hasEverything(caller: Pick<Caller, 'peerId' | 'scopes'>): boolean {
  return caller.peerId === null || allows(caller.scopes, 'admin')
}

/** A secret's form: 32 random bytes as 64 hex characters. */
export const tokenPattern = /^[0-9a-f]{64}$/
