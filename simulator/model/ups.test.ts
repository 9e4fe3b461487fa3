import fc from 'fast-check'
import { expect, test } from 'vitest'
import { capacity, drain, runtime, settledVolts } from './battery.ts'
import { reboot, shutDown, simulateFailure, startUp } from './command.ts'
import { commandGroup } from './outlet.ts'
import { isGroupLive, read, statusOf } from './reading.ts'
import { startTest } from './selftest.ts'
import type { Inputs, UpsSpec, UpsState } from './state.ts'
import { createUps, step } from './ups.ts'

const spec: UpsSpec = {
  manufacturer: 'Example',
  model: 'Line 1000',
  serial: 'S1',
  firmware: '1.0',
  nominalWatts: 900,
  nominalVa: 1000,
  nominalVolts: 230,
  nominalHertz: 50,
  batteryVolts: 24,
  batteryMinutes: 6,
  seed: 7,
  groups: [
    { name: 'Main', isMain: true, share: 0.5 },
    { name: 'Servers', isMain: false, share: 0.5 },
  ],
}
const normal: Inputs = { mains: true, mainsVolts: 230, load: 40, isBatteryWorn: false }
const cut: Inputs = { ...normal, mains: false }

const arbInputs: fc.Arbitrary<Inputs> = fc.record({
  mains: fc.boolean(),
  mainsVolts: fc.constantFrom(150, 200, 230, 255, 290),
  load: fc.integer({ min: 0, max: 150 }),
  isBatteryWorn: fc.boolean(),
})
const arbDoing = fc.constantFrom<(state: UpsState) => UpsState>(
  (state) => state,
  (state) => shutDown(state, 7, { kind: 'mains' }),
  (state) => shutDown(state, 3, { kind: 'auto' }),
  (state) => reboot(state, 11, false),
  (state) => startUp(state, 5),
  (state) => simulateFailure(state, 20),
  (state) => orSame(state, startTest(state, 'quick')),
  (state) => orSame(state, startTest(state, 'deep')),
  (state) => orSame(state, commandGroup(state, 1, 'reboot', true)),
  (state) => orSame(state, commandGroup(state, 0, 'off', false)),
)
const arbMoment = fc.record({
  inputs: arbInputs,
  seconds: fc.double({ min: 0, max: 400, noNaN: true }),
  doing: arbDoing,
})

function orSame(state: UpsState, outcome: UpsState | string): UpsState {
  return typeof outcome === 'string' ? state : outcome
}

type Moment = { inputs: Inputs; seconds: number; doing: (state: UpsState) => UpsState }

function live(moments: readonly Moment[], of = spec): UpsState[] {
  let state = createUps(of, normal)
  return moments.map(({ inputs, seconds, doing }) => {
    state = step(doing(state), seconds, inputs)
    return state
  })
}

test('whatever happens, the charge stays between 0 and 100 and every reading is a finite number', () => {
  fc.assert(
    fc.property(fc.array(arbMoment, { maxLength: 12 }), (moments) => {
      for (const state of live(moments)) {
        expect(state.charge).toBeGreaterThanOrEqual(0)
        expect(state.charge).toBeLessThanOrEqual(100)
        for (const value of Object.values(read(state))) {
          if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true)
        }
        expect(Number.isFinite(state.at)).toBe(true)
      }
    }),
    { numRuns: 100 },
  )
})

test('step(a + b) is step(a), then step(b)', () => {
  const span = fc.double({ min: 0, max: 90, noNaN: true })
  // An hour of battery: a second more or less on it, at a cut between two steps, is next to nothing.
  const patient: UpsSpec = { ...spec, batteryMinutes: 60 }
  fc.assert(
    fc.property(fc.array(arbMoment, { maxLength: 3 }), arbMoment, span, span, (moments, { inputs, doing }, a, b) => {
      const state = doing(live(moments, patient).at(-1) ?? createUps(patient, normal))
      const once = step(state, a + b, inputs)
      const twice = step(step(state, a, inputs), b, inputs)
      // The very moment at which the battery is empty may fall on either side of the end.
      fc.pre(Math.min(once.charge, twice.charge) > 1)
      expect(twice.at).toBeCloseTo(once.at, 5)
      expect(Math.abs(twice.charge - once.charge)).toBeLessThan(0.3)
      expect(Math.abs(twice.temperature - once.temperature)).toBeLessThan(0.05)
      expect(Math.abs(twice.batteryVolts - once.batteryVolts)).toBeLessThan(0.5)
      expect(Math.abs((twice.output.startIn ?? -1) - (once.output.startIn ?? -1))).toBeLessThan(1.01)
      expect(twice.groups.map((group) => group.on)).toEqual(once.groups.map((group) => group.on))
      expect(twice.test?.result).toBe(once.test?.result)
    }),
    { numRuns: 300 },
  )
})

test('what follows a countdown follows inside one long step too', () => {
  const one = step(shutDown(createUps(spec, normal), 7, { kind: 'mains' }), 60, normal)
  expect(one.output).toMatchObject({ on: true, shutdownIn: null, startIn: null })
  const half = step(shutDown(createUps(spec, normal), 7.3, { kind: 'mains' }), 12.5, normal)
  expect(half.output.on).toBe(false)
  expect(half.output.startIn).toBeCloseTo(4.8, 6)
})

test('more load never leaves more runtime, and twice the load takes less than half of it', () => {
  const load = fc.double({ min: 1, max: 1500, noNaN: true })
  const charge = fc.double({ min: 1, max: 100, noNaN: true })
  fc.assert(
    fc.property(load, load, charge, fc.boolean(), (a, b, percent, isWorn) => {
      const [less, more] = a < b ? [a, b] : [b, a]
      expect(runtime(spec, percent, more, isWorn)).toBeLessThanOrEqual(runtime(spec, percent, less, isWorn))
    }),
  )
  expect(runtime(spec, 100, 900, false)).toBeCloseTo(360, 6)
  expect(runtime(spec, 100, 900, true)).toBeLessThan(180)
  expect(runtime(spec, 100, 450, false)).toBeGreaterThan(2 * 360 * 1.05)
})

test('the load never gets more energy than mains and battery gave', () => {
  fc.assert(
    fc.property(fc.array(arbMoment, { minLength: 1, maxLength: 12 }), (moments) => {
      const fresh = moments.map((moment) => ({ ...moment, inputs: { ...moment.inputs, isBatteryWorn: false } }))
      const end = live(fresh).at(-1) ?? createUps(spec, normal)
      const lost = ((100 - end.charge) / 100) * capacity(spec, false)
      expect(end.energy.output).toBeLessThanOrEqual(end.energy.input + lost + 1)
    }),
    { numRuns: 100 },
  )
})

test('an outage and the recharge after it conserve energy but for losses of a plausible size', () => {
  const start = createUps(spec, normal)
  const empty = step(start, 300, cut)
  expect(empty.source).toBe('battery')
  const given = ((100 - empty.charge) / 100) * capacity(spec, false)
  expect(empty.energy.output).toBeGreaterThan(given * 0.6)
  expect(empty.energy.output).toBeLessThan(given * 0.9)
  const none = { ...normal, load: 0 }
  const full = step(empty, 12 * 3600, none)
  expect(full.charge).toBe(100)
  const taken = full.energy.input - empty.energy.input
  expect(taken).toBeGreaterThan(given)
  expect(taken).toBeLessThan(given * 1.25)
})

test('the runtime that it shows is the time that it lasts', () => {
  const promised = read(step(createUps(spec, normal), 0, cut)).runtime
  let state = createUps(spec, normal)
  let lasted = 0
  while (state.output.on) {
    state = step(state, 1, cut)
    lasted += 1
  }
  expect(Math.abs(lasted - promised)).toBeLessThan(promised * 0.05)
  expect(statusOf(state)).toContain('OFF')
})

test('a cut shows at once, low battery comes before the end, and mains brings the output back', () => {
  const state = step(createUps(spec, normal), 0, cut)
  expect(statusOf(state)).toBe('OB DISCHRG')
  const seconds = read(state).runtime
  const low = step(state, seconds - 60, cut)
  expect(statusOf(low)).toContain('LB')
  const dead = step(low, 120, cut)
  expect(dead.output).toMatchObject({ on: false, awaitsMains: true })
  expect(read(dead)).toMatchObject({ charge: 0, watts: 0, outputVolts: 0 })
  const back = step(dead, 15, normal)
  expect(statusOf(back)).toContain('OL')
  expect(back.output.on).toBe(true)
})

test('without automatic restart the output stays off until somebody switches it on', () => {
  const dead = step(createUps(spec, cut, { autoRestart: false }), 4000, cut)
  expect(dead.output.on).toBe(false)
  const still = step(dead, 600, normal)
  expect(still.output.on).toBe(false)
  expect(step(startUp(still, 0), 0, normal).output.on).toBe(true)
})

test('charging slows down towards the end', () => {
  const part = (charge: number) => step({ ...createUps(spec, normal), charge }, 600, normal).charge - charge
  expect(part(20)).toBeCloseTo(part(60), 6)
  expect(part(90)).toBeLessThan(part(60) * 0.6)
  expect(part(97)).toBeLessThan(part(90) * 0.5)
})

test.each<[volts: number, status: string]>([
  [230, 'OL'],
  [205, 'OL BOOST'],
  [255, 'OL TRIM'],
  [170, 'OB DISCHRG'],
  [290, 'OB DISCHRG'],
])('at %i V the status is %s', (mainsVolts, status) => {
  const state = step(createUps(spec, normal), 5, { ...normal, mainsVolts })
  expect(statusOf(state)).toBe(status)
  if (status.includes('BOOST')) expect(read(state).outputVolts).toBeGreaterThan(220)
})

test('voltage sags with load and with lost charge', () => {
  const volts = (charge: number, watts: number) => settledVolts(spec, charge, 'discharging', watts, false)
  expect(volts(100, 900)).toBeLessThan(volts(100, 100))
  expect(volts(30, 400)).toBeLessThan(volts(90, 400))
  expect(volts(60, 0)).toBeCloseTo(24.84, 1)
  expect(drain(spec, 0)).toBeGreaterThan(0)
})

test('a self-test runs on battery for its seconds, then passes; a worn battery fails it', () => {
  const begun = startTest(createUps(spec, normal), 'quick')
  if (typeof begun === 'string') throw new Error(begun)
  const running = step(begun, 4, normal)
  expect(statusOf(running)).toBe('OB DISCHRG TEST')
  expect(running.batteryVolts).toBeLessThan(begun.batteryVolts)
  expect(running.charge).toBeLessThan(begun.charge)
  expect(step(running, 7, normal).test).toMatchObject({ result: 'pass' })
  expect(step(begun, 11, { ...normal, isBatteryWorn: true }).test).toMatchObject({ result: 'error' })
  expect(step(running, 1, cut).test).toMatchObject({ result: 'aborted' })
  expect(startTest(running, 'quick')).toBe('busy')
  expect(startTest(step(createUps(spec, normal), 0, cut), 'quick')).toBe('no-mains')
})

test('a calibration needs a full battery and ends at a quarter', () => {
  expect(startTest({ ...createUps(spec, normal), charge: 90 }, 'deep')).toBe('not-charged')
  const begun = startTest(createUps(spec, normal), 'deep')
  if (typeof begun === 'string') throw new Error(begun)
  const done = step(begun, 1500, normal)
  expect(done.test).toMatchObject({ result: 'pass' })
  expect(done.charge).toBeLessThan(40)
})

test('a reboot switches off, waits, and switches on again', () => {
  const off = step(reboot(createUps(spec, normal), 10, true), 5, normal)
  expect(off.output).toMatchObject({ on: false, rebooting: true })
  expect(read(off).watts).toBe(0)
  expect(step(off, 6, normal).output).toMatchObject({ on: true, rebooting: false })
})

test('switching off with return waits for the mains when it is gone', () => {
  const off = step(shutDown(createUps(spec, cut), 5, { kind: 'auto' }), 10, cut)
  expect(off.output).toMatchObject({ on: false, awaitsMains: true })
  expect(step(off, 300, cut).output.on).toBe(false)
  expect(step(off, 30, normal).output.on).toBe(true)
  const calm = step(shutDown(createUps(spec, normal), 5, { kind: 'auto' }), 600, normal)
  expect(calm.output.on).toBe(false)
})

test('outlet groups take their share of the load, wait for their delays, and need the main group', () => {
  const state = createUps(spec, normal)
  const shed = commandGroup(state, 1, 'off', true)
  if (typeof shed === 'string') throw new Error(shed)
  expect(isGroupLive(step(shed, 29, normal), 1)).toBe(true)
  const after = step(shed, 31, normal)
  expect(isGroupLive(after, 1)).toBe(false)
  expect(read(after).load).toBeLessThan(21)
  const mainOff = commandGroup(after, 0, 'off', false)
  if (typeof mainOff === 'string') throw new Error(mainOff)
  expect(commandGroup(mainOff, 1, 'on', false)).toBe('main-off')
})

test('alarms come with their time, keep their number, and go', () => {
  const before = step(createUps(spec, normal), 100, normal)
  const out = step(before, 10, cut)
  const onBattery = out.alarms.find((alarm) => alarm.code === 2)
  expect(onBattery?.since).toBeCloseTo(100, 6)
  expect(step(out, 10, cut).alarms).toContainEqual(onBattery)
  expect(step(out, 5, normal).alarms.some((alarm) => alarm.code === 2)).toBe(false)
})

test('live values wander, the same way for the same seed', () => {
  const volts = (seed: number) =>
    [0, 3, 6, 9, 12].map((at) => read(step(createUps({ ...spec, seed }, normal), at, normal)).inputVolts.toFixed(2))
  expect(new Set(volts(1)).size).toBeGreaterThan(3)
  expect(volts(1)).toEqual(volts(1))
  expect(volts(1)).not.toEqual(volts(2))
})
