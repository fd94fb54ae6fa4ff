// One row for every endpoint of the API: how to ask it so that only the key decides what comes of it.
// `src/web/api/matrix.test.ts` asks each with every kind of key. A new endpoint needs a row here.
import type { ApiAsk } from './api.ts'

export interface MatrixRow {
  readonly path: string
  readonly ask?: ApiAsk
  /** What comes of it when the key allows it: the status of success, or a refusal that has nothing to do with the key. */
  readonly allowed: number
  /** It reaches only what is a peer's own: for others it does not exist, and this is what they are told. */
  readonly owned?: 'archive_not_found' | 'transfer_not_found'
}

/** Of the archive `mine_wiki_20261121`, which the peer `own` has left, of job 1 with its run 1, and of transfer 1, which it has ordered. */
export const matrix: Readonly<Record<string, MatrixRow>> = {
  'get /health': { path: '/health', allowed: 200 },
  'get /summary': { path: '/summary', allowed: 200 },
  'get /jobs': { path: '/jobs', allowed: 200 },
  'get /jobs/{id}/runs': { path: '/jobs/1/runs', allowed: 200 },
  'post /jobs/{id}/run': { path: '/jobs/1/run', allowed: 202 },
  'get /runs/{id}': { path: '/runs/1', allowed: 200 },
  'post /runs/{id}/cancel': { path: '/runs/1/cancel', allowed: 409 },
  'get /archives': { path: '/archives', allowed: 200 },
  'get /archives/{name}/info': { path: '/archives/mine_wiki_20261121/info', allowed: 200 },
  'delete /archives/{name}': {
    path: '/archives/mine_wiki_20261121',
    allowed: 204,
    owned: 'archive_not_found',
  },
  'post /archives/{name}/verify': { path: '/archives/mine_wiki_20261121/verify', allowed: 202 },
  'put /archives/{name}/pin': { path: '/archives/mine_wiki_20261121/pin', allowed: 200 },
  'delete /archives/{name}/pin': { path: '/archives/mine_wiki_20261121/pin', allowed: 200 },
  'get /archives/{name}/contents': {
    path: '/archives/mine_wiki_20261121/contents',
    allowed: 200,
    owned: 'archive_not_found',
  },
  'get /archives/{name}/download': {
    path: '/archives/mine_wiki_20261121/download',
    allowed: 200,
    owned: 'archive_not_found',
  },
  'post /archives/{name}/transfer': {
    path: '/archives/mine_wiki_20261121/transfer',
    ask: { json: { destination_id: 999 } },
    allowed: 404,
    owned: 'archive_not_found',
  },
  'get /transfers/{id}': { path: '/transfers/1', allowed: 200, owned: 'transfer_not_found' },
  'post /transfers/{id}/cancel': { path: '/transfers/1/cancel', allowed: 202, owned: 'transfer_not_found' },
  'post /archives/{name}/restore': {
    path: '/archives/mine_wiki_20261121/restore',
    ask: { json: { options: { dry_run: true } } },
    allowed: 200,
  },
  'get /archives/{name}/restore/status': {
    path: '/archives/mine_wiki_20261121/restore/status',
    allowed: 404,
  },
  'post /archives/upload/start': { path: '/archives/upload/start', ask: { json: {} }, allowed: 422 },
  'post /archives/upload/{id}/chunk/{n}': {
    path: '/archives/upload/none/chunk/0',
    ask: {
      body: 'x',
      headers: {
        'content-type': 'application/octet-stream',
        'content-digest': 'sha-256=:LXEWQrcmsETE0YuGqbiW2+tpQdEcYT6GkB1cEHpRPIk=:',
      },
    },
    allowed: 404,
  },
  'post /archives/upload/{id}/finish': {
    path: '/archives/upload/none/finish',
    ask: { json: {} },
    allowed: 404,
  },
  'get /archives/upload/{id}': { path: '/archives/upload/none', allowed: 404 },
  'delete /archives/upload/{id}': { path: '/archives/upload/none', allowed: 204 },
  'post /pairing/join': { path: '/pairing/join', ask: { json: {} }, allowed: 422 },
  'post /tokens/rotate': { path: '/tokens/rotate', allowed: 200 },
}
