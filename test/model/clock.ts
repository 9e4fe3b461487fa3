// A clock that stands still until it is moved: by time that passes, or by a hand that sets the wall clock.
import type { Clock } from '@ridethrough/db/clock.ts'
import { insideWindows } from '../policy/reference.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

const QUARTER = 900_000
const DAY = 86_400_000
/** The night of 29 March 2026, when clocks go forward in Berlin, is inside the model's four days. */
export const BASE = Date.UTC(2026, 2, 28, 18)

export type SteppedClock = Clock & {
  /** Time goes by on both clocks; with `isSet`, only the wall clock is put somewhere else. */
  move(to: number, isSet: boolean): void
}

export function steppedClock(): SteppedClock {
  let wall = BASE
  let monotonic = 1_000_000
  return {
    now: () => wall,
    monotonic: () => monotonic,
    move(to, isSet) {
      if (!isSet) monotonic += Math.max(0, to - wall)
      wall = to
    },
  }
}

/** Somewhere in the four days, with preference for the instants at which something begins or ends, and those beside them. */
export function randomInstant(world: World, random: Random, now: number): number {
  const edges = [...world.shares, ...world.guests].flatMap(({ from, until }) => [from, until])
  const ends = world.credentials.map(({ expiresAt }) => expiresAt)
  const known = [...edges, ...ends].filter((at): at is number => at !== null && Math.abs(at - BASE) < 2 * DAY)
  const beside = random.below(3) - 1
  if (known.length > 0 && random.chance(0.5)) return random.pick(known) + beside
  const edge = random.chance(0.6) ? windowEdge(world, random, now) : undefined
  if (edge !== undefined && Math.abs(edge - BASE) < 2 * DAY) return edge + beside
  return random.chance(0.5) ? BASE - DAY + random.below(2 * DAY) : now + random.below(QUARTER * 8)
}

/** The next quarter of an hour at which some window opens or closes. */
function windowEdge(world: World, random: Random, now: number): number | undefined {
  const ways = [...world.shares, ...world.guests].filter(({ windows }) => windows.length > 0)
  if (ways.length === 0) return undefined
  const { windows } = random.pick(ways)
  const { zone } = random.pick(world.devices)
  const start = Math.ceil(now / QUARTER) * QUARTER
  const before = insideWindows(windows, zone, start - 1)
  for (let at = start; at < start + DAY; at += QUARTER) if (insideWindows(windows, zone, at) !== before) return at
  return undefined
}
