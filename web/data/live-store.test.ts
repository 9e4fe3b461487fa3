import type { DeviceView, StateView } from '@ridethrough/protocol/http/device.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLiveStore, newer } from './live-store.ts'

const AT = '2026-11-21T20:00:00.000Z'

function stateOf(deviceId: string, change: Partial<StateView> = {}): StateView {
  return {
    deviceId,
    seq: 1,
    at: AT,
    status: 'OL',
    variables: {},
    stale: false,
    problem: null,
    silence: null,
    ...change,
  }
}

function deviceOf(id: string, change: Partial<DeviceView> = {}): DeviceView {
  return {
    id,
    name: id,
    mfr: '',
    model: '',
    serial: '',
    plan: 'advanced',
    timeZone: 'UTC',
    via: 'owner',
    company: null,
    windows: [],
    sharedBy: null,
    until: null,
    privileges: ['monitor'],
    state: stateOf(id),
    ...change,
  }
}

/** A store that flushes when told, as a frame would. */
function storeByHand() {
  let flush = () => {}
  const store = createLiveStore((run) => {
    flush = run
  })
  return { store, flush: () => flush() }
}

const olena = { name: 'Olena', email: 'olena@example.org' }

test('a change reaches the listeners of its own device only', () => {
  const { store, flush } = storeByHand()
  store.apply({ type: 'snapshot', devices: [deviceOf('a'), deviceOf('b')] })
  flush()
  const heard: string[] = []
  store.subscribeDevice('a', () => heard.push('a'))
  store.subscribeDevice('b', () => heard.push('b'))
  store.subscribeOverview(() => heard.push('overview'))
  store.apply({ type: 'state', state: stateOf('b', { seq: 2, variables: { 'ups.load': 40 } }) })
  flush()
  expect(heard).toEqual(['b'])
  expect(store.device('b')?.state.variables).toEqual({ 'ups.load': 40 })
})

test('many changes of one device before a frame are one call', () => {
  const { store, flush } = storeByHand()
  store.fill([deviceOf('a')], true)
  flush()
  let calls = 0
  store.subscribeDevice('a', () => calls++)
  for (let seq = 2; seq < 50; seq++) store.apply({ type: 'state', state: stateOf('a', { seq }) })
  flush()
  expect(calls).toBe(1)
  expect(store.device('a')?.state.seq).toBe(49)
})

test('the order changes when a device needs somebody, not when a number moves', () => {
  const { store, flush } = storeByHand()
  store.fill([deviceOf('Rack 10'), deviceOf('Rack 2'), deviceOf('Far', { sharedBy: olena })], true)
  flush()
  const first = store.overview()
  expect(first.ids).toEqual({ mine: ['Rack 2', 'Rack 10'], shared: ['Far'] })
  store.apply({ type: 'state', state: stateOf('Rack 10', { seq: 2, variables: { 'ups.load': 9 } }) })
  flush()
  expect(store.overview()).toBe(first)
  store.apply({ type: 'state', state: stateOf('Rack 10', { seq: 3, status: 'OB' }) })
  flush()
  expect(store.overview().ids.mine).toEqual(['Rack 10', 'Rack 2'])
  expect(store.overview().tones).toEqual({ battery: 1, normal: 2 })
})

test('an older sample never replaces a newer one, and the same one may turn stale', () => {
  const { store, flush } = storeByHand()
  store.fill([deviceOf('a', { state: stateOf('a', { seq: 9 }) })], true)
  store.apply({ type: 'state', state: stateOf('a', { seq: 8, status: 'OB' }) })
  // A list that set out before the last word of the stream brings old states with it.
  store.fill([deviceOf('a', { name: 'renamed', state: stateOf('a', { seq: 7, status: 'OB' }) })], false)
  flush()
  expect(store.device('a')).toMatchObject({ name: 'renamed', state: { seq: 9, status: 'OL' } })
  store.apply({ type: 'state', state: stateOf('a', { seq: 9, stale: true }) })
  flush()
  expect(store.device('a')?.state.stale).toBe(true)
})

test('newer keeps the highest sequence in whatever order states come', () => {
  const states = fc.array(fc.option(fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(states, (seqs) => {
      const last = seqs.map((seq) => stateOf('a', { seq })).reduce(newer)
      const known = seqs.filter((seq) => seq !== null)
      expect(last.seq).toBe(known.length === 0 ? null : Math.max(...known))
    }),
    { numRuns: 300 },
  )
})

test('a device whose right has ended is gone at once, and its listeners hear it', () => {
  const { store, flush } = storeByHand()
  store.fill([deviceOf('a', { sharedBy: olena }), deviceOf('b')], true)
  flush()
  let calls = 0
  store.subscribeDevice('a', () => calls++)
  store.apply({ type: 'gone', deviceId: 'a' })
  expect(store.device('a')).toBeUndefined()
  flush()
  expect(calls).toBe(1)
  expect(store.overview().ids).toEqual({ mine: ['b'], shared: [] })
})

test('a snapshot forgets what it does not name; a list beside the stream does not', () => {
  const { store, flush } = storeByHand()
  store.fill([deviceOf('a'), deviceOf('b')], true)
  store.fill([deviceOf('a')], false)
  flush()
  expect(store.overview().ids.mine).toEqual(['a', 'b'])
  store.apply({ type: 'snapshot', devices: [deviceOf('a')] })
  flush()
  expect(store.overview().ids.mine).toEqual(['a'])
})

test('the state of a device that is not known is not shown', () => {
  const { store } = storeByHand()
  store.apply({ type: 'state', state: stateOf('stranger') })
  expect(store.device('stranger')).toBeUndefined()
})

test('devices of a host company stand apart from own and shared ones, also in the counts [R35]', () => {
  const { store, flush } = storeByHand()
  const acme = { id: 'acme', name: 'Acme' }
  store.fill(
    [
      deviceOf('own', { company: { id: 'home', name: 'Home' } }),
      deviceOf('of-a-friend', { via: 'share', sharedBy: olena }),
      deviceOf('theirs', { via: 'guest', company: acme, state: stateOf('theirs', { status: 'OB' }) }),
    ],
    true,
  )
  flush()
  expect(store.overview()).toMatchObject({
    ids: { mine: ['own'], shared: ['of-a-friend'] },
    tones: { normal: 2 },
    hosts: { acme: { ids: ['theirs'], tones: { battery: 1 } } },
  })
  store.apply({ type: 'gone', deviceId: 'theirs' })
  flush()
  expect(store.overview().hosts).toEqual({})
})
