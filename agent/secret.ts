// By what this agent is known to the server: a token, or a key with a certificate of its own making. Each has its time.
import { createHash, randomBytes } from 'node:crypto'
import type { NextIdentity } from '@ridethrough/protocol/message/agent.ts'
import { z } from 'zod'
import { hashOfKey, makeKeyAndCertificate } from './certificate.ts'

export const SECRET_KINDS = ['token', 'certificate'] as const
export type SecretKind = (typeof SECRET_KINDS)[number]

/** Milliseconds since 1970. After two thirds of its life the next one is made. */
const Life = { madeAt: z.number(), expiresAt: z.number() }

export const Secret = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('token'),
    /** 256 bits, base64url: the password at the broker. */
    token: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
    ...Life,
  }),
  z.strictObject({
    kind: z.literal('certificate'),
    /** PEM, both. */
    key: z.string().startsWith('-----BEGIN PRIVATE KEY-----'),
    certificate: z.string().startsWith('-----BEGIN CERTIFICATE-----'),
    ...Life,
  }),
])
export type Secret = Readonly<z.infer<typeof Secret>>

/** The server's clock and ours may differ: a certificate begins a little before it is made. */
const CLOCK_DIFFERENCE_MS = 3_600_000
const DAY_MS = 86_400_000
/** X.509 knows no later year, and a clock that is that far off is set right some day. */
const LATEST = Date.UTC(9999, 11, 31)

export function makeSecret(kind: SecretKind, agentId: string, now: number, lifeMs: number): Secret {
  const life = { madeAt: now, expiresAt: Math.min(now + lifeMs, LATEST) }
  if (kind === 'token') return { kind, token: randomBytes(32).toString('base64url'), ...life }
  const subject = { commonName: agentId, notBefore: now - CLOCK_DIFFERENCE_MS, notAfter: life.expiresAt }
  return { kind, ...makeKeyAndCertificate(subject), ...life }
}

/** What the server keeps of it, and is told before it is used. */
export function hashOfSecret(secret: Secret): NextIdentity {
  if (secret.kind === 'certificate') return { kind: secret.kind, hash: hashOfKey(secret.key) }
  return { kind: secret.kind, hash: createHash('sha256').update(secret.token).digest('hex') }
}

/** Whether the next one should be made; also when it comes from a clock that was far ahead. */
export function isDue({ madeAt, expiresAt }: Secret, now: number): boolean {
  return now >= madeAt + ((expiresAt - madeAt) * 2) / 3 || now < madeAt - DAY_MS
}

/** A certificate is shown in TLS only. */
export function isUsableAt(secret: Secret, url: string): boolean {
  return secret.kind === 'token' || url.startsWith('mqtts:')
}
