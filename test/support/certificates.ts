// Authorities and server certificates for tests, made by openssl.
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export type Authority = {
  /** File of its certificate, PEM. */
  readonly ca: string
  /** Writes a certificate, for `localhost` and 127.0.0.1 or for these names, with its key, over those that are there. */
  issue(names?: string): void
  readonly certPath: string
  readonly keyPath: string
}

export function makeAuthority(folder: string, name = 'authority'): Authority {
  const at = (file: string) => join(folder, `${name}-${file}`)
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '30',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  )
  const [certPath, keyPath] = [at('server.pem'), at('server.key')]
  const authority = {
    ca: at('ca.pem'),
    certPath,
    keyPath,
    issue: (names = 'DNS:localhost,IP:127.0.0.1') => {
      writeFileSync(at('ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`)
      openssl(
        'req',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=server',
        '-keyout',
        at('new.key'),
        '-out',
        at('csr'),
      )
      openssl(
        'x509',
        '-req',
        '-in',
        at('csr'),
        '-CA',
        at('ca.pem'),
        '-CAkey',
        at('ca.key'),
        '-days',
        '20',
        '-extfile',
        at('ext'),
        '-out',
        at('new.pem'),
      )
      execFileSync('cp', [at('new.key'), keyPath])
      execFileSync('cp', [at('new.pem'), certPath])
    },
  }
  authority.issue()
  return authority
}

export type ClientKey = {
  /** PEM, both, as a TLS client takes them. */
  readonly key: Buffer
  readonly cert: Buffer
  /** SHA-256 of the public key (SPKI, DER). */
  readonly hash: Buffer
}

/** Another certificate for the key of a `makeClientKey`, PEM. */
export function certificateOf(folder: string, name: string, subject: string): Buffer {
  const path = join(folder, `${name}.again.pem`)
  openssl('req', '-x509', '-key', join(folder, `${name}.key`), '-days', '9', '-subj', `/CN=${subject}`, '-out', path)
  return readFileSync(path)
}

/** A certificate that a client made itself, good for `days`. */
export function makeClientKey(folder: string, name: string, days = 90): ClientKey {
  const at = (file: string) => join(folder, `${name}.${file}`)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key')]
  openssl('req', '-x509', ...key, '-days', String(days), '-subj', `/CN=${name}`, '-out', at('pem'))
  const cert = readFileSync(at('pem'))
  const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
  return { key: readFileSync(at('key')), cert, hash: createHash('sha256').update(spki).digest() }
}

/** A folder that is gone when the test is over. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ridethrough-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
