// JSON that agents and persons send, right, and bent out of shape in its structure or in its bytes.
import type { Random } from '../model/random.ts'

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export function sample(random: Random): Json {
  const seq = 1 + random.below(1_000_000)
  if (random.chance(0.2)) return { kind: 'problem', seq, at: Date.now(), problem: 'no-answer', detail: 'timeout' }
  return {
    kind: 'values',
    seq,
    at: Date.now(),
    status: random.pick(['OL', 'OB DISCHRG', 'OL CHRG', 'OL TRIM ALARM']),
    variables: { 'battery.charge': random.below(101), 'ups.load': random.below(1000) / 10, 'ups.mfr': 'Fuzz' },
  }
}

export function backlog(random: Random): Json {
  return { samples: Array.from({ length: 1 + random.below(3) }, () => sample(random)) }
}

export function status(random: Random): Json {
  return { online: random.chance(0.8), version: '1.2.3', interval: 1 + random.below(60), at: Date.now() }
}

export function inventory(random: Random, deviceIds: readonly string[]): Json {
  return {
    devices: deviceIds.map((deviceId) => ({
      ...{ deviceId, name: `Fuzz ${random.below(9)}`, driver: 'ups-mib', mfr: 'Fuzz', model: 'F1', serial: '1' },
      ...{ firmware: '1', commands: ['beeper.mute'], settings: [] },
    })),
  }
}

/** Texts that stand where a value of JSON is expected: some are values, some are none. */
const VALUES: readonly string[] = [
  ...['null', 'true', '0', '-0', '-1', '1e308', '1e309', '-1e999', '5e-324', '9007199254740993', '1E400', '01', '+1'],
  ...['.5', '1.', 'NaN', 'Infinity', '-', '""', '"a', "'a'", '[]', '{}', '[[]]', '[null]', '{"":""}', 'undefined'],
  ...['"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u"', '"\\x41"', '"\u0000"', '"\u007f"', '"\u202e"', '"\ufeff"'],
  ...['{"__proto__":{"x":1}}', '{"constructor":{"prototype":{}}}', '{"toJSON":1}', '{"length":-1}', '{"then":1}'],
  ...['"constructor"', '"__proto__"', '"hasOwnProperty"', '253402300800000', '-62135596800001', '8640000000000001'],
  '4294967296.5',
]

const KEYS = ['__proto__', 'constructor', 'toString', '', '\\u0000', 'a'.repeat(300), 'kind', 'seq', 'variables', '\\']

const DEPTHS = [1, 10, 500, 5000, 60_000] as const

/** The text of `value`, with one thing in it that should not be there. */
export function bent(random: Random, value: Json): Buffer {
  const text = JSON.stringify(value)
  switch (random.below(9)) {
    case 0:
      return Buffer.from(text.slice(0, random.below(text.length)))
    case 1:
      return Buffer.from(nested(random))
    case 2:
      return withBadBytes(random, text)
    case 3:
      // the same key twice: the later one counts, or nobody is sure
      return Buffer.from(text.replace('{', `{"${random.pick(KEYS)}":${random.pick(VALUES)},`))
    case 4:
      return Buffer.from(text.replace(/}$/, `,"${random.pick(KEYS)}":${random.pick(VALUES)}}`))
    case 5:
      return Buffer.from(random.pick(VALUES))
    case 6:
      return Buffer.from(
        random.pick(['\ufeff', ' ', '/**/', ',', '[', '\n\n']) + text + random.pick(['', ',', ']', text]),
      )
    default:
      return Buffer.from(replaceOne(random, text))
  }
}

function nested(random: Random): string {
  const depth = random.pick(DEPTHS)
  if (random.chance(0.3)) return '['.repeat(depth)
  if (random.chance(0.5)) return '['.repeat(depth) + ']'.repeat(depth)
  return `{"kind":"values","variables":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`
}

function withBadBytes(random: Random, text: string): Buffer {
  const at = random.below(text.length)
  return Buffer.concat([Buffer.from(text.slice(0, at)), random.pick(BAD_UTF8), Buffer.from(text.slice(at))])
}

/** One scalar of the text gives its place to another. */
function replaceOne(random: Random, text: string): string {
  const scalars = [...text.matchAll(/(?<=:)("[^"]*"|-?[0-9.]+|true|false)/g)]
  const one = scalars[random.below(scalars.length)]
  if (!one) return random.pick(VALUES)
  return text.slice(0, one.index) + random.pick(VALUES) + text.slice(one.index + one[0].length)
}

/** What UTF-8 forbids [MQTT-1.5.3-1], or what MQTT lets a server refuse besides. */
export const BAD_UTF8: readonly Buffer[] = [
  ...[[0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xf0, 0x80, 0x80, 0x80], [0xed, 0xa0, 0x80]],
  ...[[0xed, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xff], [0xfe], [0xc3]],
  ...[
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98],
  ],
].map((bytes) => Buffer.from(bytes))

/** Right as UTF-8, and still not to be let into a topic. */
export const ODD_TEXT: readonly string[] = [
  ...['\u0001', '\u001f', '\u007f', '\u009f', '\ufeff', '\ufffe', '\u202e', '\u{1f600}', 'ä', ' ', '*', '$', '\\', '"'],
]
