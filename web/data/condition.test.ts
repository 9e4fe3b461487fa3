import type { StateView } from '@ridethrough/protocol/http/device.ts'
import { STATUS_WORDS } from '@ridethrough/protocol/status.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { conditionOf, type Tone } from './condition.ts'

const AT = '2026-11-21T20:00:00.000Z'
const quiet: StateView = {
  deviceId: 'a',
  seq: 1,
  at: AT,
  status: 'OL',
  variables: {},
  stale: false,
  problem: null,
  silence: null,
}

test.each<[status: string | null, tone: Tone, words: string[]]>([
  ['OL', 'normal', ['OL']],
  ['OL CHRG', 'normal', ['OL', 'CHRG']],
  ['OB DISCHRG', 'battery', ['OB']],
  ['OB DISCHRG LB', 'critical', ['LB', 'OB']],
  ['ALARM OL RB', 'warning', ['ALARM', 'RB', 'OL']],
  ['OL BYPASS', 'special', ['BYPASS', 'OL']],
  ['OL TEST', 'special', ['TEST', 'OL']],
  ['OL TRIM', 'notice', ['TRIM', 'OL']],
  ['OL NEWWORD', 'notice', ['NEWWORD', 'OL']],
  [null, 'waiting', []],
])('%s is %s, the most urgent word first', (status, tone, words) => {
  expect(conditionOf({ ...quiet, status })).toMatchObject({ tone, words })
})

test('a stale state is silent whatever it last said, and keeps what it last said', () => {
  expect(conditionOf({ ...quiet, stale: true })).toMatchObject({ tone: 'silent', words: ['OL'] })
  expect(conditionOf({ ...quiet, problem: 'no-answer' }).tone).toBe('silent')
})

test('silence never takes a device that was critical from the top', () => {
  const words = fc.uniqueArray(fc.constantFrom(...Object.keys(STATUS_WORDS)), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(words, (list) => {
      const status = list.join(' ')
      const heard = conditionOf({ ...quiet, status })
      const silent = conditionOf({ ...quiet, status, stale: true })
      expect(silent.tone).toBe('silent')
      expect(silent.rank).toBeLessThanOrEqual(heard.rank)
    }),
    { numRuns: 300 },
  )
})
