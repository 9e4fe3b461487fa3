import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

/** Work that ends when it is told to, and a list of what has begun. */
function works() {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const work = (name: string) => () => {
    begun.push(name)
    return new Promise<string>((resolve) => ends.push(() => resolve(name)))
  }
  return {
    begun,
    work,
    endAll: async () => {
      // Each end lets another begin.
      while (ends.length > 0) {
        ends.shift()?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

test('somebody who asks once is not waiting for somebody who asks a hundred times', async () => {
  const { begun, work, endAll } = works()
  const inTurn = createTurns(2, 200)
  const many = Array.from({ length: 100 }, (_, n) => inTurn('mallory', work(`m${n}`)))
  const one = inTurn('ann', work('ann'))
  await endAll()
  await Promise.all([...many, one])
  expect(begun.indexOf('ann')).toBeLessThanOrEqual(3)
})

test('when too many wait, those of whoever has most waiting are turned away', async () => {
  const { work, endAll } = works()
  const inTurn = createTurns(1, 10)
  const many = Array.from({ length: 30 }, (_, n) => inTurn('mallory', work(`m${n}`)))
  const few = ['ann', 'bob', 'cid'].map((name) => inTurn(name, work(name)))
  const outcomes = Promise.allSettled([...many, ...few])
  await endAll()
  const states = (await outcomes).map((one) => (one.status === 'rejected' ? one.reason.code : 'done'))
  expect(states.slice(30)).toEqual(['done', 'done', 'done'])
  expect(states.filter((state) => state === 'done')).toHaveLength(11)
  expect(states.filter((state) => state === 'too-many-tries')).toHaveLength(22)
})

test('never more at once than allowed, each in the order of its own queue, and all that are not turned away end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('ann', 'bob', 'cid'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.boolean(), { maxLength: 40 }),
      async (who, parallel, fails) => {
        const inTurn = createTurns(parallel, 15)
        let running = 0
        const order: Record<string, number[]> = {}
        const outcomes = await Promise.allSettled(
          who.map((from, n) =>
            inTurn(from, async () => {
              running += 1
              expect(running).toBeLessThanOrEqual(parallel)
              order[from] = [...(order[from] ?? []), n]
              await new Promise((resolve) => setImmediate(resolve))
              running -= 1
              if (fails[n]) throw new Error('its own')
            }),
          ),
        )
        for (const ns of Object.values(order)) expect(ns).toEqual(ns.toSorted((a, b) => a - b))
        const began = Object.values(order).flat().length
        const refused = outcomes.filter(
          (one) => one.status === 'rejected' && one.reason.code === 'too-many-tries',
        ).length
        expect(began + refused).toBe(who.length)
        expect(refused).toBe(Math.max(0, who.length - parallel - 15))
      },
    ),
    { numRuns: 100 },
  )
})
