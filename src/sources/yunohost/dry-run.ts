// Asks YunoHost how big a backup would be. A dry run calls the backup scripts and leaves its work dir behind.
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Estimate } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import type { SourceIo } from '../source.ts'
import { changeWithYunohost } from './command.ts'
import { wantedArgs, type CreateCall } from './create.ts'
import { removeWorkDir, workDirOf } from '../../archive/work-dir.ts'

const sizeSchema = z.object({ size: z.number().nonnegative() })

/** Bytes of the collected files, a little less than the tar will take. Throws as `backup create` does. */
export async function dryRun(call: Omit<CreateCall, 'type'>, io: SourceIo): Promise<Estimate> {
  const name = `bm-estimate-${randomBytes(8).toString('hex')}`
  const workDir = workDirOf(io.places.archivesDir, name)
  try {
    const args = ['backup', 'create', '--dry-run', '--name', name, ...wantedArgs(call.wanted)]
    const { answer } = await changeWithYunohost(io, args, sizeSchema, {
      lockWaitS: call.lockWaitS,
      ...(call.coreOnly && { env: { BACKUP_CORE_ONLY: '1' } }),
    })
    return { bytes: answer.size, files: null }
  } catch (error) {
    // Nothing that could be saved needs no space; the backup itself will say what is wrong.
    if (error instanceof Problem && error.code === 'nothing_backed_up') return { bytes: null, files: null }
    throw error
  } finally {
    if ((await removeWorkDir(workDir)) === 'mounted') {
      io.log('err', `left ${workDir}: something is mounted in it`)
    }
  }
}
