// What an edge holds after reading a part anew is what it would hold had it read everything.
import { randomInt } from 'node:crypto'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import { testDatabase } from '@ridethrough/test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AccessChange, recordAccessChange, waitForEdges } from './access.ts'
import { systemClock } from './clock.ts'
import { Edge, NOTHING_CUT, type Principal } from './edge.ts'
import { Listener } from './listen.ts'
import { Principal as Fresh, reload } from './principal.ts'

let database: Awaited<ReturnType<typeof testDatabase>>
const log = pino({ level: 'silent' })
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  database = await testDatabase()
  stops.push(database.stop)
})
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

const flat = ({ byDevice }: Rights) =>
  [...byDevice]
    .map(([id, grants]) => [id, grants.map(({ via, privileges, periods }) => ({ via, privileges, periods }))])
    .sort()

test('after changes that are confined to devices, an edge holds what reading everything would give', async () => {
  const { db } = database
  const listener = await Listener.start(database.url, log)
  stops.push(() => listener.stop())
  const hooks = { changed: () => NOTHING_CUT, lost: () => {}, regained: () => {} }
  const edge = await Edge.start({ db, listener, kind: 'api', hooks, clock: systemClock, log })
  stops.push(() => edge.stop())
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const people = [await makePerson(db, 'Bob'), await makePerson(db, 'Cid'), ann]
  const devices: string[] = []
  for (const name of ['A', 'B', 'C', 'D']) devices.push(await makeDevice(db, ann, agent, name))
  const shares: { shareId: string; to: Person }[] = []
  for (const person of people.slice(0, 2)) {
    shares.push({ ...(await makeShare(db, ann, person, devices.slice(0, 3))), to: person })
    shares.push({ ...(await makeShare(db, ann, person, devices.slice(3), { state: 'pending' })), to: person })
  }
  const held: Principal[] = []
  for (const person of people) {
    const principal = await edge.open('person', person.accountId, person.sessionId)
    if (principal) held.push(principal)
  }
  expect(held).toHaveLength(3)

  const steps: ((share: (typeof shares)[number], device: string) => Promise<AccessChange>)[] = [
    async ({ shareId, to }, device) => {
      const removed = randomInt(2) === 0 ? ('owner' as const) : null
      await db
        .updateTable('share_device')
        .set({ removed_by: removed })
        .where('share_id', '=', shareId)
        .where('device_id', '=', device)
        .execute()
      return { accounts: [to.accountId], devices: [device], confined: true, what: 'test' }
    },
    async ({ shareId, to }) => {
      const state = randomInt(2) === 0 ? ('accepted' as const) : ('revoked' as const)
      await db
        .updateTable('share')
        .set({ state, privileges: randomInt(1, 1 << 13), suspended_at: randomInt(3) === 0 ? new Date() : null })
        .where('id', '=', shareId)
        .execute()
      return { accounts: [to.accountId], devices, confined: true, what: 'test' }
    },
    async (_share, device) => {
      const plan = (['basic', 'standard', 'advanced'] as const)[randomInt(3)]
      await db
        .updateTable('device')
        .set({ plan: plan ?? 'basic' })
        .where('id', '=', device)
        .execute()
      // Who had nothing on the old plan holds nothing that would show the change to concern them: they are named.
      const accounts = people.map((person) => person.accountId)
      return { accounts, devices: [device], confined: true, what: 'test' }
    },
    async ({ to }) => {
      const state = randomInt(2) === 0 ? ('accepted' as const) : ('pending' as const)
      await db.updateTable('share').set({ state }).where('account_id', '=', to.accountId).execute()
      return { accounts: [to.accountId], what: 'test' }
    },
  ]
  for (let round = 0; round < 60; round += 1) {
    // Several changes may reach the edge at once, confined and not.
    let version = 0
    for (let count = randomInt(1, 4); count > 0; count -= 1) {
      const step = steps[randomInt(steps.length)]
      const share = shares[randomInt(shares.length)]
      const device = devices[randomInt(devices.length)]
      if (!step || !share || device === undefined) continue
      const change = await step(share, device)
      version = await db.transaction().execute((tx) => recordAccessChange(tx, change))
    }
    await waitForEdges(db, listener, version, systemClock)
    for (const [index, principal] of held.entries()) {
      const fresh = new Fresh('person', principal.id, principal.credentialId)
      await reload(db, [fresh], systemClock.now())
      expect([index, principal.isEnded, flat(principal.rights)]).toEqual([index, fresh.isEnded, flat(fresh.rights)])
      expect(principal.version).toBeGreaterThanOrEqual(0)
    }
  }
})
