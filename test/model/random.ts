// Chance that can be had again: the same seed gives the same sequence.

export type Random = {
  /** Whole number from 0 up to, not including, `below`. */
  below(limit: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  some<T>(list: readonly T[], probability: number): T[]
  token(): string
  uuid(): string
}

/** mulberry32, by Tommy Ettinger: 32 bits of state, enough to choose what a test does. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (list) => {
      const one = list[below(list.length)]
      if (one === undefined) throw new RangeError('nothing to pick from')
      return one
    },
    some: (list, probability) => list.filter(() => next() < probability),
    uuid: () => {
      const hex = (digits: number) => Array.from({ length: digits }, () => below(16).toString(16)).join('')
      return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`
    },
    token: () => `rt_${Array.from({ length: 43 }, () => alphabet[below(alphabet.length)]).join('')}`,
  }
}
