import { expect, test } from 'vitest'
import { createTexts } from './i18n.ts'
import { sayDays, sayTimeIn, sayWindows } from './window.ts'

const { t } = createTexts()

test('windows are said by their days and hours [R23]', () => {
  expect(sayWindows([{ days: [1, 2, 3, 4, 5], from: '08:00', until: '17:00' }], t)).toBe('Monday to Friday 08:00-17:00')
  expect(
    sayWindows(
      [
        { days: [6, 7], from: '00:00', until: '24:00' },
        { days: [5], from: '22:00', until: '06:00' },
      ],
      t,
    ),
  ).toBe('Saturday and Sunday all day and Friday 22:00-06:00 the next day')
})

test('days that follow each other are said as one', () => {
  expect(sayDays([3], t)).toBe('Wednesday')
  expect(sayDays([7, 1, 2, 3], t)).toBe('Monday to Wednesday and Sunday')
  expect(sayDays([1, 2, 3, 4, 5, 6, 7], t)).toBe('every day')
})

test('a time in a zone that is not the viewer’s names it', () => {
  const now = Date.parse('2026-11-21T20:00:00Z')
  const far = sayTimeIn(Date.parse('2026-12-31T16:00:00Z'), now, 'Pacific/Chatham')
  expect(far).toBe('1 Jan 2027, 05:45 (Pacific/Chatham)')
})
