// How late does the event loop come round? What everybody who is served by this process waits at least.
import type { Clock } from './clock.ts'

const EVERY_MS = 20
/** A process that was stopped for an hour is not waited for in 180,000 pieces. */
const MOST_MISSED = 1000

/**
 * Calls `observe` for each instant at which the loop was to come round, with how much later it did, in seconds. While it
 * is stuck it misses instants: those are told too, or a second of silence would weigh as much as one millisecond.
 */
export function watchEventLoop(clock: Pick<Clock, 'monotonic'>, observe: (seconds: number) => void): () => void {
  let wanted = clock.monotonic() + EVERY_MS
  const timer = setInterval(() => {
    const late = Math.max(0, clock.monotonic() - wanted)
    const missed = Math.min(Math.floor(late / EVERY_MS), MOST_MISSED)
    for (let index = 0; index <= missed; index++) observe((late - index * EVERY_MS) / 1000)
    wanted = clock.monotonic() + EVERY_MS
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}
