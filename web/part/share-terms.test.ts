import { NewShare, ShareChange } from '@ridethrough/protocol/http/share.ts'
import { expect, test } from 'vitest'
import { WORKING_HOURS } from '../data/week.ts'
import { changedIn, newTerms, rightsBody, termsOf, timesBody } from './share-terms.ts'

const NOW = Date.parse('2026-11-21T20:00:00Z')
const ZONE = 'Europe/Kyiv'
const DEVICE = '0199c1f0-0000-7000-8000-000000000001'
const blank = newTerms([DEVICE], ZONE)
const bodyOf = (values: typeof blank) => ({
  email: 'bob@example.org',
  deviceIds: values.deviceIds,
  ...rightsBody(values),
  ...timesBody(values),
})

test('what was turned on and not filled in never passes for no limit [R15 R23]', () => {
  expect(NewShare.safeParse(bodyOf(blank)).success).toBe(true)
  const paths = (values: typeof blank) =>
    NewShare.safeParse(bodyOf(values)).error?.issues.map((issue) => String(issue.path[0])) ?? []
  expect(paths({ ...blank, hasPeriod: true })).toContain('until')
  expect(paths({ ...blank, hasPeriod: true, untilDate: '2026-12-31', untilTime: '' })).toContain('until')
  expect(paths({ ...blank, hasPeriod: true, fromDate: '2026-12-01', fromTime: '' })).toContain('from')
  expect(paths({ ...blank, hasWindows: true })).toContain('windows')
  expect(paths({ ...blank, hasWindows: true, windows: [{ ...WORKING_HOURS, days: [] }] })).toContain('windows')
})

test('start and end are by the clock of the named zone; an end before the start is refused [R15]', () => {
  const values = { ...blank, hasPeriod: true, fromDate: '2026-12-01', untilDate: '2026-12-31', untilTime: '18:00' }
  expect(timesBody(values)).toEqual({
    from: '2026-11-30T22:00:00.000Z',
    until: '2026-12-31T16:00:00.000Z',
    windows: [],
  })
  const swapped = { ...values, fromDate: '2027-01-01' }
  expect(NewShare.safeParse(bodyOf(swapped)).error?.issues[0]?.path).toEqual(['until'])
})

test('what was turned off is not sent, though the fields keep it', () => {
  const values = { ...blank, untilDate: '2026-12-31', windows: [WORKING_HOURS] }
  expect(timesBody(values)).toEqual({ from: null, until: null, windows: [] })
})

test('a share that nobody touched has no changes, and one change is all that is sent [R16]', () => {
  const share = {
    devices: [{ id: DEVICE }],
    privileges: ['monitor' as const, 'reboot' as const],
    role: null,
    from: '2026-11-20T08:00:00.000Z',
    until: '2026-12-31T16:00:00.000Z',
    windows: [WORKING_HOURS],
  }
  const saved = termsOf(share, ZONE, NOW)
  expect(saved).toMatchObject({ preset: 'custom', hasPeriod: true, untilTime: '18:00', hasWindows: true })
  expect(changedIn(timesBody(saved), timesBody(termsOf(share, ZONE, NOW)))).toEqual({})
  const change = changedIn(timesBody(saved), timesBody({ ...saved, hasPeriod: false }))
  expect(change).toEqual({ from: null, until: null })
  expect(ShareChange.safeParse(change).success).toBe(true)
  expect(changedIn(timesBody(saved), timesBody({ ...saved, untilTime: '19:00' }))).toEqual({
    until: '2026-12-31T17:00:00.000Z',
  })
})

test('a start that is past and has no end is no period any more', () => {
  const share = { devices: [], privileges: [], windows: [], from: '2026-11-20T08:00:00.000Z', until: null }
  expect(termsOf(share, ZONE, NOW).hasPeriod).toBe(false)
  expect(termsOf({ ...share, from: '2026-11-22T08:00:00.000Z' }, ZONE, NOW).hasPeriod).toBe(true)
})

test('a role of the company is sent by its id, a built-in one by its name', () => {
  expect(rightsBody({ preset: 'operator', privileges: [] })).toEqual({ role: 'operator' })
  expect(rightsBody({ preset: `role:${DEVICE}`, privileges: [] })).toEqual({ roleId: DEVICE })
  expect(rightsBody({ preset: 'custom', privileges: ['monitor'] })).toEqual({ privileges: ['monitor'] })
})
