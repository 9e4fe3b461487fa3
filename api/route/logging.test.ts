// R63, section H: what a company leaves out of its event log, and what it cannot leave out.
import { makeAgent, makeDevice, makePerson } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'

let harness: Harness

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

async function kindsOf(call: Client): Promise<string[]> {
  const { body } = await call('GET', '/events')
  return body.items.map(({ kind, outcome }: { kind: string; outcome: string }) => `${kind} ${outcome}`)
}

test('ordinary actions may be left out of the log, changes of access and refusals never [R63 H4]', async () => {
  const { db } = harness.database
  const ann = await makePerson(db, 'Ann')
  const rack = await makeDevice(db, ann, await makeAgent(db), 'Rack')
  const call = clientOf(harness.api, ann.token)
  await call('PATCH', `/devices/${rack}`, { name: 'First' })
  expect(await kindsOf(call)).toEqual(['device.changed done'])

  expect((await call('PATCH', '/company', { logsOrdinary: false })).body.logsOrdinary).toBe(false)
  await call('PATCH', '/account', { name: 'Anna' })
  await call('PATCH', `/devices/${rack}`, { name: 'Second' })
  await call('PATCH', `/devices/${rack}`, { timeZone: 'Europe/Berlin' })
  const shared = await call('POST', '/shares', { email: 'bob@example.org', deviceIds: [rack] })
  expect(shared.status).toBe(201)
  const again = await call('POST', '/shares', { email: 'bob@example.org', deviceIds: [rack] })
  expect(again.status).toBe(409)
  // Newest first. The time zone stands there because weekly windows are kept by it.
  expect(await kindsOf(call)).toEqual([
    'share.made refused',
    'share.made done',
    'device.changed done',
    'company.changed done',
    'device.changed done',
  ])

  await call('PATCH', '/company', { logsOrdinary: true })
  await call('PATCH', `/devices/${rack}`, { name: 'Third' })
  expect((await kindsOf(call)).slice(0, 2)).toEqual(['device.changed done', 'company.changed done'])
})
