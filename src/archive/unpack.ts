// How GNU tar is called to unpack an archive that was found to be safe. Everything it could be clever about is said explicitly.
import { Problem } from '../domain/problem.ts'
import { CommandError, type Run } from '../sys/process.ts'

/** Untranslated messages; names are bytes in this locale. */
const environment = { LC_ALL: 'C' } as const
const full = /No space left on device|Disk quota exceeded/

/**
 * Unpacks the tar into an empty folder with everything that it keeps: modes, times, owners by number, attributes, ACLs, holes.
 * Rejects with `disk_full`, what reading the tar threw, or what `run` throws.
 */
export async function unpack(tar: AsyncIterable<Uint8Array>, folder: string, run: Run): Promise<void> {
  const asRoot = process.getuid?.() === 0
  try {
    await run(
      'tar',
      [
        '--extract',
        '--file=-',
        `--directory=${folder}`,
        '--preserve-permissions',
        asRoot ? '--same-owner' : '--no-same-owner',
        '--numeric-owner',
        '--xattrs',
        '--xattrs-include=*',
        '--acls',
        '--delay-directory-restore',
        '--no-wildcards',
        '--quoting-style=escape',
      ],
      { stdin: tar, env: environment, cwd: '/', maxStdout: 0 },
    )
  } catch (error) {
    throw full.test(error instanceof CommandError ? error.stderrTail : '')
      ? new Problem('disk_full', {}, { cause: error })
      : error
  }
}

/** The contents of the one file in the tar, with the holes of a sparse file filled, no faster than they are taken. */
export async function unpackToStdout(
  tar: AsyncIterable<Uint8Array>,
  run: Run,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  let taken: Promise<void> | undefined
  await run('tar', ['--extract', '--to-stdout', '--file=-'], {
    stdin: tar,
    env: environment,
    cwd: '/',
    maxStdout: 0,
    onStdoutChunk: (chunk) => void (taken = take(chunk)),
    ready: () => taken,
  })
}
