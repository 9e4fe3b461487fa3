// NUT's own snmp-ups reads both MIBs and must see what the model holds, within the rounding of each object.
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stillClock } from '../clock.ts'
import { type Simulator, startSimulator } from '../main.ts'
import { findPeer, runNut } from './peers.ts'

const v3 = {
  version: 'v3',
  user: 'watcher',
  authProtocol: 'sha256',
  authKey: 'auth-phrase',
  privProtocol: 'aes',
  privKey: 'priv-phrase',
} as const

let simulator: Simulator

beforeAll(async () => {
  const common = { nominalWatts: 900, batteryMinutes: 6, model: 'Line 1000', serial: 'S-4711', firmware: '2.4' }
  simulator = await startSimulator(
    {
      units: [
        { ...common, name: 'Hall', mib: 'ups-mib', snmp: { version: 'v2c', community: 'one' }, load: 40 },
        { ...common, name: 'Cellar', mib: 'ups-mib', snmp: { version: 'v1', community: 'one' }, load: 60, seed: 2 },
        { ...common, name: 'Rack', mib: 'powernet', snmp: { version: 'v2c', community: 'one' }, load: 40, seed: 3 },
        { ...common, name: 'Vault', mib: 'powernet', snmp: v3, load: 70, seed: 4 },
      ],
    },
    pino({ level: 'silent' }),
    stillClock(Date.UTC(2026, 0, 15)),
  )
})
afterAll(() => simulator?.stop())

/** NUT's status words that both tables of NUT give; CHRG and DISCHRG are in neither. */
const SHARED = new Set(['OL', 'OB', 'LB', 'OFF', 'BOOST', 'TRIM', 'RB'])

async function compare(name: string, skipped: readonly string[] = []): Promise<Map<string, string>> {
  const target = simulator.units.find((unit) => unit.name === name)
  const item = simulator.control.find(name)
  if (!target || !item) throw new Error(`no unit ${name}`)
  const nut = await runNut(target)
  const isCoarse = item.mib === 'ups-mib'
  const rows: readonly [variable: string, value: number, tolerance: number][] = [
    ['battery.charge', item.charge, isCoarse ? 0.55 : 0.11],
    ['battery.runtime', item.runtime, isCoarse ? 31 : 1],
    ['battery.voltage', item.batteryVoltage, 0.11],
    ['input.voltage', item.inputVoltage, isCoarse ? 0.55 : 0.11],
    ['output.voltage', item.outputVoltage, isCoarse ? 0.55 : 0.11],
    ['ups.load', item.load, isCoarse ? 0.55 : 0.11],
    [isCoarse ? 'output.realpower' : 'ups.realpower', item.watts, 1],
    [isCoarse ? 'battery.temperature' : 'ups.temperature', item.temperature, 0.55],
  ]
  for (const [variable, value, tolerance] of rows) {
    if (skipped.includes(variable)) continue
    const read = Number(nut.get(variable))
    expect(
      Math.abs(read - value),
      `${variable}: NUT reads ${nut.get(variable)}, the model has ${value}`,
    ).toBeLessThanOrEqual(tolerance)
  }
  const words = (text: string | undefined) =>
    (text ?? '')
      .split(' ')
      .filter((word) => SHARED.has(word))
      .sort()
  expect(words(nut.get('ups.status'))).toEqual(words(item.status))
  expect(nut.get('device.model')).toBe('Line 1000')
  return nut
}

test.each(['Hall', 'Cellar', 'Rack', 'Vault'])('%s: NUT reads on line what the model holds', async (name) => {
  simulator.advance(30)
  const nut = await compare(name)
  expect(nut.get('device.location')).toBe('')
  expect(nut.get('ups.firmware')).toBe('2.4')
})

test.each(['Hall', 'Rack', 'Vault'])('%s: NUT follows an outage to a low battery and back', async (name) => {
  simulator.control.set(name, { mains: false })
  simulator.advance(40)
  expect((await compare(name)).get('ups.status')).toContain('OB')
  simulator.control.set(name, { charge: 6 })
  simulator.advance(5)
  expect((await compare(name)).get('ups.status')).toContain('LB')
  simulator.control.set(name, { mains: true, charge: 70 })
  simulator.advance(5)
  expect((await compare(name)).get('ups.status')).toContain('OL')
})

test('Rack: NUT sees boost, trim, a worn battery and an output that is off', async () => {
  simulator.control.set('Rack', { inputVoltage: 205 })
  expect((await compare('Rack')).get('ups.status')).toContain('BOOST')
  simulator.control.set('Rack', { inputVoltage: 252 })
  expect((await compare('Rack')).get('ups.status')).toContain('TRIM')
  simulator.control.set('Rack', { inputVoltage: 230, fault: 'replace-battery' })
  expect((await compare('Rack')).get('ups.status')).toContain('RB')
  simulator.control.set('Rack', { fault: null })
})

test('a missing program is named with its Debian package', () => {
  expect(() => findPeer('/lib/nut/no-such-driver', 'nut-snmp')).toThrow(
    '/lib/nut/no-such-driver is not installed: apt-get install nut-snmp',
  )
})
