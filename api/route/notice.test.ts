import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { type NoticeKind, NoticePage, type NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import { Inbox } from '@ridethrough/test/support/caller.ts'
import { makeAgent, makeDevice, makePerson, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createMailWriter } from '../mail/template.ts'
import { createMailTexts } from '../mail/text.ts'
import { type NoticeTo, postNotice } from '../notice.ts'
import { clientOf, codeIn, type Harness, startHarness } from '../support/harness.ts'
import { type MailServerForTests, startMailServer } from '../support/mail-server.ts'

let harness: Harness
let smtp: MailServerForTests
let ann: Person
let bob: Person
const mails = createMailWriter(await createMailTexts(), () => 'https://power.example')

beforeAll(async () => {
  smtp = await startMailServer()
  harness = await startHarness({ smtpUrl: smtp.url })
})
afterAll(async () => {
  await harness.stop()
  await smtp.stop()
})
beforeEach(async () => {
  ann = await makePerson(harness.database.db, 'Ann')
  bob = await makePerson(harness.database.db, 'Bob')
})

const soon = () => new Date(Date.now() + 3_600_000).toISOString()
const as = (person: Person) => clientOf(harness.api, person.token)
const SUBJECT: NoticeSubject = {
  ...{ id: randomUUID(), by: { name: 'Ann', email: null }, other: { name: 'Ann', email: null }, company: null },
  ...{ devices: [], until: null, state: null },
}

async function post(to: Person, kind: NoticeKind = 'share.changed', name: string | null = 'Bob'): Promise<void> {
  const addressee: NoticeTo = { accountId: name === null ? null : to.accountId, name, email: to.email }
  const context = { mails, settings: { hasMailServer: true } }
  await harness.database.db
    .transaction()
    .execute((tx) => postNotice(context, tx, addressee, { kind, subject: SUBJECT, at: new Date() }))
}

async function noticesOf(person: Person, query = '') {
  const { status, body } = await as(person)('GET', `/notices${query}`)
  expect(status).toBe(200)
  return NoticePage.parse(body)
}

test('a notice is in the product and arrives by mail, and is nobody else’s [R12]', async () => {
  await post(bob, 'share.changed')
  const { items, unread } = await noticesOf(bob)
  expect(items).toMatchObject([{ kind: 'share.changed', read: false, subject: SUBJECT }])
  expect(unread).toBe(1)
  await expect.poll(() => smtp.received.filter(({ to }) => to === bob.email)).toHaveLength(1)
  const mail = smtp.received.find(({ to }) => to === bob.email)?.mail
  expect(mail).toMatchObject({ subject: 'Ann changed a share with you' })
  expect(mail?.text).toContain('https://power.example/sharing')
  expect(mail?.html).toContain('href="https://power.example/sharing"')
  expect(await noticesOf(ann)).toEqual({ items: [], next: null, unread: 0 })
})

test('the other side is told each step of a share in the product and by mail [R12]', async () => {
  const { db } = harness.database
  const rack = await makeDevice(db, ann, await makeAgent(db), 'Rack')
  const made = await as(ann)('POST', '/shares', { email: bob.email, deviceIds: [rack] })
  // The sharer sees that it was sent, to whom, and until when it waits.
  expect(made).toMatchObject({ status: 201, body: { share: { state: 'pending', email: bob.email } } })
  expect(made.body.share.invitationExpiresAt).not.toBeNull()
  const { id } = made.body.share
  const mailsTo = (person: Person) => smtp.received.filter(({ to }) => to === person.email).map(({ mail }) => mail)
  await expect.poll(() => mailsTo(bob)).toHaveLength(1)
  const code = codeIn(mailsTo(bob)[0]?.text ?? '')
  await as(bob)('POST', `/shares/${id}/accept`, { code })
  await as(ann)('PATCH', `/shares/${id}`, { role: 'operator' })
  await as(ann)('POST', `/shares/${id}/suspend`)
  await as(ann)('POST', `/shares/${id}/resume`)
  await as(bob)('DELETE', `/shares/${id}`)
  const told = async (person: Person) => (await noticesOf(person)).items.map(({ kind }) => kind).reverse()
  expect(await told(bob)).toEqual(['share.invited', 'share.changed', 'share.suspended', 'share.resumed'])
  expect(await told(ann)).toEqual(['share.accepted', 'share.ended'])
  expect((await noticesOf(ann)).items[0]?.subject).toMatchObject({ id, by: { name: 'Bob' }, state: 'left' })
  await expect
    .poll(() =>
      mailsTo(ann)
        .map(({ subject }) => subject)
        .sort(),
    )
    .toEqual(['Bob accepted what you shared', 'Bob left what you shared'])
  await expect.poll(() => mailsTo(bob)).toHaveLength(4)
})

test('an invitation is told in the product only: its mail carries the code; without an account there is only mail', async () => {
  await post(bob, 'share.invited')
  await post(ann, 'share.declined', null)
  await expect.poll(() => smtp.received.filter(({ to }) => to === ann.email)).toHaveLength(1)
  expect((await noticesOf(bob)).items).toMatchObject([{ kind: 'share.invited' }])
  expect((await noticesOf(ann)).items).toEqual([])
  expect(smtp.received.filter(({ to }) => to === bob.email)).toEqual([])
})

test('what is rolled back tells nobody', async () => {
  const failed = harness.database.db.transaction().execute(async (tx) => {
    const to = { accountId: bob.accountId, name: 'Bob', email: bob.email }
    await postNotice({ mails, settings: { hasMailServer: true } }, tx, to, {
      kind: 'share.changed',
      subject: SUBJECT,
      at: new Date(),
    })
    throw new Error('the change fails')
  })
  await expect(failed).rejects.toThrow('the change fails')
  expect((await noticesOf(bob)).items).toEqual([])
  const { db } = harness.database
  expect(await db.selectFrom('mail').select('id').where('recipient', '=', bob.email).execute()).toEqual([])
})

test('pages go on where the last one ended, and count all that are unread', async () => {
  for (let count = 0; count < 5; count += 1) await post(bob, 'share.invited')
  const seen: string[] = []
  let cursor = ''
  for (let page = 0; page < 4; page += 1) {
    const { items, next, unread } = await noticesOf(bob, `?limit=2${cursor}`)
    expect(unread).toBe(5)
    seen.push(...items.map(({ id }) => id))
    if (next === null) break
    cursor = `&cursor=${next}`
  }
  expect(new Set(seen).size).toBe(5)
  expect(seen).toEqual([...seen].sort().reverse())
  expect((await as(bob)('GET', '/notices?cursor=x')).status).toBe(422)
})

test('one reads and marks one’s own only', async () => {
  await post(bob, 'share.invited')
  await post(bob, 'share.invited')
  const [newest] = (await noticesOf(bob)).items
  const foreign = await as(ann)('POST', '/notices/read', { ids: [newest?.id] })
  expect(foreign.body).toEqual({ unread: 0 })
  expect((await noticesOf(bob)).unread).toBe(2)
  expect((await as(bob)('POST', '/notices/read', { ids: [newest?.id] })).body).toEqual({ unread: 1 })
  expect(await noticesOf(bob, '?unread=true')).toMatchObject({ items: [{ read: false }], unread: 1 })
  expect((await as(bob)('POST', '/notices/read', {})).body).toEqual({ unread: 0 })
  expect((await noticesOf(bob)).items.map(({ read }) => read)).toEqual([true, true])
})

test('a token reads no notices', async () => {
  const made = await as(bob)('POST', '/tokens', { name: 't', privileges: ['monitor'], expiresAt: soon() })
  expect(made.status).toBe(201)
  const answer = await clientOf(harness.api, made.body.token)('GET', '/notices')
  expect(answer).toMatchObject({ status: 403, body: { code: 'token-refused' } })
})

async function listen(token: string) {
  const socket = new WebSocket(`${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const events = new Inbox<LiveEvent>()
  socket.on('message', (data) => events.add(LiveEvent.parse(JSON.parse(String(data)))))
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
  await events.first(({ type }) => type === 'snapshot')
  return { events, socket }
}

test('live viewers of the account hear of notices at once, others and tokens never [R12]', async () => {
  const made = await as(bob)('POST', '/tokens', { name: 't', privileges: ['monitor'], expiresAt: soon() })
  const [page, token, other] = [await listen(bob.token), await listen(made.body.token), await listen(ann.token)]
  try {
    await post(bob, 'share.invited')
    await page.events.first((event) => event.type === 'notices' && event.unread === 1)
    await as(bob)('POST', '/notices/read', {})
    await page.events.first((event) => event.type === 'notices' && event.unread === 0)
    // A notice of Ann's is the fence: by then she would have heard of Bob's.
    await post(ann, 'share.invited')
    await other.events.first(({ type }) => type === 'notices')
    expect(other.events.all.filter(({ type }) => type === 'notices')).toEqual([{ type: 'notices', unread: 1 }])
    expect(token.events.all.filter(({ type }) => type === 'notices')).toEqual([])
  } finally {
    for (const { socket } of [page, token, other]) socket.terminate()
  }
})
