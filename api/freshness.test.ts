import type { DeviceStatus } from '@ridethrough/db/query/device.ts'
import { expect, test } from 'vitest'
import { silenceOf, stateView } from './freshness.ts'

const fresh: DeviceStatus = {
  seq: 1,
  at: 100_000,
  receivedAt: 100_000,
  status: 'OL',
  variables: { 'ups.load': 20 },
  problem: null,
  problemSince: null,
  problemDetail: null,
  agent: { online: true, intervalS: 10, seenAt: 90_000 },
  claimedAt: 0,
}
const unheard: DeviceStatus = { ...fresh, seq: null, at: null, receivedAt: null, status: null, variables: {} }
const offline = { ...fresh.agent, online: false }

test.each<[what: string, status: DeviceStatus, now: number, reason: string | undefined, since: number]>([
  ['just measured', fresh, 100_000, undefined, 0],
  ['three intervals and the grace, less a moment', fresh, 134_999, undefined, 0],
  ['three intervals and the grace', fresh, 135_000, 'unknown', 100_000],
  ['agent away', { ...fresh, agent: offline }, 100_000, 'link-lost', 90_000],
  ['device mute', { ...fresh, problem: 'no-answer', problemSince: 95_000 }, 100_000, 'device-not-answering', 95_000],
  ['mute, then the agent went', { ...fresh, problem: 'no-answer', agent: offline }, 100_000, 'link-lost', 90_000],
  ['an agent with a slow clock', { ...fresh, at: 1 }, 100_000, undefined, 0],
  ['claimed just now', unheard, 34_999, undefined, 0],
  ['claimed, and never heard of', unheard, 35_000, 'unknown', 0],
])('%s', (_what, status, now, reason, since) => {
  const silence = silenceOf(status, now)
  expect(silence?.reason).toBe(reason)
  if (silence) expect(silence.since).toBe(new Date(since).toISOString())
})

test('values that are not there are never fresh', () => {
  expect(stateView('d', unheard, 10)).toMatchObject({ seq: null, at: null, stale: true, silence: null, variables: {} })
})
