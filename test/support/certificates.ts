// Authorities and server certificates for tests, made by openssl.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export type Authority = {
  /** File of its certificate, PEM. */
  readonly ca: string
  /** Writes a certificate for `localhost` and 127.0.0.1, with its key, over those that are there. */
  issue(name?: string): void
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
    issue: (subject = 'localhost') => {
      writeFileSync(at('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
      openssl(
        'req',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        `/CN=${subject}`,
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

/** A folder that is gone when the test is over. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ridethrough-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
