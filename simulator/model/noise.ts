// Wander that looks alive and is the same every time: a pure function of seed, channel and simulated time, so that one
// long step and many short ones see the same values.

/** Smooth wander between -1 and 1. `period` is the seconds between two independent values. */
export function wander(seed: number, channel: number, at: number, period: number): number {
  const position = at / period
  const cell = Math.floor(position)
  const fraction = position - cell
  const eased = fraction * fraction * (3 - 2 * fraction)
  const from = hash(seed, channel, cell)
  const to = hash(seed, channel, cell + 1)
  return from + (to - from) * eased
}

/** Uniform between -1 and 1 for three integers (the finaliser of MurmurHash3 over a mixed word). */
export function hash(seed: number, channel: number, cell: number): number {
  let word = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(channel | 0, 0x85ebca77) ^ Math.imul(cell | 0, 0xc2b2ae3d)
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  word ^= word >>> 16
  return ((word >>> 0) / 0xffffffff) * 2 - 1
}
