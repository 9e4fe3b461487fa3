// Secrets that the server must be able to read again: AES-256-GCM under SECRET_KEY.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
/** Of the layout: version, nonce, tag, text. */
const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

export type SecretBox = {
  /** `owner` goes into the seal: put into another's row, it does not open. */
  seal(text: string, owner: string): Buffer
  /** Throws when it was sealed with another key or for another owner, or was changed. */
  open(sealed: Buffer, owner: string): string
}

/** `purpose` keeps keys that are made of one apart. */
export function createSecretBox(secretKey: Buffer, purpose: string): SecretBox {
  const key = Buffer.from(hkdfSync('sha256', secretKey, Buffer.alloc(0), `ridethrough ${purpose}`, KEY_BYTES))
  return {
    seal(text, owner) {
      // Random, since it must never repeat: with 96 bits that is safe for 2^32 secrets under one key.
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(owner))
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), sealed])
    },
    open(sealed, owner) {
      const tagAt = 1 + NONCE_BYTES
      if (sealed[0] !== VERSION || sealed.length < tagAt + TAG_BYTES)
        throw new Error('the secret is not sealed as ours are')
      const nonce = sealed.subarray(1, tagAt)
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(owner))
        .setAuthTag(sealed.subarray(tagAt, tagAt + TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(sealed.subarray(tagAt + TAG_BYTES)), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new Error('a stored secret does not open: is SECRET_KEY still the one that sealed it?', { cause })
      }
    },
  }
}

/** 32 bytes as hex or base64, or any text of at least 32 characters; `undefined` for what is too short to be a key. */
export function parseSecretKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  if (text.length < 32) return undefined
  return Buffer.from(hkdfSync('sha256', text, Buffer.alloc(0), 'ridethrough secret key', KEY_BYTES))
}
