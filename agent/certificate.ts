// A self-signed certificate for a TLS client (RFC 5280): node:crypto makes keys and reads certificates, but writes none.
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** PEM, both. */
export type KeyAndCertificate = { readonly key: string; readonly certificate: string }

export type CertificateSubject = {
  /** Common name, at most 64 characters (RFC 5280 appendix A.1, ub-common-name). */
  readonly commonName: string
  /** Milliseconds since 1970, to the second. */
  readonly notBefore: number
  readonly notAfter: number
}

/** A new key on the curve P-256, and the certificate that carries it. */
export function makeKeyAndCertificate(subject: CertificateSubject): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const tbs = toBeSigned(subject, spkiOf(publicKey))
  const certificate = sequence(tbs, ECDSA_WITH_SHA256, bitString(sign('sha256', tbs, privateKey)))
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate: toPem(certificate) }
}

/** SHA-256 of the public key (SPKI, DER), in hex: what a server recognises the holder by. */
export function hashOfKey(privateKeyPem: string): string {
  return createHash('sha256')
    .update(spkiOf(createPublicKey(privateKeyPem)))
    .digest('hex')
}

function spkiOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific, constructed: explicit tags 0 and 3 of TBSCertificate. */
  version: 0xa0,
  extensions: 0xa3,
} as const

const OID = {
  commonName: '2.5.4.3',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const

const V3 = 2
const ECDSA_WITH_SHA256 = sequence(oid(OID.ecdsaWithSha256))

/** RFC 5280 section 4.1.2: TBSCertificate. */
function toBeSigned({ commonName, notBefore, notAfter }: CertificateSubject, spki: Buffer): Buffer {
  const name = sequence(node(TAG.set, sequence(oid(OID.commonName), node(TAG.utf8String, Buffer.from(commonName)))))
  return sequence(
    node(TAG.version, integer(Buffer.from([V3]))),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    spki,
    node(TAG.extensions, sequence(...extensions())),
  )
}

function extensions(): Buffer[] {
  const critical = node(TAG.boolean, Buffer.from([0xff]))
  const extension = (id: string, value: Buffer, ...flags: Buffer[]) =>
    sequence(oid(id), ...flags, node(TAG.octetString, value))
  return [
    // an empty sequence: no authority, which is the default and is left out in DER
    extension(OID.basicConstraints, sequence(), critical),
    // digitalSignature is bit 0: seven unused bits behind it
    extension(OID.keyUsage, node(TAG.bitString, Buffer.from([7, 0x80])), critical),
    extension(OID.extendedKeyUsage, sequence(oid(OID.clientAuth))),
  ]
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets, and not to be guessed. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
function time(at: number): Buffer {
  const digits = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '')
  const year = Number(digits.slice(0, 4))
  if (year >= 1950 && year < 2050) return node(TAG.utcTime, Buffer.from(digits.slice(2)))
  return node(TAG.generalizedTime, Buffer.from(digits))
}

function sequence(...parts: Buffer[]): Buffer {
  return node(TAG.sequence, ...parts)
}

function bitString(bytes: Buffer): Buffer {
  return node(TAG.bitString, Buffer.from([0]), bytes)
}

/** `bytes` big-endian, its first bit clear: DER's integers are signed. */
function integer(bytes: Buffer): Buffer {
  return node(TAG.integer, bytes)
}

/** X.690 section 8.19: the first two arcs share an octet, each further one takes seven bits an octet. */
function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return node(TAG.oid, Buffer.from(octets))
}

/** X.690 section 8.1: tag, definite length in its shortest form, contents. */
function node(tag: number, ...parts: Buffer[]): Buffer {
  const contents = Buffer.concat(parts)
  const { length } = contents
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), contents])
  const octets = length < 0x100 ? [length] : [length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, 0x80 | octets.length, ...octets]), contents])
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
