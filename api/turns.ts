// Work that takes a core and much memory: a few at a time, and each of those who ask in their turn.
import { Fault } from '@ridethrough/protocol/fault.ts'

export type InTurn = <T>(from: string, work: () => Promise<T>) => Promise<T>

type Waiting = { readonly begin: () => void; readonly refuse: (fault: Fault) => void }

/**
 * At most `parallel` at once; of those who wait, one of each `from` in turn, so that whoever asks a hundred times is
 * waited for by nobody else. When `longestQueue` wait, it is the last of whoever has most waiting who has to come back.
 */
export function createTurns(parallel: number, longestQueue: number): InTurn {
  // In the order of their next turn.
  const queues = new Map<string, Waiting[]>()
  let waiting = 0
  let running = 0

  const enqueue = (from: string): Promise<void> =>
    new Promise((begin, refuse) => {
      const queue = queues.get(from) ?? []
      queues.set(from, queue)
      queue.push({ begin, refuse })
      waiting += 1
      if (waiting > longestQueue) dropOne()
    })

  const dropOne = (): void => {
    const [from, queue] = [...queues].reduce((most, one) => (one[1].length >= most[1].length ? one : most))
    const dropped = queue.pop()
    if (queue.length === 0) queues.delete(from)
    waiting -= 1
    dropped?.refuse(tooMany())
  }

  const handOver = (): void => {
    const [next] = queues
    if (!next) {
      running -= 1
      return
    }
    const [from, queue] = next
    const first = queue.shift()
    queues.delete(from)
    if (queue.length > 0) queues.set(from, queue)
    waiting -= 1
    first?.begin()
  }

  return async (from, work) => {
    // The place is handed over rather than given up, so that nobody overtakes.
    if (running >= parallel) await enqueue(from)
    else running += 1
    try {
      return await work()
    } finally {
      handOver()
    }
  }
}

function tooMany(): Fault {
  return new Fault('too-many-tries', 'Very many people sign in at this moment: try again in a few seconds', {
    retryAfter: 5,
  })
}
