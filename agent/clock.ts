// The time as the agent sees it: a parameter everywhere, so that tests hold it in their hands.
import { setTimeout as delay } from 'node:timers/promises'

export type Clock = {
  /** Milliseconds since 1970, as the machine believes: for people and for samples, never for durations. */
  wall(): number
  /** Milliseconds that only ever go forward: for durations and schedules. */
  monotonic(): number
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  wait: (ms, signal) => delay(Math.max(0, ms), undefined, { signal }).catch(ignoreAbort),
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error
}
