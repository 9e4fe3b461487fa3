import { once } from 'node:events'
import type { EventView } from '@ridethrough/protocol/http/event.ts'
import { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { LedgerView } from '@ridethrough/protocol/http/share.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { Inbox } from '@ridethrough/test/support/caller.ts'
import {
  changeAccess,
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
} from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { report } from '../support/device.ts'
import { clientOf, codeIn, type Harness, mailTo, startHarness } from '../support/harness.ts'

let harness: Harness
let ann: Person
let bob: Person
let cid: Person
let rack: string
let desk: string

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())
beforeEach(async () => {
  const { db } = harness.database
  const agent = await makeAgent(db)
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  cid = await makePerson(db, 'Cid')
  rack = await makeDevice(db, ann, agent, 'Rack')
  desk = await makeDevice(db, ann, agent, 'Desk')
})

const as = ({ token }: { token: string }) => clientOf(harness.api, token)

async function ledgerOf(person: { token: string }, path: string) {
  const { status, body } = await as(person)('GET', `${path}/ledger`)
  expect(status).toBe(200)
  return LedgerView.parse(body)
}

const usesOf = ({ uses }: LedgerView) => uses.map(({ device, uses }) => [device.name, uses]).sort()

/** Offered and accepted as people do it, so that the log has all of it. */
async function shareByHand(): Promise<string> {
  const made = await as(ann)('POST', '/shares', { email: bob.email, deviceIds: [rack, desk], role: 'viewer' })
  expect(made.status).toBe(201)
  const { id } = made.body.share
  const code = codeIn((await mailTo(harness.api, bob.email)).text)
  expect((await as(bob)('POST', `/shares/${id}/accept`, { code })).status).toBe(200)
  return id
}

test('both sides read what was made of a share; for others it is not there [R16 R17 R63]', async () => {
  const id = await shareByHand()
  expect(usesOf(await ledgerOf(ann, `/shares/${id}`))).toEqual([])
  for (let count = 0; count < 3; count += 1) await as(bob)('GET', `/devices/${rack}`)
  await as(bob)('GET', `/devices/${rack}/state`)
  await as(ann)('GET', `/devices/${desk}`)
  const [own, theirs] = [await ledgerOf(ann, `/shares/${id}`), await ledgerOf(bob, `/shares/${id}`)]
  // The same session within a minute: one use, however many answers.
  expect(usesOf(own)).toEqual([['Rack', 1]])
  expect(theirs.uses).toEqual(own.uses)
  await as(bob)('GET', '/devices')
  expect(usesOf(await ledgerOf(ann, `/shares/${id}`))).toEqual([
    ['Desk', 1],
    ['Rack', 1],
  ])
  expect(own.events.map(({ kind }) => kind)).toEqual(['share.accepted', 'share.made'])
  expect(theirs.events.map(({ kind }) => kind)).toEqual(['share.accepted', 'share.made'])
  for (const path of [`/shares/${id}/ledger`, '/shares/0198a000-0000-7000-8000-000000000001/ledger']) {
    expect(await as(cid)('GET', path)).toMatchObject({ status: 404, body: { code: 'not-found' } })
  }
})

test('neither side learns from where the other did it, nor by which session [R63]', async () => {
  const id = await shareByHand()
  expect((await as(ann)('PATCH', `/shares/${id}`, { role: 'operator' })).status).toBe(200)
  const [own, theirs] = [await ledgerOf(ann, `/shares/${id}`), await ledgerOf(bob, `/shares/${id}`)]
  const placed = (events: EventView[]) =>
    events.map(({ kind, account, address, credentialId }) => [kind, account?.name, address, credentialId])
  expect(placed(own.events)).toEqual([
    ['share.changed', 'Ann', '127.0.0.1', ann.sessionId],
    ['share.accepted', 'Bob', '', null],
    ['share.made', 'Ann', '127.0.0.1', ann.sessionId],
  ])
  expect(placed(theirs.events)).toEqual([
    ['share.changed', 'Ann', '', null],
    ['share.accepted', 'Bob', '127.0.0.1', bob.sessionId],
    ['share.made', 'Ann', '', null],
  ])
  // What others were refused is no business of the recipient's.
  await as(bob)('POST', `/shares/${id}/accept`, { code: 'AAAAA-AAAAA' })
  expect((await as(ann)('POST', `/shares/${id}/resend`)).status).toBe(409)
  const refused = (ledger: LedgerView) => ledger.events.filter(({ outcome }) => outcome === 'refused')
  expect(refused(await ledgerOf(ann, `/shares/${id}`))).toContainEqual(
    expect.objectContaining({ kind: 'share.resent', address: '127.0.0.1' }),
  )
  expect(refused(await ledgerOf(bob, `/shares/${id}`))).toMatchObject([{ account: { name: 'Bob' } }])
})

test('a colleague who may share reads the ledger without the owners’ addresses', async () => {
  const { db } = harness.database
  const id = await shareByHand()
  await changeAccess(db, { accounts: [cid.accountId], what: 'joined' }, async (tx) => {
    await tx
      .updateTable('company')
      .set({ member_privileges: BUILT_IN_ROLES.owner })
      .where('id', '=', ann.companyId)
      .execute()
    await tx
      .updateTable('account')
      .set({ company_id: ann.companyId, role: 'member' })
      .where('id', '=', cid.accountId)
      .execute()
  })
  const { events } = await ledgerOf(cid, `/shares/${id}`)
  expect(events.map(({ kind }) => kind)).toEqual(['share.accepted', 'share.made'])
  for (const { address, credentialId } of events) expect([address, credentialId]).toEqual(['', null])
})

test('the recipient does not learn what a device is called that was taken away from them [R16]', async () => {
  const { db } = harness.database
  const id = await shareByHand()
  await as(bob)('GET', '/devices')
  await as(ann)('PATCH', `/shares/${id}`, { deviceIds: [desk] })
  await db.updateTable('device').set({ name: 'Secret plans' }).where('id', '=', rack).execute()
  await db.updateTable('device').set({ name: 'Desk 2' }).where('id', '=', desk).execute()
  expect(usesOf(await ledgerOf(ann, `/shares/${id}`))).toEqual([
    ['Desk 2', 1],
    ['Secret plans', 1],
  ])
  const theirs = await ledgerOf(bob, `/shares/${id}`)
  expect(usesOf(theirs)).toEqual([
    ['Desk 2', 1],
    ['Rack', 1],
  ])
  expect(JSON.stringify(theirs)).not.toContain('Secret')
})

test('a live connection that was shown the device is a use; what it is sent later is not another', async () => {
  const { db } = harness.database
  const { shareId } = await makeShare(db, ann, bob, [rack])
  const socket = new WebSocket(`${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${bob.token}` },
  })
  try {
    const events = new Inbox<LiveEvent>()
    socket.on('message', (data) => events.add(LiveEvent.parse(JSON.parse(String(data)))))
    await once(socket, 'open')
    expect((await ledgerOf(ann, `/shares/${shareId}`)).uses).toEqual([])
    socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
    await events.first(({ type }) => type === 'snapshot')
    for (let seq = 1; seq <= 3; seq += 1) {
      await report(db, rack, seq, { 'battery.charge': 90 + seq })
      await events.first((event) => event.type === 'state' && event.state.seq === seq)
    }
    expect(usesOf(await ledgerOf(ann, `/shares/${shareId}`))).toEqual([['Rack', 1]])
  } finally {
    socket.terminate()
  }
})

test('a credential of the share counts by itself [R24]', async () => {
  const id = await shareByHand()
  await as(bob)('GET', `/devices/${rack}`)
  const minted = await as(bob)('POST', `/shares/${id}/credentials`, { name: 'script' })
  expect(minted.status).toBeLessThan(300)
  await as({ token: minted.body.token })('GET', `/devices/${rack}/state`)
  const ledger = await ledgerOf(ann, `/shares/${id}`)
  expect(usesOf(ledger)).toEqual([['Rack', 2]])
  expect(ledger.events[0]).toMatchObject({ kind: 'credential.made', account: { name: 'Bob' }, credentialId: null })
})

test('an answer that refuses is no use', async () => {
  const { shareId } = await makeShare(harness.database.db, ann, bob, [rack], { privileges: 1 })
  expect((await as(bob)('GET', `/devices/${rack}/history?variables=battery.charge`)).status).toBe(403)
  expect((await as(bob)('GET', `/devices/${desk}`)).status).toBe(404)
  expect((await ledgerOf(ann, `/shares/${shareId}`)).uses).toEqual([])
})

test('those who manage a link read how it was opened and used [R22]', async () => {
  const made = await as(ann)('POST', '/share-links', { name: 'Plumber', deviceIds: [rack] })
  expect(made.status).toBe(201)
  const { id, url } = made.body.link
  const opened = await clientOf(harness.api)('POST', '/link', { token: url.split('#')[1] })
  expect(opened.status).toBe(200)
  expect((await as({ token: opened.body.token })('GET', '/link')).status).toBe(200)
  const ledger = await ledgerOf(ann, `/share-links/${id}`)
  expect(usesOf(ledger)).toEqual([['Rack', 1]])
  expect(ledger.events.map(({ kind }) => kind)).toEqual(['link.opened', 'link.made'])
  for (const person of [bob, cid]) expect((await as(person)('GET', `/share-links/${id}/ledger`)).status).toBe(404)
})

test('the guest and the owners of the host read the ledger of the entry; nobody else [R31 R35]', async () => {
  const { db } = harness.database
  const invited = await as(ann)('POST', '/company/guests', { email: bob.email, deviceIds: [rack], role: 'viewer' })
  expect(invited.status).toBe(201)
  const { id } = invited.body
  const code = codeIn((await mailTo(harness.api, bob.email)).text)
  expect((await as(bob)('POST', `/invitations/${id}/accept`, { code })).status).toBe(200)
  await as(bob)('GET', `/devices/${rack}`)
  expect((await as(ann)('PATCH', `/company/guests/${id}`, { deviceIds: [rack, desk] })).status).toBe(200)
  const [own, theirs] = [await ledgerOf(ann, `/company/guests/${id}`), await ledgerOf(bob, `/company/guests/${id}`)]
  expect(usesOf(own)).toEqual([['Rack', 1]])
  expect(usesOf(theirs)).toEqual([['Rack', 1]])
  const kinds = ['guest.changed', 'guest.accepted', 'guest.invited']
  expect(own.events.map(({ kind }) => kind)).toEqual(kinds)
  expect(theirs.events.map(({ kind }) => kind)).toEqual(kinds)
  for (const { account, address, subject } of theirs.events) {
    if (account?.id !== bob.accountId) expect(address).toBe('')
    expect(Object.keys(subject).every((key) => ['guest', 'company', 'state'].includes(key))).toBe(true)
  }
  expect((await as(cid)('GET', `/company/guests/${id}/ledger`)).status).toBe(404)
  await changeAccess(db, { accounts: [cid.accountId], what: 'joined' }, async (tx) => {
    await tx
      .updateTable('account')
      .set({ company_id: ann.companyId, role: 'member' })
      .where('id', '=', cid.accountId)
      .execute()
  })
  expect((await as(cid)('GET', `/company/guests/${id}/ledger`)).status).toBe(404)
})
