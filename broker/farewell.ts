// Showing clients out one after the other, so that they do not all come back in the same moment.
import { setTimeout as pause } from 'node:timers/promises'

const STEP_MS = 100
/**
 * However many there are, they leave within a second, the shortest that an agent waits before it comes back: while others are
 * still shown out it would find nobody, and after each try in vain it waits up to twice as long.
 */
const MOST_STEPS = 10

/** Calls `each` for all of them, the first at once and no more than so many in a second, but all within one. */
export async function spread<Item>(
  items: Iterable<Item>,
  perSecond: number,
  each: (item: Item) => void,
): Promise<void> {
  const all = [...items]
  const inStep = Math.max(1, Math.floor((perSecond * STEP_MS) / 1000), Math.ceil(all.length / MOST_STEPS))
  for (let from = 0; from < all.length; from += inStep) {
    if (from > 0) await pause(STEP_MS)
    for (const item of all.slice(from, from + inStep)) each(item)
  }
}
