// A device gone mad: values of the wrong kind or size in well-formed answers, and now and then bytes that are no SNMP.
import snmp from 'net-snmp'
import { hash } from '../model/noise.ts'

export type RawVarbind = {
  readonly oid: string
  readonly type: number
  readonly value: number | string | Buffer | null
}

const { ObjectType } = snmp

const NONSENSE: readonly Omit<RawVarbind, 'oid'>[] = [
  { type: ObjectType.Integer, value: -32768 },
  { type: ObjectType.Integer, value: 2147483647 },
  { type: ObjectType.OctetString, value: Buffer.from([0xff, 0xfe, 0x00, 0x1b, 0x5b, 0x41]) },
  { type: ObjectType.Gauge, value: 4294967295 },
  { type: ObjectType.OctetString, value: '' },
  { type: ObjectType.OID, value: '1.3.6.1.4.1.0.0' },
  { type: ObjectType.TimeTicks, value: 4294967295 },
  { type: ObjectType.Null, value: null },
]
const EVERY = 4

export type Garbler = {
  /** Something else in place of a value; the OID stays, so that the answer still fits the question. */
  garble(oid: string): RawVarbind
  /** One answer in four becomes bytes that are no message. */
  spoil(answer: Buffer): Buffer
}

/** The same seed gives the same nonsense in the same order. */
export function createGarbler(seed: number): Garbler {
  let values = 0
  let answers = 0

  function draw(channel: number, count: number, below: number): number {
    return Math.min(below - 1, Math.floor(((hash(seed, channel, count) + 1) / 2) * below))
  }

  return {
    garble: (oid) => {
      values += 1
      const nonsense = NONSENSE[draw(91, values, NONSENSE.length)] ?? { type: ObjectType.Null, value: null }
      return { oid, ...nonsense }
    },
    spoil: (answer) => {
      answers += 1
      if (answers % EVERY !== 0) return answer
      // Cut off in the middle, cut off in the header, or noise from the first byte on.
      const kind = draw(92, answers, 3)
      if (kind === 0) return answer.subarray(0, answer.length >> 1)
      if (kind === 1) return answer.subarray(0, 3)
      const spoilt = Buffer.from(answer)
      for (let at = 0; at < spoilt.length; at += 1) spoilt[at] = draw(93, answers * 4096 + at, 256)
      return spoilt
    },
  }
}
