// Walks a tar that is read from a file: as it is, or through gunzip. Keeps YunoHost's description from inside it.
import { createGunzip } from 'node:zlib'
import { errorCode } from '../sys/files.ts'
import { infoMember } from './format.ts'
import { captureMember } from './member-capture.ts'
import { tarScanner, type TarMember } from './tar-scanner.ts'

export interface TarWalk {
  /** The chunk may be used again once this has come back. */
  push(chunk: Buffer): Promise<void>
  end(): Promise<Walked>
}

export interface Walked {
  readonly members: number
  readonly damage: string
  /** Contents of the member `info.json`, null when there is none. */
  readonly info: Buffer | null
}

/** An uncompressed tar. `onMember` is told of every member. */
export function plainWalk(onMember?: (member: TarMember) => void): TarWalk {
  const scanner = infoScanner(onMember)
  return {
    push: (chunk) => {
      scanner.push(chunk)
      return Promise.resolve()
    },
    end: () => Promise.resolve(scanner.end()),
  }
}

/** A compressed one. gzip's checksum comes at the very end; YunoHost itself never looks at it. */
export function gunzipWalk(onMember?: (member: TarMember) => void): TarWalk {
  const scanner = infoScanner(onMember)
  const gunzip = createGunzip({ chunkSize: 256 * 1024 })
  let failure = ''
  let complete = false
  // Node forgets to call a write back when the stream fails or ends in the middle of what was written.
  let release: (() => void) | null = null
  const over = new Promise<void>((resolve) => {
    gunzip.on('data', (chunk: Buffer) => scanner.push(chunk))
    gunzip.on('error', (error) => (failure ||= `gzip: ${errorCode(error) ?? error.message}`))
    for (const event of ['end', 'close']) {
      gunzip.once(event, () => {
        if (!complete) failure ||= 'data behind the gzip stream'
        release?.()
        resolve()
      })
    }
  })
  return {
    push: (chunk) => {
      if (failure !== '') return Promise.resolve()
      return new Promise((resolve) => {
        release = resolve
        gunzip.write(chunk, () => resolve())
      })
    },
    end: async () => {
      if (failure === '') {
        complete = true
        gunzip.end()
        await over
      }
      gunzip.destroy()
      const walked = scanner.end()
      return failure === '' ? walked : { ...walked, damage: failure }
    },
  }
}

function infoScanner(onMember?: (member: TarMember) => void): { push(chunk: Buffer): void; end(): Walked } {
  const capture = captureMember(infoMember)
  const scanner = tarScanner((member) => {
    capture.onMember(member)
    onMember?.(member)
  })
  return {
    push: (chunk) => {
      scanner.push(chunk)
      capture.push(chunk)
    },
    end: () => {
      const { members, damage } = scanner.end()
      return { members, damage, info: capture.bytes() }
    },
  }
}
