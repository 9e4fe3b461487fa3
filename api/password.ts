// Passwords: argon2id as PHC strings, a bounded number at a time.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { createTurns } from './turns.ts'

/** OWASP's second choice: 19 MiB, two passes, one lane; about 60 ms of one core. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const
const SALT_BYTES = 16
const TAG_BYTES = 32
/** Each takes 19 MiB and a thread of libuv's pool, of which there are four for everything. */
const PARALLEL = 2
const LONGEST_QUEUE = 100

const derive = promisify(argon2)

/** `from` names who asks, such as a network: where many wait, those who ask for much wait for themselves. */
export type Passwords = {
  hash(password: string, from?: string): Promise<string>
  /** False for a wrong password, and, after as long a time, for `undefined`: nobody can tell an unknown address by the clock. */
  verify(password: string, phc: string | undefined, from?: string): Promise<boolean>
}

/** Rejects with `too-many-tries` when so many wait that an answer would come too late to be of use. */
export function createPasswords(): Passwords {
  const inTurn = createTurns(PARALLEL, LONGEST_QUEUE)
  // Of no password: its tag is random.
  const dummy = formatPhc({ ...COST, salt: randomBytes(SALT_BYTES), tag: randomBytes(TAG_BYTES) })
  return {
    hash: (password, from = '') => inTurn(from, () => hashPassword(password)),
    verify: (password, phc, from = '') => inTurn(from, () => verifyPassword(password, phc ?? dummy)),
  }
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const tag = await tagOf(password, { ...COST, salt, tag: Buffer.alloc(TAG_BYTES) })
  return formatPhc({ ...COST, salt, tag })
}

export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const parts = parsePhc(phc)
  if (!parts) throw new Error('the stored password hash is not an argon2id PHC string')
  return timingSafeEqual(await tagOf(password, parts), parts.tag)
}

type Phc = {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Buffer
  readonly tag: Buffer
}

function tagOf(password: string, { memory, passes, parallelism, salt, tag }: Phc): Promise<Buffer> {
  // Two ways to type an accent are one password (RFC 8265 section 4.2.1).
  const message = password.normalize('NFC')
  return derive('argon2id', { message, nonce: salt, memory, passes, parallelism, tagLength: tag.length })
}

function formatPhc({ memory, passes, parallelism, salt, tag }: Phc): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`
}

function parsePhc(text: string): Phc | undefined {
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  if (!match) return undefined
  const [, memory, passes, parallelism, salt = '', tag = ''] = match
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
