// Real time for the simulator, as a parameter: tests hold it still and advance by hand.

export type Clock = {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `run` about every `ms` milliseconds with the seconds that really passed; answers what ends it. */
  every(ms: number, run: (seconds: number) => void): () => void
}

// A machine that slept for a night must not run every battery down at once.
const MAX_SECONDS = 5

export const realClock: Clock = {
  now: () => Date.now(),
  every: (ms, run) => {
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      const seconds = Math.min(MAX_SECONDS, (now - last) / 1000)
      last = now
      run(seconds)
    }, ms)
    return () => clearInterval(timer)
  },
}

/** Time that stands still: only `simulator.advance` moves the units. */
export function stillClock(now: number): Clock {
  return { now: () => now, every: () => () => {} }
}
