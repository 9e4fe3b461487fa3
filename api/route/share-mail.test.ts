// What goes by mail, over a real mail server, and what stands in the product beside it.
import { randomUUID } from 'node:crypto'
import { makeAgent, makeDevice, makePerson, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { clientOf, type Harness, startHarness } from '../support/harness.ts'
import { type MailServerForTests, startMailServer } from '../support/mail-server.ts'
import { asSide, noticesOf, type Side } from '../support/share.ts'

let mailServer: MailServerForTests
let harness: Harness
let agent: TestAgent
let ann: Side
let bob: Side
let device: string

beforeAll(async () => {
  mailServer = await startMailServer()
  harness = await startHarness({ smtpUrl: mailServer.url, invitationHours: 1 })
  agent = await makeAgent(harness.database.db)
})
afterAll(async () => {
  await harness.stop()
  await mailServer.stop()
})

beforeEach(async () => {
  const { db } = harness.database
  ann = asSide(harness, await makePerson(db, 'Ann'))
  bob = asSide(harness, await makePerson(db, 'Bob'))
  device = await makeDevice(db, ann, agent, 'Rack 4')
})

const mailsTo = (email: string) => mailServer.received.filter(({ to }) => to === email).map(({ mail }) => mail)

async function nextMail(email: string, after = 0) {
  await expect.poll(() => mailsTo(email).length, { timeout: 20_000 }).toBeGreaterThan(after)
  return mailsTo(email)[after]
}

test('each step is told to the other side, by mail and in the product [R12 R13 R17 R25]', async () => {
  const { db } = harness.database
  const { id } = (await ann.call('POST', '/shares', { email: bob.email, deviceIds: [device] })).body.share
  const invitation = await nextMail(bob.email)
  expect(invitation?.text).toContain('Rack 4 (Test T1, ')
  const code = new RegExp(`/sharing/invitations/${id}#code=([A-Z0-9-]+)`).exec(invitation?.text ?? '')?.[1]
  expect((await bob.call('POST', `/shares/${id}/accept`, { code })).status).toBe(200)
  expect((await nextMail(ann.email))?.subject).toMatch(/Bob accepted/)
  await ann.call('PATCH', `/shares/${id}`, { role: 'operator' })
  expect((await nextMail(bob.email, 1))?.subject).toMatch(/changed/)
  await ann.call('POST', `/shares/${id}/suspend`)
  expect((await nextMail(bob.email, 2))?.subject).toMatch(/suspended/)
  await ann.call('POST', `/shares/${id}/resume`)
  expect((await nextMail(bob.email, 3))?.subject).toMatch(/resumed/)
  await bob.call('DELETE', `/shares/${id}`)
  expect((await nextMail(ann.email, 1))?.subject).toMatch(/left/)
  const kinds = async (who: Side) => (await noticesOf(db, who.accountId, id)).map(([kind]) => kind)
  const toBob = ['share.invited', 'share.changed', 'share.suspended', 'share.resumed']
  expect([await kinds(bob), await kinds(ann)]).toEqual([toBob, ['share.accepted', 'share.ended']])
})

test('an address without an account gets the invitation, with a link to sign up, and nothing else [R11]', async () => {
  const email = `new.${randomUUID()}@example.org`
  const { id } = (await ann.call('POST', '/shares', { email, deviceIds: [device] })).body.share
  const mail = await nextMail(email)
  expect(mail?.text).toContain(`/sharing/invitations/${id}#code=`)
  await ann.call('DELETE', `/shares/${id}`)
  // Whatever else were on its way would have been handed over before this one.
  await clientOf(harness.api)('POST', '/accounts', { email, password: 'a long enough one', name: 'New' })
  expect((await nextMail(email, 1))?.subject).not.toMatch(/withdrew|ended/)
})

test('an invitation lives as long as the installation says, also when it is sent again [R13]', async () => {
  const { share } = (await ann.call('POST', '/shares', { email: bob.email, deviceIds: [device] })).body
  const lives = (view: { invitationExpiresAt: string }) => Date.parse(view.invitationExpiresAt) - Date.now()
  const again = (await ann.call('POST', `/shares/${share.id}/resend`)).body.share
  for (const view of [share, again]) {
    expect(lives(view)).toBeGreaterThan(50 * 60_000)
    expect(lives(view)).toBeLessThanOrEqual(60 * 60_000)
  }
})
