// What one connection sends, from the seed and its number alone: an opening, then round after round, each ended by a PINGREQ.
import { type Random, randomFrom } from '../model/random.ts'
import { cut, fenceOf, PINGREQ } from './bytes.ts'
import { type Fate, faultyPacket } from './faults.ts'
import { finePacket } from './fine.ts'
import { mutated, pieces } from './mutate.ts'
import { badOpening, goodConnect, type Opening } from './openings.ts'
import { type Actor, actorOf, type FuzzWorld } from './world.ts'

export type Round = {
  readonly what: string
  readonly chunks: readonly Buffer[]
  readonly packets: number
  /** Those up to the first that is not fine, this one included: all that a broker which ends the connection there has read. */
  readonly packetsUntilFault: number
  readonly faults: number
  readonly fate: Fate
  /** PINGRESPs that are due when the stream ends in its PINGREQ; `undefined`: the broker may wait for more. */
  readonly pings: number | undefined
  /** A change has made a DISCONNECT of something. */
  readonly isLeaving: boolean
}

export type Script = {
  readonly connection: number
  readonly actor: Actor
  /** `undefined` signs in as it should be. */
  readonly bad: Opening | undefined
  readonly opening: readonly Buffer[]
  /** Does not wait for CONNACK before the first round. */
  readonly isEager: boolean
  /** Sends no end of its stream where the broker may wait for more, and lets the broker's own deadline come. */
  readonly isPatient: boolean
  readonly leave: 'disconnect' | 'end' | 'reset'
  /** `undefined`: enough. */
  next(): Round | undefined
}

const BAD_OPENINGS = 0.25
/** Rounds of good packets before anything that might end it, so that most of what is sent is read. */
const MOST_ROUNDS = 12
const MOST_PACKETS = 120

export function scriptOf(seed: number, connection: number, world: FuzzWorld): Script {
  // Neighbouring numbers must not give neighbouring sequences.
  const random = randomFrom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(connection + 1, 0xc2b2ae35))
  const actor = actorOf(world, connection)
  const bad = random.chance(BAD_OPENINGS) ? badOpening(random, actor) : undefined
  const isPatient = random.chance(0.001)
  const bytes = bad?.bytes ?? goodConnect(random, actor, connection, isPatient ? 5 : 60)
  const rounds = bad ? (random.chance(0.5) ? 1 : 0) : 3 + random.below(MOST_ROUNDS)
  const faultAt = isPatient ? 0 : random.below(Math.max(1, rounds))
  let index = 0
  return {
    connection,
    actor,
    bad,
    opening: pieces(random, bytes),
    isEager: random.chance(0.3),
    isPatient,
    leave: random.pick(['disconnect', 'end', 'reset']),
    next: () => {
      if (index >= rounds) return undefined
      index += 1
      return index > faultAt ? faultyRound(random, actor) : fineRound(random, actor)
    },
  }
}

function fineRound(random: Random, actor: Actor): Round {
  const count = 1 + random.below(MOST_PACKETS)
  const packets = Array.from({ length: count }, () => finePacket(random, actor))
  return roundOf(random, { what: 'fine packets', before: packets, after: [], fate: 'fine' })
}

function faultyRound(random: Random, actor: Actor): Round {
  const before = Array.from({ length: random.below(20) }, () => finePacket(random, actor))
  const after = Array.from({ length: random.below(4) }, () => finePacket(random, actor))
  if (random.chance(0.5)) {
    const { name, bytes, fate } = faultyPacket(random, actor)
    return roundOf(random, { what: name, before, fault: bytes, after, fate })
  }
  const original = random.chance(0.5) ? finePacket(random, actor) : faultyPacket(random, actor).bytes
  const fault = mutated(random, original, finePacket(random, actor))
  return roundOf(random, { what: 'a packet with one change', before, fault, after, fate: 'either' })
}

type Parts = {
  readonly what: string
  readonly before: readonly Buffer[]
  readonly fault?: Buffer
  readonly after: readonly Buffer[]
  readonly fate: Fate
}

function roundOf(random: Random, { what, before, fault, after, fate }: Parts): Round {
  const bytes = Buffer.concat([...before, ...(fault ? [fault] : []), ...after, PINGREQ])
  return {
    what,
    chunks: pieces(random, bytes),
    packets: before.length + (fault ? 1 : 0) + after.length + 1,
    packetsUntilFault: before.length + 1,
    faults: fault ? 1 : 0,
    fate,
    pings: fenceOf(bytes),
    isLeaving: cut(bytes).isLeaving,
  }
}
