// How often somebody may be wrong before having to wait. Kept in the memory of this process and bounded.
import { Fault } from '@ridethrough/protocol/fault.ts'

export type ThrottleOptions = {
  /** Tries that cost nothing. */
  readonly free: number
  /** The wait after the first try beyond them; each further one doubles it. */
  readonly firstWaitMs: number
  readonly longestWaitMs: number
  /** After so long without a try all is forgotten. */
  readonly forgetMs: number
}

export type Throttle = {
  /** Counts a try, before its outcome is known, so that many at once cannot slip through. Throws `too-many-tries`. */
  take(key: string, now: number): void
  /** The try was right: the key starts anew. */
  forget(key: string): void
}

/** Beyond this the keys that were quiet for longest are dropped: memory is bounded, whoever attacks. */
const MOST_KEYS = 50_000

type Entry = { tries: number; at: number; until: number }

export function createThrottle(options: ThrottleOptions): Throttle {
  const entries = new Map<string, Entry>()
  return {
    take(key, now) {
      const known = entries.get(key)
      const isFresh = known !== undefined && now - known.at < options.forgetMs
      const entry = isFresh ? known : { tries: 0, at: now, until: 0 }
      if (now < entry.until) {
        const retryAfter = Math.max(1, Math.ceil((entry.until - now) / 1000))
        throw new Fault('too-many-tries', `Too many tries: wait ${inWords(retryAfter)}, then try again`, { retryAfter })
      }
      entry.tries += 1
      entry.at = now
      const beyond = entry.tries - options.free
      if (beyond >= 0)
        entry.until = now + Math.min(options.firstWaitMs * 2 ** Math.min(beyond, 30), options.longestWaitMs)
      // Set anew, so that the map's order is that of the last tries.
      entries.delete(key)
      entries.set(key, entry)
      if (entries.size > MOST_KEYS) for (const oldest of entries.keys()) return void entries.delete(oldest)
    },
    forget(key) {
      entries.delete(key)
    },
  }
}

function inWords(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? 'one second' : `${seconds} seconds`
  return `${Math.ceil(seconds / 60)} minutes`
}
