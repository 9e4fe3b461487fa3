// Bearer tokens: 256 random bits, shown once, kept as SHA-256. Full entropy, so no slow hash is needed.
import { createHash, randomBytes } from 'node:crypto'

const PREFIX = 'rt_'

/** `token` is for the holder only; `hash` is what the database keeps. */
export function mintToken(): { readonly token: string; readonly hash: Buffer } {
  const token = PREFIX + randomBytes(32).toString('base64url')
  return { token, hash: hashToken(token) }
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Whether a text has the form of a token of ours: others are refused without asking the database. */
export function isToken(text: string): boolean {
  return /^rt_[A-Za-z0-9_-]{43}$/.test(text)
}
