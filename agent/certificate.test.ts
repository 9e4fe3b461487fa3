import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hashOfKey, makeKeyAndCertificate } from './certificate.ts'
import { testFolder } from './support/folder.ts'

const NAME = '0198c2f0-0000-7000-8000-000000000001'

test.each([
  [Date.UTC(2026, 4, 1, 12), Date.UTC(2026, 6, 30, 12)],
  // the last UTCTime and the first GeneralizedTime (RFC 5280 section 4.1.2.5)
  [Date.UTC(1970, 0, 1), Date.UTC(2049, 11, 31, 23, 59, 59)],
  [Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1)],
  [Date.UTC(2100, 0, 1), Date.UTC(9999, 11, 31, 23, 59, 59)],
])('a certificate from %i to %i is read as it was written', (notBefore, notAfter) => {
  const { key, certificate } = makeKeyAndCertificate({ commonName: NAME, notBefore, notAfter })
  const read = new X509Certificate(certificate)
  expect(read.verify(read.publicKey)).toBe(true)
  expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(read.subject).toBe(`CN=${NAME}`)
  expect(read.issuer).toBe(read.subject)
  expect([read.validFromDate.getTime(), read.validToDate.getTime()]).toEqual([notBefore, notAfter])
  expect(read.ca).toBe(false)
  expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
  expect(read.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
})

test('openssl takes it for a strict client certificate, and computes the same hash of the key', () => {
  const folder = testFolder()
  const now = Date.now()
  const { key, certificate } = makeKeyAndCertificate({
    commonName: NAME,
    notBefore: now - 60_000,
    notAfter: now + 86_400_000,
  })
  const path = join(folder, 'cert.pem')
  writeFileSync(path, certificate)
  const run = (...args: string[]) => execFileSync('openssl', args, { encoding: 'latin1' })
  expect(run('verify', '-x509_strict', '-check_ss_sig', '-purpose', 'sslclient', '-CAfile', path, path)).toContain('OK')
  const text = run('x509', '-in', path, '-noout', '-text')
  for (const line of [
    'Version: 3 (0x2)',
    'ecdsa-with-SHA256',
    'CA:FALSE',
    'Digital Signature',
    'TLS Web Client Authentication',
  ]) {
    expect(text).toContain(line)
  }
  const spki = execFileSync('sh', [
    '-c',
    `openssl x509 -in ${path} -noout -pubkey | openssl pkey -pubin -outform der | sha256sum`,
  ])
  expect(spki.toString().slice(0, 64)).toBe(hashOfKey(key))
})

test('no two have the key or the number in common', () => {
  const made = Array.from({ length: 20 }, () =>
    makeKeyAndCertificate({ commonName: NAME, notBefore: 0, notAfter: 1000 }),
  )
  expect(new Set(made.map(({ key }) => hashOfKey(key))).size).toBe(20)
  const numbers = made.map(({ certificate }) => new X509Certificate(certificate).serialNumber)
  expect(new Set(numbers).size).toBe(20)
  for (const number of numbers) expect(number).toMatch(/^[4-7][0-9A-F]{31}$/)
})
