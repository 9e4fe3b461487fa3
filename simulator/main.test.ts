import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@ridethrough/protocol/fault.ts'
import pino from 'pino'
import { expect, test } from 'vitest'
import { type Clock, realClock, stillClock } from './clock.ts'
import { configFromEnvironment, demoUnits, parseConfig, readConfig, type SimulatorInput } from './config.ts'
import { makeFolder, runSnmp } from './face/peers.ts'
import { startSimulator } from './main.ts'

const log = pino({ level: 'silent' })
const unit = { name: 'Rack 4', mib: 'ups-mib', snmp: { version: 'v2c', community: 'one' }, nominalWatts: 900 } as const

test('the demonstration has four UPSs of two kinds, one of them on version 3, and all answer', async () => {
  const simulator = await startSimulator({ units: [...demoUnits] }, log, stillClock(0))
  try {
    expect(new Set(demoUnits.map(({ mib }) => mib))).toEqual(new Set(['ups-mib', 'powernet']))
    expect(simulator.units.map(({ wire }) => wire).sort()).toEqual(['snmp-v1', 'snmp-v2c', 'snmp-v2c', 'snmp-v3'])
    for (const target of simulator.units) {
      const ran = await runSnmp('snmpget', target, ['1.3.6.1.2.1.1.5.0'])
      expect(ran.out).toContain(target.name)
    }
  } finally {
    await simulator.stop()
  }
})

test('the clock moves the units, each at its own speed, until the stop', async () => {
  const ticks: { ms: number; run: (seconds: number) => void }[] = []
  let ended = 0
  const clock: Clock = {
    now: () => 0,
    every: (ms, run) => {
      ticks.push({ ms, run })
      return () => {
        ended += 1
      }
    },
  }
  const simulator = await startSimulator(
    { tickMs: 100, units: [unit, { ...unit, name: 'Rack 5', speed: 60 }] },
    log,
    clock,
  )
  ticks[0]?.run(0.1)
  expect(simulator.control.list().map(({ at }) => at)).toEqual([0.1, 6])
  expect(ticks.map(({ ms }) => ms)).toEqual([100])
  await Promise.all([simulator.stop(), simulator.stop()])
  expect(ended).toBe(1)
})

test('units without a seed do not wander in step, and wander the same after a restart', async () => {
  const volts: string[] = []
  for (let start = 0; start < 2; start += 1) {
    const simulator = await startSimulator({ units: [unit, { ...unit, name: 'Rack 5' }] }, log, stillClock(0))
    simulator.advance(33)
    volts.push(...simulator.control.list().map(({ inputVoltage, load }) => `${inputVoltage} ${load}`))
    await simulator.stop()
  }
  expect(volts[0]).not.toBe(volts[1])
  expect(volts.slice(0, 2)).toEqual(volts.slice(2))
})

test('real time passes by itself', async () => {
  const passed = await new Promise<number>((resolve) => {
    const stop = realClock.every(10, (seconds) => {
      stop()
      resolve(seconds)
    })
  })
  expect(passed).toBeGreaterThan(0)
  expect(passed).toBeLessThanOrEqual(5)
})

test('after the stop the ports are free, and a second start takes them', async () => {
  const first = await startSimulator({ units: [unit] }, log, stillClock(0))
  const port = Number(first.units[0]?.address.split(':')[1])
  await first.stop()
  const again = await startSimulator({ units: [{ ...unit, port }] }, log, stillClock(0))
  expect(again.units[0]?.address).toBe(`127.0.0.1:${port}`)
  await again.stop()
})

test('a port that is taken stops the start, and nothing is left open', async () => {
  const taken = createSocket('udp4')
  taken.bind(0, '127.0.0.1')
  await once(taken, 'listening')
  const free = createSocket('udp4')
  free.bind(0, '127.0.0.1')
  await once(free, 'listening')
  const port = free.address().port
  free.close()
  await once(free, 'close')
  const units = [
    { ...unit, port },
    { ...unit, name: 'Rack 5', port: taken.address().port },
  ]
  await expect(startSimulator({ units }, log, stillClock(0))).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const after = createSocket('udp4')
  after.bind(port, '127.0.0.1')
  await once(after, 'listening')
  after.close()
  taken.close()
})

test.each<[what: string, units: unknown, path: string]>([
  ['no name', [{ ...unit, name: ' ' }], 'units.0.name'],
  ['a slash in a name', [{ ...unit, name: 'a/b' }], 'units.0.name'],
  ['two of one name', [unit, unit], 'units'],
  ['an unknown MIB', [{ ...unit, mib: 'xups' }], 'units.0.mib'],
  [
    'a short pass phrase',
    [{ ...unit, snmp: { version: 'v3', user: 'u', authKey: 'short', privKey: 'long enough' } }],
    'units.0.snmp.authKey',
  ],
  ['a key that is not known', [{ ...unit, colour: 'red' }], 'units.0'],
  [
    'two main groups',
    [
      {
        ...unit,
        outletGroups: [
          { name: 'a', main: true },
          { name: 'b', main: true },
        ],
      },
    ],
    'units.0.outletGroups',
  ],
  ['half a block', [{ ...unit, batteryVolts: 30 }], 'units.0.batteryVolts'],
])('a configuration is refused with the place of the mistake: %s', (_what, units, path) => {
  const refusal = caught(() => parseConfig({ units }))
  expect(refusal.code).toBe('input-invalid')
  expect(refusal.fields.map((field) => field.path)).toContain(path)
})

test('a refused configuration does not repeat its secrets', () => {
  const snmp = { version: 'v3', user: 'u', authKey: 'Secret1', privKey: 'Secret2' }
  const refusal = caught(() => parseConfig({ units: [{ ...unit, snmp }] }))
  expect(JSON.stringify([refusal.message, refusal.fields])).not.toMatch(/Secret[12]/)
})

test('the environment names a file and a port; without a file it is the demonstration', async () => {
  const folder = makeFolder()
  try {
    const path = join(folder.path, 'simulator.json')
    const config: SimulatorInput = { port: 4000, units: [unit] }
    writeFileSync(path, JSON.stringify(config))
    chmodSync(path, 0o600)
    expect(await configFromEnvironment({ SIMULATOR_CONFIG: path })).toMatchObject({
      port: 4000,
      units: [{ name: 'Rack 4' }],
    })
    expect((await configFromEnvironment({ SIMULATOR_CONFIG: path, SIMULATOR_PORT: '0' })).port).toBe(0)
    const placed = await configFromEnvironment({ SIMULATOR_SNMP_PORTS: '50161,50162' })
    expect(placed.units.map(({ port }) => port)).toEqual([50161, 50162, 0, 0])
    await expect(configFromEnvironment({ SIMULATOR_SNMP_PORTS: '50161,x' })).rejects.toMatchObject({
      code: 'input-invalid',
    })
    expect((await configFromEnvironment({})).units).toHaveLength(demoUnits.length)
    await expect(configFromEnvironment({ SIMULATOR_PORT: 'many' })).rejects.toMatchObject({ code: 'input-invalid' })
    writeFileSync(path, '{ "units": [')
    await expect(readConfig(path)).rejects.toMatchObject({ code: 'body-malformed' })
    await expect(readConfig(join(folder.path, 'gone.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  } finally {
    folder.remove()
  }
})

function caught(run: () => unknown): Fault {
  try {
    run()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('it was not refused')
}
