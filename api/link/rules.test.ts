// Does a link open now, and if not, when?
import { type DeviceFact, type Facts, type LinkFact, NO_FACTS } from '@ridethrough/protocol/policy.ts'
import { LINKABLE } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Standing, standingOf } from './rules.ts'

const HOUR = 3_600_000
/** A Wednesday, noon in UTC. */
const NOW = Date.UTC(2026, 10, 25, 12)
const rack: DeviceFact = { id: 'rack', companyId: 'c', plan: 'advanced', timeZone: 'UTC' }
const tokyo: DeviceFact = { ...rack, id: 'tokyo', timeZone: 'Asia/Tokyo' }

const link = (change: Partial<LinkFact>): LinkFact => ({
  ...{ id: 'l', ended: false, suspended: false, deviceIds: ['rack', 'tokyo'], variables: null },
  ...{ privileges: LINKABLE, period: { from: null, until: null }, windows: [] },
  ...change,
})
const ask = (change: Partial<LinkFact>, devices = [rack], now = NOW): Standing => {
  const facts: Facts = { ...NO_FACTS, links: [link(change)] }
  return standingOf({ version: 1, devices, facts }, 'l', now)
}

const MORNINGS: WeeklyWindow = { days: [1, 2, 3, 4, 5], from: '08:00', until: '10:00' }
test.each<[what: string, change: Partial<LinkFact>, devices: DeviceFact[], expected: Standing]>([
  ['without bounds', {}, [rack], { isOpen: true }],
  ['without devices', {}, [], { isOpen: false, why: 'ended', opensAt: null }],
  ['ended', { ended: true }, [rack], { isOpen: false, why: 'ended', opensAt: null }],
  ['past its end', { period: { from: null, until: NOW } }, [rack], { isOpen: false, why: 'ended', opensAt: null }],
  ['stopped', { suspended: true }, [rack], { isOpen: false, why: 'suspended', opensAt: null }],
  [
    'before its start',
    { period: { from: NOW + HOUR, until: null } },
    [rack],
    { isOpen: false, why: 'not-yet', opensAt: NOW + HOUR },
  ],
  [
    'outside its hours',
    { windows: [MORNINGS] },
    [rack],
    { isOpen: false, why: 'outside-window', opensAt: Date.UTC(2026, 10, 26, 8) },
  ],
  [
    'before its start, which is outside its hours',
    { period: { from: Date.UTC(2027, 5, 5, 12), until: null }, windows: [MORNINGS] },
    [rack],
    { isOpen: false, why: 'not-yet', opensAt: Date.UTC(2027, 5, 7, 8) },
  ],
  [
    'with an end before its next hours',
    { period: { from: null, until: NOW + HOUR }, windows: [MORNINGS] },
    [rack],
    { isOpen: false, why: 'outside-window', opensAt: null },
  ],
  [
    'by the first of its devices',
    { windows: [MORNINGS] },
    [rack, tokyo],
    { isOpen: false, why: 'outside-window', opensAt: Date.UTC(2026, 10, 25, 23) },
  ],
])('a link %s [R22]', (_what, change, devices, expected) => {
  expect(ask(change, devices)).toEqual(expected)
})

test('a link opens at the instant that was said, and not before [R22]', () => {
  const time = fc.constantFrom('00:00', '06:30', '12:00', '22:00')
  const window = fc.record({
    days: fc.subarray([1, 2, 3, 4, 5, 6, 7] as WeeklyWindow['days'], { minLength: 1 }),
    from: time,
    until: time,
  })
  const from = fc.option(fc.integer({ min: -48, max: 24 * 30 }), { nil: null })
  fc.assert(
    fc.property(fc.array(window, { maxLength: 2 }), from, fc.nat(1000), (windows, hours, part) => {
      const change = { windows, period: { from: hours === null ? null : NOW + hours * HOUR, until: null } }
      const devices = [rack, tokyo]
      const standing = ask(change, devices)
      if (standing.isOpen || standing.opensAt === null) return
      expect(ask(change, devices, standing.opensAt)).toEqual({ isOpen: true })
      const before = NOW + Math.floor(((standing.opensAt - NOW) * part) / 1001)
      expect(ask(change, devices, before).isOpen).toBe(false)
    }),
    { numRuns: 300 },
  )
})
