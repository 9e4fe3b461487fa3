// The quick look at a sample takes nothing that the schema would not.
import { Backlog, Sample } from '@ridethrough/protocol/message/telemetry.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPlainBacklog, isPlainSample, readBacklog, readSample } from './sample.ts'

const good = {
  kind: 'values',
  seq: 7,
  at: 1_790_000_000_000,
  status: 'OL CHRG',
  variables: { 'battery.charge': 100, 'ups.id': 'rack é' },
} as const
const bad = { kind: 'problem', seq: 8, at: 1_790_000_000_000, problem: 'no-answer', detail: 'no answer' } as const

const arbName = fc.oneof(
  fc.constantFrom(
    'battery.charge',
    'Battery.charge',
    'battery',
    'a.b.c.d.e.f.g.h',
    'a.b.c.d.e.f.g.h.i',
    'ups.',
    '__proto__',
    `a.${'b'.repeat(126)}`,
    `a.${'b'.repeat(127)}`,
  ),
  fc.string(),
)
const arbValue = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom<unknown>(null, true, [], {}, 'x'.repeat(1024), 'x'.repeat(1025)),
)
const arbOdd = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom<unknown>(
    0,
    -1,
    1.5,
    2 ** 53,
    '1',
    null,
    'OL',
    'ol',
    ' OL',
    '',
    'no-answer',
    'values',
    'X'.repeat(128),
    'X'.repeat(129),
    'd'.repeat(256),
    'd'.repeat(257),
  ),
)
/** A right one with something about it changed, added or left out. */
const arbSample = fc
  .tuple(
    fc.constantFrom(good, bad),
    fc.option(
      fc.record({
        field: fc.constantFrom('kind', 'seq', 'at', 'status', 'variables', 'problem', 'detail', 'more', '__proto__'),
        to: arbOdd,
      }),
      { nil: undefined },
    ),
    fc.option(fc.constantFrom('kind', 'seq', 'at', 'status', 'variables', 'problem', 'detail'), { nil: undefined }),
    fc.option(fc.array(fc.tuple(arbName, arbValue), { maxLength: 4 }), { nil: undefined }),
  )
  .map(([base, change, without, variables]) => {
    const entries = Object.entries<unknown>(base).filter(([name]) => name !== without && name !== change?.field)
    if (change) entries.push([change.field, change.to])
    const all = entries.map(([name, value]) => [name, name === 'variables' && variables ? variables : value] as const)
    const text = (pairs: readonly (readonly [string, unknown])[]): string =>
      `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${Array.isArray(value) && name === 'variables' ? text(value) : (JSON.stringify(value) ?? 'null')}`).join(',')}}`
    return text(all)
  })

test('what the quick look takes, the schema takes too, and leaves as it is', () => {
  let taken = 0
  fc.assert(
    fc.property(arbSample, (text) => {
      const json: unknown = JSON.parse(text)
      const judged = Sample.safeParse(json)
      if (!isPlainSample(json)) return
      taken += 1
      expect(judged.success && judged.data).toEqual(json)
    }),
    { numRuns: 10_000 },
  )
  expect(taken).toBeGreaterThan(300)
})

test('what is read is what the schema says of it, for good and for bad', () => {
  fc.assert(
    fc.property(fc.array(arbSample, { maxLength: 3 }), (texts) => {
      const text = `{"samples":[${texts.join(',')}]}`
      const judged = Backlog.safeParse(JSON.parse(text))
      const read = readBacklog(Buffer.from(text))
      if (judged.success) expect(read).toEqual(judged.data.samples)
      else {
        // names below `variables` are not ours, and are not repeated
        const path = judged.error.issues[0]?.path.join('.') ?? ''
        expect(read).toBe(`payload-malformed: ${path.replace(/(^|\.)variables\..*$/su, '$1variables')}`)
      }
    }),
    { numRuns: 3000 },
  )
})

test('the usual is taken without the schema', () => {
  expect([good, bad].map(isPlainSample)).toEqual([true, true])
  expect(isPlainBacklog({ samples: Array(100).fill(good) })).toBe(true)
})

test.each<[what: string, text: string, reason: string]>([
  ['no JSON', '{"kind":', 'payload-malformed: not JSON'],
  ['too late an instant', JSON.stringify({ ...bad, at: Date.UTC(10_000, 0, 1) }), 'payload-malformed: at'],
  ['a field too many', JSON.stringify({ ...bad, more: 1 }), 'payload-malformed: '],
  [
    'too many variables',
    JSON.stringify({ ...good, variables: Object.fromEntries(Array.from({ length: 513 }, (_, n) => [`a.b${n}`, n])) }),
    'payload-malformed: variables',
  ],
])('%s is refused, by name', (_, text, reason) => {
  expect(readSample(Buffer.from(text))).toBe(reason)
})

test('a backlog has one to a hundred samples', () => {
  for (const count of [0, 101])
    expect(readBacklog(Buffer.from(JSON.stringify({ samples: Array(count).fill(good) })))).toBe(
      'payload-malformed: samples',
    )
  expect(readBacklog(Buffer.from(JSON.stringify({ samples: [good, { ...good, at: Date.UTC(10_000, 0, 1) }] })))).toBe(
    'payload-malformed: samples',
  )
})
