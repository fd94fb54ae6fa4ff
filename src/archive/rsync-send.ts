// Runs rsync and ssh to a peer's inbox. As root, because only root may read archives; with no configuration but ours.
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../domain/problem.ts'
import { createRsyncOutput, sshFailure, type RsyncStats } from '../domain/rsync-output.ts'
import { partialFolder, rsyncTimeoutS } from '../domain/rsync-server.ts'
import { CommandError, type Run } from '../sys/process.ts'
import { withPrivateFile } from '../sys/private-file.ts'
import { knownHosts, sshAlias, sshConfig, type SshServer } from '../sys/ssh-config.ts'
import { sshKeyFile } from '../sys/ssh-key-file.ts'
import { asProblem } from '../sys/failure.ts'
import { mustLocate } from './locate.ts'
import { openRegular } from './open-regular.ts'

export interface RsyncOrder {
  /** The archive. */
  readonly name: string
  /** Size of its file. */
  readonly expected: number
  readonly server: SshServer
  readonly uploadId: string
  readonly filename: string
  /** KiB per second; null: no limit. */
  readonly bandwidthKib: number | null
}

export interface SshIo {
  readonly run: Run
  readonly signal: AbortSignal
  readonly places: { readonly archivesDir: string; readonly dataDir: string }
  progress(done: number, total: number | null): void
}

const probeMs = 45_000

/**
 * Sends the archive's file; what came before is kept and gone on with. Rejects with `ssh_failed`, `ssh_host_key_changed`,
 * `command_failed`, `tool_missing`, `archive_not_found`, `archive_truncated`, or as `asProblem`.
 */
export async function sendByRsync(order: RsyncOrder, io: SshIo): Promise<RsyncStats> {
  const { name, expected, server } = order
  const found = mustLocate(io.places.archivesDir, name)
  // rsync would send a link as a link.
  const path = await realpath(found.path)
  const file = await openRegular(found.path, found.stats)
  try {
    const { size } = await file.stat()
    if (size !== expected || found.file !== order.filename) {
      throw new Problem('archive_truncated', {
        archive: name,
        detail: `${size} bytes, expected were ${expected}`,
      })
    }
  } finally {
    await file.close()
  }
  return withSshConfig(server, io, async (config) => {
    const output = createRsyncOutput((done) => io.progress(Math.min(done, expected), expected))
    await started('rsync', server, () =>
      io.run('rsync', rsyncArguments(path, config, order), {
        maxStdout: 0,
        onStdoutChunk: (chunk) => output.push(chunk.toString('latin1')),
      }),
    )
    return output.stats()
  })
}

/** Pure. `config`: the file for `ssh -F`. */
export function rsyncArguments(
  path: string,
  config: string,
  order: Pick<RsyncOrder, 'uploadId' | 'filename' | 'bandwidthKib'>,
): string[] {
  return [
    // Its time tells a file that has come whole from one that has not.
    '--times',
    `--partial-dir=${partialFolder}`,
    '--fuzzy',
    `--timeout=${rsyncTimeoutS}`,
    '--no-human-readable',
    '--info=progress2',
    '--stats',
    '--outbuf=L',
    ...(order.bandwidthKib === null ? [] : [`--bwlimit=${order.bandwidthKib}`]),
    '--rsh',
    `ssh -F '${config.replaceAll("'", "''")}'`,
    '--',
    path,
    `${sshAlias}:${order.uploadId}/${order.filename}`,
  ]
}

/** What the peer's inbox says, and the first line of our `rsync --version`. Rejects as above. */
export async function probeInbox(server: SshServer, io: SshIo): Promise<{ answer: string; rsync: string }> {
  const rsync = await started('rsync', server, () => io.run('rsync', ['--version'], { timeoutMs: probeMs }))
  const ssh = await withSshConfig(server, io, (config) =>
    started('ssh', server, () => io.run('ssh', ['-F', config, sshAlias, 'probe'], { timeoutMs: probeMs })),
  )
  return { answer: firstLine(ssh.stdout), rsync: firstLine(rsync.stdout) }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replaceAll(/\p{C}/gu, '').slice(0, 200)
}

function withSshConfig<T>(
  server: SshServer,
  { places }: SshIo,
  work: (config: string) => Promise<T>,
): Promise<T> {
  const identity = join(places.dataDir, 'keys', sshKeyFile)
  return withPrivateFile(knownHosts(server), (known) =>
    withPrivateFile(sshConfig(server, { knownHosts: known, identity }), work),
  )
}

async function started<T>(tool: 'rsync' | 'ssh', server: SshServer, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof CommandError) || error.ended.how !== 'exit') throw asProblem(error)
    throw sshFailure(tool, error.ended.code, error.stderrTail, server)
  }
}
