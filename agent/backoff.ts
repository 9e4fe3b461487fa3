// How long to wait before the next try: full jitter, so that ten thousand agents do not come back in one second.

/**
 * Milliseconds before try number `attempt` (from 0): anywhere between `minMs` and a bound that doubles from twice
 * `minMs` up to `maxMs`. `random` answers 0 (inside) to 1 (outside).
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: () => number): number {
  const bound = Math.max(minMs, Math.min(maxMs, minMs * 2 ** Math.min(attempt + 1, 30)))
  return minMs + random() * (bound - minMs)
}
