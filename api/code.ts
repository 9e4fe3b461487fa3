// Confirmation codes: made, hashed, never kept.
import { createHash, randomBytes } from 'node:crypto'
import { formatCode, normaliseCode } from '@ridethrough/protocol/code.ts'

export type Code = { readonly text: string; readonly hash: Buffer }

export const CODE_TRIES = 5

/** Proves an address: 40 random bits, as `7K3M-9QXD`. */
export const ADDRESS_CODE = { characters: 8, group: 4, lifetimeMs: 30 * 60_000 } as const
/** Stands in for a second factor: 120 random bits, so that SHA-256 is enough to keep it (OWASP ASVS 5.0 6.5.2). */
export const RECOVERY_CODE = { characters: 24, group: 6 } as const
/** Accepts an invitation: 50 random bits, as `7K3M9-QXD2A`. How long it lives is a setting (R41). */
export const INVITATION_CODE = { characters: 10, group: 5 } as const

/** Makes the first account of an installation: 60 random bits; another is made at each start. */
export const OPERATOR_CODE = { characters: 12, group: 4, lifetimeMs: 24 * 3_600_000 } as const

export function mintCode({ characters, group }: { characters: number; group: number }): Code {
  const random = normaliseCode(formatCode(randomBytes(Math.ceil((characters * 5) / 8)), characters * 2))
  const plain = random.slice(0, characters)
  const text = plain.match(new RegExp(`.{1,${group}}`, 'g'))?.join('-') ?? plain
  return { text, hash: hashCode(text) }
}

/** SHA-256 of the code as typed, however it was typed. */
export function hashCode(text: string): Buffer {
  return createHash('sha256').update(normaliseCode(text)).digest()
}
