import { matches } from '@ridethrough/protocol/topic.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Emitter, type Listener } from './emitter.ts'

type Note = { readonly topic: string; readonly id: number }

const newEmitter = (cacheLimit?: number) =>
  new Emitter<Note>({
    ...(cacheLimit === undefined ? {} : { cacheLimit }),
    onError: (error) => {
      throw error
    },
  })

// Few levels and few names, so that filters, names and the cache collide all the time.
const arbLevel = fc.constantFrom('a', 'b', 'c')
const arbName = fc.array(arbLevel, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const arbReserved = arbName.map((name) => `$S/${name}`)
const arbFilter = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'c', '+'), { maxLength: 4 }), fc.boolean())
  .filter(([levels, isOpen]) => levels.length > 0 || isOpen)
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
const arbStep = fc.oneof(
  fc.record({ do: fc.constant('on' as const), filter: fc.oneof(arbFilter, arbReserved), who: fc.nat(3) }),
  fc.record({ do: fc.constant('off' as const), filter: fc.oneof(arbFilter, arbReserved), who: fc.nat(3) }),
  fc.record({ do: fc.constant('emit' as const), topic: fc.oneof(arbName, arbReserved) }),
)

/** The rule itself, written down a second time: every pair of filter and listener that matches, once. */
function expectedFor(pairs: ReadonlySet<string>, topic: string): string[] {
  return [...pairs]
    .filter((pair) => {
      const filter = pair.slice(2)
      return (!topic.startsWith('$') || filter.startsWith('$')) && matches(filter, topic)
    })
    .sort()
}

test('whatever the order of subscribing, leaving and publishing, exactly the matching listeners hear a message', () => {
  fc.assert(
    fc.property(fc.array(arbStep, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (steps, cacheLimit) => {
      const emitter = newEmitter(cacheLimit)
      const pairs = new Set<string>()
      const listeners = new Map<string, Listener<Note>>()
      let heard: string[] = []
      for (const [id, step] of steps.entries()) {
        if (step.do === 'emit') {
          heard = []
          emitter.emit({ topic: step.topic, id })
          expect(heard.sort()).toEqual(expectedFor(pairs, step.topic))
          expect(emitter.cached).toBeLessThanOrEqual(cacheLimit)
          continue
        }
        const pair = `${step.who} ${step.filter}`
        const listener = listeners.get(pair) ?? (() => heard.push(pair))
        listeners.set(pair, listener)
        if (step.do === 'on') {
          emitter.on(step.filter, listener)
          pairs.add(pair)
        } else {
          emitter.removeListener(step.filter, listener)
          pairs.delete(pair)
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('# covers the parent level, a leading wildcard leaves $ topics out', () => {
  const emitter = newEmitter()
  const heard: string[] = []
  for (const filter of ['#', '+/x', 'a/#', '$S/#']) emitter.on(filter, ({ topic }) => heard.push(`${filter} ${topic}`))
  for (const [id, topic] of ['a', '$S/x', '$S'].entries()) emitter.emit({ topic, id })
  expect(heard.sort()).toEqual(['# a', '$S/# $S', '$S/# $S/x', 'a/# a'])
})

test('a listener that emits deepens no stack, and messages keep their order', () => {
  const emitter = newEmitter()
  const heard: number[] = []
  emitter.on('a', ({ id }) => {
    if (id < 50_000) emitter.emit({ topic: 'a', id: id + 1 })
  })
  emitter.on('a', ({ id }) => heard.push(id))
  emitter.emit({ topic: 'a', id: 0 })
  expect(heard.length).toBe(50_001)
  expect(heard.every((id, index) => id === index)).toBe(true)
})

test('20,000 messages that nobody listens to all settle', async () => {
  const emitter = newEmitter()
  let settled = 0
  await new Promise<void>((resolve) => {
    const onward = () => {
      settled++
      // each callback publishes again, as a publisher at full speed does
      if (settled < 20_000) emitter.emit({ topic: `a/${settled % 100}`, id: settled }, onward)
      else if (settled === 20_000) resolve()
    }
    for (let id = 0; id < 10_000; id++) emitter.emit({ topic: 'a/b', id }, onward)
  })
  expect(settled).toBeGreaterThanOrEqual(20_000)
})

test('a listener that never calls back holds up neither the others nor the next message', () => {
  const emitter = newEmitter()
  const heard: number[] = []
  emitter.on('a', () => {})
  emitter.on('a', ({ id }) => heard.push(id))
  for (let id = 0; id < 3000; id++) emitter.emit({ topic: 'a', id })
  expect(heard.length).toBe(3000)
})

test('a listener that throws keeps the message from nobody else', () => {
  const failures: string[] = []
  const emitter = new Emitter<Note>({ onError: (error) => failures.push(String(error)) })
  const heard: number[] = []
  emitter.on('a', () => {
    throw new Error('broken')
  })
  emitter.on('a', ({ id }) => heard.push(id))
  emitter.emit({ topic: 'a', id: 1 })
  expect(heard).toEqual([1])
  expect(failures).toEqual(['Error: broken'])
})
