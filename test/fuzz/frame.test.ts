// The guard alone, on arbitrary bytes in arbitrary pieces: what it sees does not depend on how they came, and nothing makes it throw.
import { readConnect } from '@ridethrough/broker/connect.ts'
import { type Frame, FrameReader } from '@ridethrough/broker/frame.ts'
import { inspect } from '@ridethrough/broker/guard.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomFrom } from '../model/random.ts'
import { cut, fenceOf, PINGREQ, packet } from './bytes.ts'
import { faultyPacket } from './faults.ts'
import { finePacket } from './fine.ts'
import { mutated } from './mutate.ts'
import { badOpening, goodConnect } from './openings.ts'
import type { Actor } from './world.ts'

const ID = '0b54a1f0-5d0c-4c3e-9d1a-3f1d6d1f7a10'
const ACTORS: readonly Actor[] = [
  { kind: 'agent', id: ID, token: `rt_${'a'.repeat(43)}`, deviceIds: [ID] },
  { kind: 'person', token: `rt_${'b'.repeat(43)}`, deviceIds: [ID] },
]

/** Packets, right and wrong, and junk; what comes one after another on a connection. */
const arbStream = fc
  .array(
    fc.oneof(
      { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
      {
        weight: 4,
        arbitrary: fc.tuple(fc.nat(), fc.constantFrom(...ACTORS)).map(([seed, actor]) => onePacket(seed, actor)),
      },
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((packets) => Buffer.concat(packets))

function onePacket(seed: number, actor: Actor): Buffer {
  const random = randomFrom(seed)
  switch (random.below(5)) {
    case 0:
      return finePacket(random, actor)
    case 1:
      return faultyPacket(random, actor).bytes
    case 2:
      return goodConnect(random, actor, seed)
    case 3:
      return badOpening(random, actor).bytes
    default:
      return mutated(random, finePacket(random, actor), faultyPacket(random, actor).bytes)
  }
}

const LIMIT = 256 * 1024

type Seen = { readonly frames: readonly string[]; readonly fault: string | undefined; readonly held: number }

/** As a connection does it: packets are taken as soon as they are whole, and a fault ends it. */
function readIn(chunks: readonly Buffer[]): Seen {
  const reader = new FrameReader(LIMIT)
  const frames: string[] = []
  for (const chunk of chunks) {
    // A socket hands out a buffer of its own each time.
    reader.feed(Buffer.from(chunk))
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (typeof next === 'string') return { frames, fault: next, held: reader.held }
      frames.push(asText(next))
    }
  }
  return { frames, fault: undefined, held: reader.held }
}

const asText = ({ bytes, type, flags, body }: Frame) => `${type}/${flags}/${body}:${bytes.toString('hex')}`

test('the same packets and the same fault come out, in whatever pieces the bytes came', () => {
  fc.assert(
    fc.property(arbStream, fc.array(fc.nat(), { maxLength: 12 }), (stream, cuts) => {
      const places = [0, ...cuts.map((at) => at % (stream.length + 1)).sort((a, b) => a - b), stream.length]
      const pieces = places.slice(1).map((end, index) => stream.subarray(places[index], end))
      const whole = readIn([stream])
      const inPieces = readIn(pieces)
      expect(inPieces.frames).toEqual(whole.frames)
      expect(inPieces.fault).toBe(whole.fault)
      if (whole.fault === undefined) expect(inPieces.held).toBe(whole.held)
    }),
    { numRuns: 2000 },
  )
})

test('byte for byte as well', () => {
  fc.assert(
    fc.property(arbStream, (stream) => {
      const bytes = stream.subarray(0, 3000)
      const one = readIn(Array.from(bytes, (byte) => Buffer.from([byte])))
      expect(one.frames).toEqual(readIn([bytes]).frames)
    }),
    { numRuns: 300 },
  )
})

test('packets are cut where another reader of the same bytes cuts them', () => {
  fc.assert(
    fc.property(arbStream, (stream) => {
      const { frames, fault } = readIn([stream])
      const other = cut(stream)
      if (fault === undefined) expect(frames).toHaveLength(other.frames)
      else if (fault === 'length-malformed') expect([other.end, other.frames]).toEqual(['senseless', frames.length])
      else expect(other.frames).toBeGreaterThanOrEqual(frames.length)
    }),
    { numRuns: 2000 },
  )
})

test('nothing that comes makes the guard throw, and what it lets pass is still a packet', () => {
  fc.assert(
    fc.property(arbStream, (stream) => {
      const reader = new FrameReader(LIMIT)
      reader.feed(Buffer.from(stream))
      for (let next = reader.next(); next !== undefined && typeof next !== 'string'; next = reader.next()) {
        const { length } = next.bytes
        readConnect(next)
        inspect(next)
        expect(next.bytes).toHaveLength(length)
      }
    }),
    { numRuns: 5000 },
  )
})

test('a ping at the end of a stream is known for one, unless it is in the middle of something', () => {
  const publish = packet(0x30, Buffer.from([0, 1, 0x61]))
  expect(fenceOf(Buffer.concat([publish, PINGREQ, publish, PINGREQ]))).toBe(2)
  expect(fenceOf(Buffer.concat([packet(0x30, Buffer.from([0, 1, 0x61]), { claimed: 5 }), PINGREQ]))).toBeUndefined()
  expect(fenceOf(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xc0, 0]))).toBeUndefined()
})
