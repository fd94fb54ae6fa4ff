// Every resource of the API, and what is true of all of them: who may ask, how errors look, what is not there.
import { Problem } from '../../domain/problem.ts'
import type { WebDeps } from '../page.ts'
import { mountArchiveBytes } from './archive-bytes.ts'
import { mountArchives } from './archives.ts'
import { authenticateKey } from './auth.ts'
import { createFrame, type Api } from './frame.ts'
import { mountHealth } from './health.ts'
import { mountJobs } from './jobs.ts'
import { mountOpenApi } from './openapi.ts'
import { answerApiProblem } from './problems.ts'
import { mountPairing } from './pairing.ts'
import { mountRestores } from './restores.ts'
import { mountRuns } from './runs.ts'
import { mountTokens } from './tokens.ts'
import { mountTransfers } from './transfers.ts'
import { mountUploads } from './uploads.ts'

/** Uploads come before the archives: `upload` is no archive's name there. */
const resources: readonly ((api: Api, deps: WebDeps) => void)[] = [
  mountHealth,
  mountJobs,
  mountRuns,
  mountUploads,
  mountArchives,
  mountArchiveBytes,
  mountTransfers,
  mountRestores,
  mountPairing,
  mountTokens,
]

/** The API, to be mounted at `/api/v1`. */
export function createApi(deps: WebDeps): Api {
  const authenticate = authenticateKey(deps)
  const api = createFrame(authenticate)
  api.app.onError(answerApiProblem(deps))
  mountOpenApi(api, deps)
  for (const mount of resources) mount(api, deps)
  // What is not there looks like everything else to those without a key: nobody can try out what there is.
  api.app.all('*', authenticate, () => {
    throw new Problem('endpoint_not_found', { version: deps.version })
  })
  return api
}
