import type { AddressInfo } from 'node:net'
import { makeAgent, makeDevice, makePerson } from '@ridethrough/test/support/world.ts'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, type Harness, startHarness } from '../support/harness.ts'

let harness: Harness
let smtp: SMTPServer
const received: { to: string; mail: Email }[] = []
/** Addresses that are refused, with the reply and how often still. */
const refusals = new Map<string, { code: number; times: number }>()

beforeAll(async () => {
  smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo({ address }, _session, done) {
      const refusal = refusals.get(address)
      if (!refusal || refusal.times === 0) return done()
      refusal.times -= 1
      done(Object.assign(new Error('not now'), { responseCode: refusal.code }))
    },
    async onData(stream, session, done) {
      const mail = await PostalMime.parse(await new Response(stream as unknown as ReadableStream).arrayBuffer())
      received.push({ to: session.envelope.rcptTo.map((one) => one.address).join(), mail })
      done()
    },
  })
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve))
  const { port } = smtp.server.address() as AddressInfo
  harness = await startHarness({ smtpUrl: `smtp://127.0.0.1:${port}` })
})
afterAll(async () => {
  await harness.stop()
  await new Promise<void>((resolve) => smtp.close(() => resolve()))
})

const signUp = (email: string, name = 'Ann') =>
  clientOf(harness.api)('POST', '/accounts', { email, password: 'a long enough one', name })

async function mailTo(address: string): Promise<Email> {
  const find = () => received.find(({ to }) => to === address)?.mail
  await expect.poll(find, { timeout: 15_000 }).toBeDefined()
  return find() as Email
}

function rowOf(address: string) {
  const { db } = harness.database
  return db.selectFrom('mail').selectAll().where('recipient', '=', address).executeTakeFirstOrThrow()
}

test('a mail arrives, and its text is forgotten', async () => {
  await signUp('ann@example.org', 'Ann <script>"&')
  const mail = await mailTo('ann@example.org')
  expect(mail.from?.address).toBe('noreply@example.org')
  expect(mail.text).toMatch(/^ {4}[0-9A-Z]{4}-[0-9A-Z]{4}$/m)
  expect(mail.html).not.toContain('<script>')
  expect(mail.html).toContain('&#60;script&#62;')
  await expect.poll(() => rowOf('ann@example.org')).toMatchObject({ text: '', html: '', sent_at: expect.any(Date) })
  const { id } = await rowOf('ann@example.org')
  expect(mail.messageId).toBe(`<${id}@example.org>`)
})

test('what people call themselves cannot add a header or an address', async () => {
  const { db } = harness.database
  const agent = await makeAgent(db)
  const ann = await makePerson(db, 'Ann')
  await db
    .updateTable('account')
    .set({ name: 'Ann\r\nBcc: evil@example.org' })
    .where('id', '=', ann.accountId)
    .execute()
  const device = await makeDevice(db, ann, agent, '=cmd()')
  await clientOf(harness.api, ann.token)('POST', '/shares', { email: 'bob@example.org', deviceIds: [device] })
  const mail = await mailTo('bob@example.org')
  expect(mail.subject).toBe('Ann Bcc: evil@example.org shares a device with you')
  expect(mail.headers.map(({ key }) => key)).not.toContain('bcc')
  expect(received.map(({ to }) => to)).not.toContain('evil@example.org')
})

test('refused for good: given up, with the reason and without the text', async () => {
  refusals.set('gone@example.org', { code: 550, times: 99 })
  await signUp('gone@example.org')
  await expect
    .poll(() => rowOf('gone@example.org'), { timeout: 15_000 })
    .toMatchObject({
      failed_at: expect.any(Date),
      failure: expect.stringContaining('550'),
      text: '',
    })
})

test('refused for now: tried again', async () => {
  refusals.set('later@example.org', { code: 451, times: 1 })
  await signUp('later@example.org')
  await mailTo('later@example.org')
  await expect.poll(() => rowOf('later@example.org')).toMatchObject({ sent_at: expect.any(Date), failed_at: null })
})

test('with a mail server there is no mailbox page', async () => {
  expect((await clientOf(harness.api)('GET', '//dev/mailbox')).status).toBe(404)
  expect((await clientOf(harness.api)('GET', '//dev/mailbox.json')).status).toBe(404)
})
