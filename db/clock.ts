// Time as a parameter.

export type Clock = {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number
  /** Monotonic clock in milliseconds: steps of the wall clock do not move it. */
  readonly monotonic: () => number
}

export const systemClock: Clock = { now: Date.now, monotonic: () => performance.now() }
