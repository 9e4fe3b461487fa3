import { Problem } from '@ridethrough/protocol/http/common.ts'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { stillClock } from './clock.ts'
import { createHttp } from './http.ts'
import { UnitItem } from './item.ts'
import { type Simulator, startSimulator } from './main.ts'

const log = pino({ level: 'silent' })
let simulator: Simulator

beforeAll(async () => {
  const common = { snmp: { version: 'v2c', community: 'one' }, nominalWatts: 900, batteryMinutes: 6 } as const
  simulator = await startSimulator(
    {
      units: [
        {
          ...common,
          name: 'Rack 4',
          mib: 'powernet',
          outletGroups: [{ name: 'Main', main: true }, { name: 'Storage' }],
        },
        { ...common, name: 'Café', mib: 'ups-mib' },
      ],
    },
    log,
    stillClock(0),
  )
})
afterAll(() => simulator?.stop())

function ask(path: string, body?: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const init =
    body === undefined ? {} : { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
  return fetch(`${simulator.httpUrl}${path}`, init)
}

test('over HTTP the list shows every unit with its wire and address', async () => {
  const answer = await ask('/ups')
  expect(answer.status).toBe(200)
  const { items } = z.strictObject({ items: z.array(UnitItem) }).parse(await answer.json())
  expect(items.map(({ name, wire, mib }) => [name, wire, mib])).toEqual([
    ['Rack 4', 'snmp-v2c', 'powernet'],
    ['Café', 'snmp-v2c', 'ups-mib'],
  ])
  expect(items[0]).toMatchObject({ mains: true, charge: 100, fault: null, speed: 1, status: 'OL' })
  expect(items[0]?.outletGroups).toEqual([
    { name: 'Main', main: true, on: true, pending: null },
    { name: 'Storage', main: false, on: true, pending: null },
  ])
  expect(items.map(({ address }) => address)).toEqual(simulator.units.map(({ address }) => address))
  for (const { address } of items) expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/)
})

test('a change is answered with the unit as it is then, and touches no other', async () => {
  const answer = await ask('/ups/Rack%204', { mains: false, load: 60, charge: 50, fault: 'replace-battery', speed: 60 })
  expect(answer.status).toBe(200)
  const item = UnitItem.parse(await answer.json())
  expect(item).toMatchObject({ mains: false, plugged: 60, charge: 50, fault: 'replace-battery', speed: 60 })
  expect(item.status).toBe('OB LB RB DISCHRG')
  expect(Math.abs(item.load - 60)).toBeLessThan(3)
  simulator.advance(1)
  const later = UnitItem.parse(await (await ask('/ups/Rack%204')).json())
  expect(later.at).toBe(60)
  expect(later.charge).toBeLessThan(50)
  expect(UnitItem.parse(await (await ask(`/ups/${encodeURIComponent('Café')}`)).json())).toMatchObject({
    mains: true,
    at: 1,
    status: 'OL',
  })
  const back = await ask('/ups/Rack%204', { mains: true, fault: null, speed: 1, charge: 100 })
  expect(UnitItem.parse(await back.json())).toMatchObject({ mains: true, plugged: 60, fault: null, status: 'OL' })
})

test('an empty change changes nothing', async () => {
  const before = await (await ask('/ups/Rack%204')).json()
  expect(await (await ask('/ups/Rack%204', {})).json()).toEqual(before)
})

test.each<[what: string, body: unknown, path: string]>([
  ['a load that there is not', { load: 151 }, 'load'],
  ['a negative charge', { charge: -1 }, 'charge'],
  ['a word for a switch', { mains: 'off' }, 'mains'],
  ['an unknown fault', { fault: 'fire' }, 'fault'],
  ['time that stands still', { speed: 0 }, 'speed'],
])('refused with its field: %s', async (_what, body, path) => {
  const answer = await ask('/ups/Rack%204', body)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([422, 'application/problem+json'])
  const problem = Problem.parse(await answer.json())
  expect(problem.code).toBe('input-invalid')
  expect(problem.fields?.map((field) => field.path)).toEqual([path])
})

test.each<
  [what: string, path: string, body: unknown, headers: Record<string, string> | undefined, status: number, code: string]
>([
  ['an unknown name', '/ups/Rack%205', {}, undefined, 404, 'not-found'],
  ['an unknown name, read', '/ups/Rack%205', undefined, undefined, 404, 'not-found'],
  ['an unknown path', '/upses', undefined, undefined, 404, 'not-found'],
  ['an unknown key', '/ups/Rack%204', { mains: true, charg: 5 }, undefined, 422, 'input-invalid'],
  ['a list', '/ups/Rack%204', [], undefined, 422, 'input-invalid'],
  ['half an object', '/ups/Rack%204', '{"mains":', undefined, 400, 'body-malformed'],
  ['nothing', '/ups/Rack%204', '', undefined, 400, 'body-malformed'],
  [
    'a form',
    '/ups/Rack%204',
    'mains=false',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'media-type-unknown',
  ],
  ['too much', '/ups/Rack%204', JSON.stringify({ name: 'x'.repeat(20_000) }), undefined, 413, 'body-too-large'],
  ['a broken escape', '/ups/%E0%A4%A', undefined, undefined, 400, 'body-malformed'],
])('refused: %s', async (_what, path, body, headers, status, code) => {
  const before = simulator.control.list()
  const answer = await ask(path, body, headers)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
  expect(Problem.parse(await answer.json())).toMatchObject({ status, code })
  expect(simulator.control.list()).toEqual(before)
})

test('a page from elsewhere may not control it, one of this machine may', async () => {
  const json = { 'content-type': 'application/json' }
  for (const origin of ['https://example.com', 'null', 'http://127.0.0.1.example.com']) {
    const refused = await ask('/ups/Rack%204', { mains: false }, { ...json, origin })
    expect(Problem.parse(await refused.json()).code).toBe('origin-refused')
  }
  expect(simulator.control.find('Rack 4')?.mains).toBe(true)
  expect((await ask('/ups/Rack%204', {}, { ...json, origin: 'http://localhost:5173' })).status).toBe(200)
})

test('the application answers without listening', async () => {
  const app = createHttp(simulator.control, log)
  const list = await app.inject('/ups')
  expect(list.json().items).toHaveLength(2)
  const changed = await app.inject({ method: 'POST', url: '/ups/Caf%C3%A9', payload: { inputVoltage: 205 } })
  expect(changed.json().status).toBe('OL BOOST')
  await app.close()
})
