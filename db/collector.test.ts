// What is asked together is asked once; nobody gets an older answer than the question.
import { expect, test } from 'vitest'
import { Collector } from './collector.ts'

function collecting(options: { most?: number; atOnce?: number } = {}) {
  const batches: { readonly items: readonly number[]; answer(): void; fail(error: Error): void }[] = []
  const collector = new Collector<number, string>(
    (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, answer: () => resolve(items.map((item) => `${item}`)), fail: reject })
      }),
    options,
  )
  return { collector, batches }
}

test('what is asked in one turn goes together; who comes while that is under way goes with the next, once it is answered', async () => {
  const { collector, batches } = collecting()
  const first = [1, 2, 3].map((item) => collector.ask(item))
  await expect.poll(() => batches.length).toBe(1)
  const second = [3, 4].map((item) => collector.ask(item))
  await new Promise((resolve) => setImmediate(resolve))
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]])
  batches[0]?.answer()
  expect(await Promise.all(first)).toEqual(['1', '2', '3'])
  await expect.poll(() => batches.length).toBe(2)
  batches[1]?.answer()
  expect(await Promise.all(second)).toEqual(['3', '4'])
})

test('a batch has its bound, and so many are under way together', async () => {
  const { collector, batches } = collecting({ most: 2, atOnce: 2 })
  const all = [1, 2, 3, 4, 5].map((item) => collector.ask(item))
  await expect.poll(() => batches.length).toBe(2)
  batches[1]?.answer()
  await expect.poll(() => batches.length).toBe(3)
  expect(batches.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]])
  for (const { answer } of batches) answer()
  expect(await Promise.all(all)).toEqual(['1', '2', '3', '4', '5'])
})

test('a batch that fails fails for those who asked, and the next is another matter', async () => {
  const { collector, batches } = collecting()
  const failing = [collector.ask(1), collector.ask(2)]
  await expect.poll(() => batches.length).toBe(1)
  batches[0]?.fail(new Error('gone'))
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const next = collector.ask(1)
  await expect.poll(() => batches.length).toBe(2)
  batches[1]?.answer()
  expect(await next).toBe('1')
})
