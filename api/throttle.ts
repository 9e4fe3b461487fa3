// How often somebody may be wrong before having to wait: counted in the database, for all servers together.
import { createHash } from 'node:crypto'
import {
  deleteOldTries,
  findWait,
  forgetTries,
  giveBackTry,
  takeTry,
  type Waits,
} from '@ridethrough/db/query/throttle.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'

export type Throttle = {
  /** What the table knows this key by. */
  readonly keyOf: (key: string) => string
  /**
   * Counts a try, before its outcome is known, so that many at once cannot slip through. Rejects with `too-many-tries`.
   * Inside a transaction give it as `tx`: a second connection could be waited for by all of them at once.
   */
  take(key: string, now: number, tx?: Db): Promise<void>
  /** The try was right: the key starts anew. */
  forget(key: string, tx?: Db): Promise<void>
  /** The try was right; what others tried under this key stays counted. */
  giveBack(key: string, tx?: Db): Promise<void>
}

/** So many tries, then what is long over is tidied up. */
const TIDY_EVERY = 500

/** `name` keeps the keys of one throttle apart from those of another. */
export function createThrottle(db: Db, name: string, waits: Waits): Throttle {
  let tries = 0
  return {
    keyOf: (key) => stored(name, key),
    async take(key, now, tx = db) {
      tries += 1
      if (tries % TIDY_EVERY === 0) await deleteOldTries(tx, new Date(now))
      const until = await takeTry(tx, stored(name, key), waits, new Date(now))
      if (until) throw tooMany(until.getTime() - now)
    },
    forget: (key, tx = db) => forgetTries(tx, stored(name, key)),
    giveBack: (key, tx = db) => giveBackTry(tx, stored(name, key)),
  }
}

/**
 * Takes one of each or none. In one order for everybody, so that no two wait for each other. Those who have to wait are
 * turned away by a look: a thousand of them at one key must not stand in line for it, each with a connection.
 */
export async function takeAll(
  db: Db,
  throttles: readonly (readonly [throttle: Throttle, key: string])[],
  now: number,
): Promise<void> {
  const keys = throttles.map(([throttle, key]) => throttle.keyOf(key))
  const until = await findWait(db, keys, new Date(now))
  if (until) throw tooMany(until.getTime() - now)
  await db.transaction().execute(async (tx) => {
    for (const [throttle, key] of throttles) await throttle.take(key, now, tx)
  })
}

/** Keys are addresses of people and of networks: the table needs them only to tell one from another. */
function stored(name: string, key: string): string {
  return `${name}:${createHash('sha256').update(key).digest('base64url')}`
}

function tooMany(waitMs: number): Fault {
  const retryAfter = Math.max(1, Math.ceil(waitMs / 1000))
  return new Fault('too-many-tries', `Too many tries: wait ${inWords(retryAfter)}, then try again`, { retryAfter })
}

function inWords(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? 'one second' : `${seconds} seconds`
  return `${Math.ceil(seconds / 60)} minutes`
}
