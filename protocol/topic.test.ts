import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  agentTopic,
  deviceTopic,
  ERRORS_TOPIC,
  isLevel,
  matches,
  parseFilter,
  parseTopic,
  requestTopic,
} from './topic.ts'

const id = '0199e0a0-0000-7000-8000-000000000001'

test.each([
  [agentTopic(id, 'status'), { kind: 'agent', agentId: id, suffix: 'status' }],
  [deviceTopic(id, 'state'), { kind: 'device', deviceId: id, suffix: 'state' }],
  [requestTopic(id, 'outlet.1.load.off'), { kind: 'request', deviceId: id, command: 'outlet.1.load.off' }],
  [ERRORS_TOPIC, { kind: 'errors' }],
])('%s is built and parsed', (name, topic) => {
  expect(parseTopic(name)).toEqual(topic)
})

test.each([
  '',
  'v1',
  'v2/devices/x/state',
  'v1/devices//state',
  'v1/devices/+/state',
  'v1/devices/x/state/y',
  'v1/devices/x/other',
  '$SYS/x',
  'v1/devices/x y/state',
  'v1/errors/x',
])('%j is no topic of ours', (name) => {
  expect(parseTopic(name)).toBeUndefined()
})

test('an id that would break out of its level is refused', () => {
  expect(() => deviceTopic('x/state', 'state')).toThrow(RangeError)
  expect(() => deviceTopic('#', 'state')).toThrow(RangeError)
})

test.each([
  ['v1/devices/+/state', true],
  ['v1/#', true],
  ['#', true],
  ['v1/devices/#/state', false],
  ['v1/dev+/state', false],
  ['v1//state', false],
  ['$SYS/#', false],
  ['a/b/c/d/e/f/g/h/i', false],
  ['x'.repeat(257), false],
  ['v1/\u0000', false],
])('filter %s', (text, isFine) => {
  expect(parseFilter(text) !== undefined).toBe(isFine)
})

describe('matching', () => {
  test.each([
    ['v1/devices/+/state', 'v1/devices/a/state', true],
    ['v1/devices/+', 'v1/devices/a/state', false],
    ['v1/#', 'v1', true],
    ['#', 'v1/devices/a/state', true],
    ['v1/devices/a/state', 'v1/devices/b/state', false],
    ['v1/devices/a/state/+', 'v1/devices/a/state', false],
  ])('%s and %s', (filter, name, isMatch) => {
    expect(matches(filter, name)).toBe(isMatch)
  })

  test('a filter made from a name by putting wildcards in matches that name', () => {
    const level = fc.stringMatching(/^[A-Za-z0-9_.-]{1,4}$/).filter(isLevel)
    fc.assert(
      fc.property(
        fc.array(level, { minLength: 1, maxLength: 6 }),
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        fc.nat(6),
        (levels, plus, cut) => {
          const wild = levels.map((text, index) => (plus[index] ? '+' : text))
          expect(matches(wild.join('/'), levels.join('/'))).toBe(true)
          if (cut < levels.length) expect(matches([...wild.slice(0, cut), '#'].join('/'), levels.join('/'))).toBe(true)
          expect(matches([...levels, 'x'].join('/'), levels.join('/'))).toBe(false)
        },
      ),
    )
  })
})
