import fc from 'fast-check'
import { expect, test } from 'vitest'
import { instantOf, listZones, wallAt } from './zone.ts'

const iso = (text: string) => Date.parse(text)

test('a day and time of a named zone is one instant [R15]', () => {
  expect(instantOf({ date: '2026-12-31', time: '18:00' }, 'Europe/Kyiv')).toBe(iso('2026-12-31T16:00:00Z'))
  expect(instantOf({ date: '2026-07-01', time: '18:00' }, 'Europe/Kyiv')).toBe(iso('2026-07-01T15:00:00Z'))
  expect(instantOf({ date: '2026-07-01', time: '18:00' }, 'America/New_York')).toBe(iso('2026-07-01T22:00:00Z'))
  expect(instantOf({ date: '', time: '18:00' }, 'UTC')).toBeUndefined()
  expect(instantOf({ date: '2026-07-01', time: '' }, 'UTC')).toBeUndefined()
})

test('a time that the clocks skip is an hour later, one that comes twice is the first', () => {
  expect(instantOf({ date: '2026-03-29', time: '02:30' }, 'Europe/Berlin')).toBe(iso('2026-03-29T01:30:00Z'))
  expect(instantOf({ date: '2026-10-25', time: '02:30' }, 'Europe/Berlin')).toBe(iso('2026-10-25T00:30:00Z'))
})

test('there and back again', () => {
  const minutes = fc.integer({ min: iso('2026-01-01T00:00:00Z') / 60_000, max: iso('2028-01-01T00:00:00Z') / 60_000 })
  const zones = fc.constantFrom('UTC', 'Europe/Kyiv', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Apia')
  fc.assert(
    fc.property(minutes, zones, (minute, zone) => {
      const wall = wallAt(minute * 60_000, zone)
      const back = instantOf(wall, zone) ?? 0
      expect(wallAt(back, zone)).toEqual(wall)
    }),
  )
})

test('the suggested zones come first, and none twice', () => {
  const zones = listZones(['Europe/Kyiv'])
  expect(zones[0]).toBe('Europe/Kyiv')
  expect(new Set(zones).size).toBe(zones.length)
})
