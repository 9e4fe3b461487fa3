// Whether two questions can be told apart by how long the answers take.

/**
 * Asks both in turn, `rounds` times each, so that whatever else the machine does falls on both alike. The difference of
 * the medians, and the largest that chance makes of the same times: they are dealt into two halves at random 2,000 times
 * (a permutation test at 1 in 2,000). In milliseconds.
 */
export async function compareTimes(
  one: () => Promise<unknown>,
  other: () => Promise<unknown>,
  rounds: number,
): Promise<{ readonly difference: number; readonly byChance: number }> {
  const times: [number[], number[]] = [[], []]
  for (let n = 0; n < rounds; n++) {
    const inTurn: [() => Promise<unknown>, number[]][] = [
      [one, times[0]],
      [other, times[1]],
    ]
    for (const [ask, taken] of n % 2 === 0 ? inTurn : inTurn.toReversed()) {
      const started = performance.now()
      await ask()
      taken.push(performance.now() - started)
    }
  }
  const difference = Math.abs(median(times[0]) - median(times[1]))
  return { difference, byChance: largestByChance(times.flat(), 2000) }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function largestByChance(values: readonly number[], deals: number): number {
  let largest = 0
  let seed = 1
  const random = () => {
    // Park and Miller's generator: the deals are the same in each run.
    seed = (seed * 48_271) % 2_147_483_647
    return seed
  }
  for (let deal = 0; deal < deals; deal++) {
    const shuffled = values.map((value) => [random(), value] as const).sort((a, b) => a[0] - b[0])
    const [first, second] = [shuffled.slice(0, values.length / 2), shuffled.slice(values.length / 2)]
    largest = Math.max(largest, Math.abs(median(first.map(([, ms]) => ms)) - median(second.map(([, ms]) => ms))))
  }
  return largest
}
