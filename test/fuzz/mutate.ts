// Changes in bytes that know nothing of their meaning.
import type { Random } from '../model/random.ts'

export function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at += 1) bytes[at] = random.below(256)
  return bytes
}

const INTERESTING = [0, 1, 2, 0x0f, 0x10, 0x30, 0x7f, 0x80, 0x82, 0xc0, 0xe0, 0xff] as const

/** One change; `other` is what may be spliced in. */
export function mutated(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const at = random.below(bytes.length)
  const copy = Buffer.from(bytes)
  switch (random.below(8)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
      return copy
    case 1:
      copy[at] = random.pick(INTERESTING)
      return copy
    case 2:
      // the first bytes: type, flags, length
      copy[Math.min(copy.length - 1, random.below(6))] = random.below(256)
      return copy
    case 3:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random, 1 + random.below(4)), bytes.subarray(at)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random.below(4)))])
    case 5:
      return bytes.subarray(0, at + 1)
    case 6:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length))])
    default: {
      const end = at + 1 + random.below(bytes.length - at)
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    }
  }
}

/** The same bytes in several pieces: one, two, several, or one for each byte. */
export function pieces(random: Random, bytes: Buffer): Buffer[] {
  if (bytes.length < 2 || random.chance(0.7)) return [bytes]
  if (bytes.length < 300 && random.chance(0.15)) return Array.from(bytes, (byte) => Buffer.from([byte]))
  const cuts = Array.from(
    { length: 1 + random.below(random.chance(0.6) ? 1 : 8) },
    () => 1 + random.below(bytes.length - 1),
  )
  const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}
