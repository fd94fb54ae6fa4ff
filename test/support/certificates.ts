// Certificates for servers on this machine, made by openssl: an authority of our own, good leaves and all kinds of bad ones.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './temp.ts'

export interface Leaf {
  /** PEM, for `createServer`. */
  readonly cert: string
  readonly key: string
  /** SHA-256 of the certificate, 64 hex characters. */
  readonly sha256: string
}

export interface LeafOptions {
  /** Default: `IP:127.0.0.1,IP:::1,DNS:localhost`. */
  readonly names?: string
  /** Its own issuer; the authority does not know it. */
  readonly selfSigned?: boolean
  /** It ended yesterday. */
  readonly expired?: boolean
}

export interface Authority {
  /** For `NODE_EXTRA_CA_CERTS`. */
  readonly file: string
  readonly pem: string
  leaf(options?: LeafOptions): Leaf
}

/** A new authority in `folder`; without one, in a folder that is removed when the running test has finished. */
export async function testAuthority(folder?: string): Promise<Authority> {
  const place = folder ?? (await temporaryFolder())
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: place, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '30',
    '-subj',
    '/CN=Test authority',
  )
  let made = 0
  return {
    file: join(place, 'ca.pem'),
    pem: readFileSync(join(place, 'ca.pem'), 'utf8'),
    leaf({ names = 'IP:127.0.0.1,IP:::1,DNS:localhost', selfSigned = false, expired = false } = {}) {
      made += 1
      const [key, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map(
        (end) => `leaf${made}.${end}`,
      ) as [string, string, string, string]
      writeFileSync(
        join(place, extensions),
        `subjectAltName=${names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n`,
      )
      openssl(
        'req',
        '-new',
        ...curve,
        '-keyout',
        key,
        '-out',
        request,
        '-subj',
        `/O=BackupManager test/CN=leaf ${made}`,
      )
      const signer = selfSigned ? ['-signkey', key] : ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
      // A negative number of days: the end lies before the beginning, and both in the past.
      const days = ['-days', expired ? '-1' : '30']
      openssl('x509', '-req', '-in', request, ...signer, ...days, '-extfile', extensions, '-out', cert)
      const pem = readFileSync(join(place, cert), 'utf8')
      return {
        cert: pem,
        key: readFileSync(join(place, key), 'utf8'),
        sha256: new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase(),
      }
    },
  }
}
