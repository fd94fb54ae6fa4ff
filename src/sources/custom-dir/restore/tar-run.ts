// How GNU tar is called to unpack: everything that it could be clever about is said explicitly. Tried with 1.34 and 1.35.
import { isProblem, Problem } from '../../../domain/problem.ts'
import { CommandError } from '../../../sys/process.ts'
import type { SourceIo } from '../../source.ts'

export interface TarCall {
  /** An empty directory. */
  readonly into: string
  /** Names in the path of the saved directory in the tar. */
  readonly depth: number
  readonly from:
    | { readonly stream: AsyncIterable<Buffer> }
    /** A plain tar, the directory in it, and about how many bytes that takes there. */
    | { readonly file: string; readonly member: string; readonly bytes: number }
}

export interface TarReport {
  /** Messages that attributes or ACLs could not be set, and the first of them. */
  readonly attributesLost: number
  readonly firstLost: string
}

const linesLogged = 200
/** 128 KiB at a time, as for writing. */
const blockingFactor = 256
const recordBytes = blockingFactor * 512
/** A word on the progress every 16 MiB. */
const checkpointRecords = 128
const checkpointWord = 'unpacked-records:'

/** Throws `disk_full`, `restore_failed`, `cancelled`, or what reading the stream threw. */
export async function runTar(call: TarCall, io: SourceIo): Promise<TarReport> {
  let logged = 0
  let attributesLost = 0
  let firstLost = ''
  let full = false
  const onStderrLine = (line: string): void => {
    const records = new RegExp(`${checkpointWord}(\\d+)$`).exec(line)?.[1]
    if (records !== undefined) {
      if ('file' in call.from)
        io.progress(Math.min(Number(records) * recordBytes, call.from.bytes), call.from.bytes)
      return
    }
    logged += 1
    if (logged <= linesLogged) io.log('err', line)
    if (/No space left on device|Disk quota exceeded/.test(line)) full = true
    if (!/xattr|acl_/.test(line)) return
    attributesLost += 1
    firstLost ||= line
  }
  const stdin = 'stream' in call.from ? { stdin: call.from.stream } : {}
  const options = { signal: io.signal, env: { LC_ALL: 'C' }, maxStdout: 0, onStderrLine, ...stdin }
  try {
    await io.run('tar', tarArguments(call), options)
  } catch (error) {
    if (full) throw new Problem('disk_full', {}, { cause: error })
    if (!(error instanceof CommandError)) throw error
    if (isProblem(error.cause)) throw error.cause
    if (error.ended.how !== 'exit') throw error
    throw new Problem('restore_failed', { detail: 'tar could not unpack all of it' }, { cause: error })
  }
  return { attributesLost, firstLost }
}

function tarArguments({ into, depth, from }: TarCall): string[] {
  const checkpoint = [`--checkpoint=${checkpointRecords}`, `--checkpoint-action=echo=${checkpointWord}%u`]
  return [
    '--extract',
    ...('file' in from ? [`--file=${from.file}`, '--force-local', ...checkpoint] : ['--file=-']),
    `--blocking-factor=${blockingFactor}`,
    `--directory=${into}`,
    // The saved directory keeps its own name: a member without a name would be passed over, attributes and all.
    `--strip-components=${depth - 1}`,
    '--same-owner',
    '--same-permissions',
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
    '--delay-directory-restore',
    '--quoting-style=escape',
    '--warning=no-timestamp',
    ...('file' in from ? ['--no-wildcards', '--anchored', '--no-unquote', '--', from.member] : []),
  ]
}
