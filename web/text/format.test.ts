import { expect, test } from 'vitest'
import { labelOf, sayAge, sayDuration, sayList, sayReading, sayTime, sayWords } from './format.ts'
import { createTexts } from './i18n.ts'

const { t } = createTexts()
const NOW = new Date(2026, 10, 21, 20, 0).getTime()

test.each([
  [-3, '0 s'],
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [2460, '41 min'],
  [3599, '59 min'],
  [3600, '1 h'],
  [7500, '2 h 5 min'],
  [86_400, '1 d'],
  [100_800, '1 d 4 h'],
])('%d seconds are %s', (seconds, said) => {
  expect(sayDuration(seconds, t)).toBe(said)
})

test('an age is said once a value is not fresh any more, and never for one from the future', () => {
  expect(sayAge(NOW - 29_000, NOW, t)).toBeUndefined()
  expect(sayAge(NOW - 30_000, NOW, t)).toBe('30 s ago')
  expect(sayAge(NOW - 180_000, NOW, t)).toBe('3 min ago')
  expect(sayAge(NOW + 5000, NOW, t)).toBeUndefined()
})

test.each([
  ['input.voltage', 231.44, { number: '231.4', unit: 'V' }],
  ['battery.charge', 99.6, { number: '100', unit: '%' }],
  ['battery.runtime', 2460, { number: '41 min', unit: '' }],
  ['output.L2.current', 1.234, { number: '1.23', unit: 'A' }],
  ['ups.beeper.status', 'enabled', { number: 'enabled', unit: '' }],
  ['experimental.new.thing', 3, { number: '3', unit: '' }],
])('%s of %s is said with its unit', (name, value, said) => {
  expect(sayReading(name, value, t)).toEqual(said)
})

test("labels are for people, with the number of the outlet; unknown names stay NUT's", () => {
  expect(labelOf('battery.charge')).toBe('Battery charge')
  expect(labelOf('outlet.3.status')).toBe('Outlet 3')
  expect(labelOf('experimental.new.thing')).toBe('experimental.new.thing')
})

test('status words read as one phrase', () => {
  expect(sayWords(['LB', 'OB'])).toBe('Low battery, on battery')
  expect(sayWords(['OL', 'NEWWORD'])).toBe('On line, NEWWORD')
  expect(sayWords([])).toBe('')
})

test('a time names its day unless it is today, and its year unless it is this one', () => {
  expect(sayTime(new Date(2026, 10, 21, 8, 5).getTime(), NOW)).toBe('08:05')
  expect(sayTime(new Date(2026, 11, 31, 23, 59).getTime(), NOW)).toBe('31 Dec, 23:59')
  expect(sayTime(new Date(2027, 0, 1, 0, 0).getTime(), NOW)).toBe('1 Jan 2027, 00:00')
})

test('lists read as prose', () => {
  expect(sayList(['A', 'B', 'C'])).toBe('A, B and C')
})
