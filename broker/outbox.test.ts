// What waits to be written, against a plain list of pieces.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Outbox } from './outbox.ts'
import { Turn } from './turn.ts'

type Piece = { readonly bytes: Buffer; readonly device: string | undefined }

const arbDevice = fc.constantFrom('a', 'b', 'c', undefined)
const arbStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      size: fc.integer({ min: 1, max: 9000 }),
      device: arbDevice,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      size: fc.integer({ min: 60_000, max: 140_000 }),
      device: arbDevice,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takeBack' as const), gone: fc.subarray(['a', 'b', 'c']) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'shift' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'keepAnswers' as const }) },
)

test('bytes leave in their order, whole, and what is taken back is gone to the last byte [R71]', () => {
  fc.assert(
    fc.property(fc.array(arbStep, { maxLength: 40 }), (steps) => {
      const turn = new Turn()
      const outbox = new Outbox(turn)
      let waiting: Piece[] = []
      const [written, wanted]: [Buffer[], Buffer[]] = [[], []]
      let fill = 0
      const shift = () => {
        const slab = outbox.shift()
        if (!slab) return
        written.push(Buffer.from(slab.bytes.subarray(0, slab.end)))
        for (let left = slab.end; left > 0; ) {
          const first = waiting.shift()
          if (!first) throw new Error('more bytes than were given')
          wanted.push(first.bytes)
          left -= first.bytes.length
          expect(left).toBeGreaterThanOrEqual(0)
        }
        expect(slab.ends.at(-1)).toBe(slab.end)
        turn.give(slab)
      }
      for (const step of steps) {
        if (step.do === 'append') {
          fill = (fill + 1) % 251
          const bytes = Buffer.alloc(step.size + 2, fill)
          outbox.append(bytes, 1, step.size + 1, step.device)
          waiting.push({ bytes: bytes.subarray(1, step.size + 1), device: step.device })
        } else if (step.do === 'takeBack') {
          const isGone = (device: string) => step.gone.includes(device)
          const rest = waiting.filter(({ device }) => device === undefined || !isGone(device))
          expect(outbox.takeBack(isGone)).toBe(rest.length < waiting.length)
          waiting = rest
        } else if (step.do === 'keepAnswers') {
          outbox.keepAnswers()
          waiting = waiting.filter(({ device }) => device === undefined)
        } else shift()
        expect(outbox.length).toBe(waiting.reduce((sum, { bytes }) => sum + bytes.length, 0))
      }
      while (outbox.length > 0) shift()
      expect(waiting).toEqual([])
      expect(Buffer.concat(written).equals(Buffer.concat(wanted))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('at QoS 1 each receiver gets its own identifier, and no repeat flag', () => {
  const outbox = new Outbox(new Turn())
  const packet = Buffer.from([0x3a, 6, 0, 1, 0x61, 9, 9, 0x78])
  outbox.appendWithId(packet, 0, 8, { first: 0x32, idAt: 5, packetId: 0x1234 }, 'a')
  const slab = outbox.shift()
  expect(slab?.bytes.subarray(0, slab.end)).toEqual(Buffer.from([0x32, 6, 0, 1, 0x61, 0x12, 0x34, 0x78]))
  expect(packet[0]).toBe(0x3a)
})
