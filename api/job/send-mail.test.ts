import { systemClock } from '@ridethrough/db/clock.ts'
import { insertMail } from '@ridethrough/db/query/mail.ts'
import { makeAgent, makeDevice, makePerson } from '@ridethrough/test/support/world.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import type { Email } from 'postal-mime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMailWriter } from '../mail/template.ts'
import { createMailTexts } from '../mail/text.ts'
import { createMetrics } from '../metrics.ts'
import { clientOf, codeIn, type Harness, startHarness } from '../support/harness.ts'
import { type MailServerForTests, startMailServer } from '../support/mail-server.ts'
import { startJobs } from './worker.ts'

let harness: Harness
let smtp: MailServerForTests

beforeAll(async () => {
  smtp = await startMailServer()
  harness = await startHarness({ smtpUrl: smtp.url })
})
afterAll(async () => {
  await harness.stop()
  await smtp.stop()
})

const signUp = (email: string, name = 'Ann') =>
  clientOf(harness.api)('POST', '/accounts', { email, password: 'a long enough one', name })

async function mailTo(address: string): Promise<Email> {
  const find = () => smtp.received.find(({ to }) => to === address)?.mail
  await expect.poll(find, { timeout: 20_000 }).toBeDefined()
  return find() as Email
}

function rowOf(address: string) {
  const { db } = harness.database
  return db.selectFrom('mail').selectAll().where('recipient', '=', address).executeTakeFirstOrThrow()
}

/** The job of the mail to this address, as long as there is one. */
async function jobOf(address: string) {
  const { rows } = await sql<{ attempts: number; last_error: string; wait: number }>`
    select j.attempts, j.last_error, extract(epoch from j.run_at - j.updated_at)::float8 as wait
    from graphile_worker._private_jobs j join mail m on m.id::text = j.payload->>'mailId' where m.recipient = ${address}`.execute(
    harness.database.db,
  )
  return rows[0]
}

test('a mail arrives as plain text and as HTML, and its text is forgotten here', async () => {
  await signUp('ann@example.org', 'Ann <script>"&')
  const mail = await mailTo('ann@example.org')
  expect(mail.from?.address).toBe('noreply@example.org')
  expect(mail.to).toMatchObject([{ address: 'ann@example.org' }])
  expect(mail.text).toMatch(/^ {4}[0-9A-Z]{4}-[0-9A-Z]{4}$/m)
  expect(mail.html).not.toContain('<script>')
  expect(mail.html).toContain('&#60;script&#62;')
  expect(mail.headers).toContainEqual(expect.objectContaining({ key: 'auto-submitted', value: 'auto-generated' }))
  await expect.poll(() => rowOf('ann@example.org')).toMatchObject({ text: '', html: '', sent_at: expect.any(Date) })
  const { id } = await rowOf('ann@example.org')
  expect(mail.messageId).toBe(`<${id}@example.org>`)
  expect(await jobOf('ann@example.org')).toBeUndefined()
})

test('the code of the mail proves the address', async () => {
  await signUp('abe@example.org', 'Abe')
  const { text = '' } = await mailTo('abe@example.org')
  const link = /: (http\S+\/verify#\S+)$/m.exec(text)?.[1] ?? ''
  const given = new URLSearchParams(new URL(link).hash.slice(1))
  expect(given.get('code')).toBe(codeIn(text))
  const answer = await clientOf(harness.api)('POST', '/accounts/verify', Object.fromEntries(given))
  expect(answer.status).toBe(201)
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
  expect(smtp.received.map(({ to }) => to)).not.toContain('evil@example.org')
})

test.each([
  'x@example.org\r\nBcc: evil@example.org',
  'x@example.org, evil@example.org',
  '<x@example.org> evil@example.org',
])('the address %j is no address', async (email) => {
  expect((await signUp(email)).status).toBe(422)
})

test('refused for good: given up after one try, with the reason and without the text', async () => {
  smtp.refuse('gone@example.org', 550, Number.POSITIVE_INFINITY)
  await signUp('gone@example.org')
  await expect
    .poll(() => rowOf('gone@example.org'), { timeout: 15_000 })
    .toMatchObject({
      failed_at: expect.any(Date),
      failure: expect.stringContaining('550'),
      text: '',
      html: '',
      sent_at: null,
    })
  await expect.poll(() => jobOf('gone@example.org')).toBeUndefined()
  expect(smtp.triesFor('gone@example.org')).toBe(1)
})

test('refused for now: tried again after a wait, and delivered', async () => {
  smtp.refuse('later@example.org', 451, 1)
  await signUp('later@example.org')
  await expect
    .poll(() => jobOf('later@example.org'), { timeout: 10_000 })
    .toMatchObject({ attempts: 1, last_error: expect.stringMatching(/^mail \S+ was not taken: \S+ RCPT TO 451/) })
  // e^1 seconds after the first try, e^2 after the second, and so on.
  expect((await jobOf('later@example.org'))?.wait).toBeCloseTo(Math.E, 0)
  await mailTo('later@example.org')
  await expect.poll(() => rowOf('later@example.org')).toMatchObject({ sent_at: expect.any(Date), failed_at: null })
  expect(smtp.triesFor('later@example.org')).toBe(2)
})

test('what our own sender is refused for is nobody’s address being wrong: tried again', async () => {
  smtp.refuseSender(1)
  await signUp('patient@example.org')
  await mailTo('patient@example.org')
  expect(await rowOf('patient@example.org')).toMatchObject({ failed_at: null })
})

test('without a mail server mails wait, and go out when it is back', async () => {
  await smtp.close()
  await signUp('waiting@example.org')
  await expect
    .poll(() => jobOf('waiting@example.org'), { timeout: 15_000 })
    .toMatchObject({
      last_error: expect.stringMatching(/ECONN|ESOCKET/),
    })
  expect(await rowOf('waiting@example.org')).toMatchObject({ sent_at: null, failed_at: null })
  await smtp.open()
  await mailTo('waiting@example.org')
})

test('two workers send each mail once', async () => {
  const { db, url } = harness.database
  const log = pino({ level: 'silent' })
  const options = { db, databaseUrl: url, smtpUrl: smtp.url, mailFrom: 'x@example.org', clock: systemClock, log }
  const mails = createMailWriter(await createMailTexts(), () => 'https://power.example')
  const settings = { hasMailServer: true }
  const second = await startJobs({ ...options, metrics: createMetrics(), mails, settings })
  try {
    const addresses = Array.from({ length: 30 }, (_, index) => `once${index}@example.org`)
    await db.transaction().execute(async (tx) => {
      for (const recipient of addresses)
        await insertMail(tx, { recipient, subject: 's', text: 't', html: 'h' }, { isSent: true })
    })
    for (const address of addresses) await mailTo(address)
    await expect.poll(() => jobOf('once29@example.org')).toBeUndefined()
    for (const address of addresses) expect(smtp.received.filter(({ to }) => to === address)).toHaveLength(1)
    // Both took part, which their senders tell.
    const senders = new Set(smtp.received.filter(({ to }) => /^once/.test(to)).map(({ mail }) => mail.from?.address))
    expect(senders).toEqual(new Set(['x@example.org', 'noreply@example.org']))
  } finally {
    await second.stop()
  }
})

test('a change that is rolled back sends nothing', async () => {
  const { db } = harness.database
  const mail = { recipient: 'never@example.org', subject: 's', text: 't', html: 'h' }
  const failed = db.transaction().execute(async (tx) => {
    await insertMail(tx, mail, { isSent: true })
    throw new Error('the change fails')
  })
  await expect(failed).rejects.toThrow('the change fails')
  await insertMail(db, { ...mail, recipient: 'fence@example.org' }, { isSent: true })
  await mailTo('fence@example.org')
  expect(smtp.received.map(({ to }) => to)).not.toContain('never@example.org')
  expect(await db.selectFrom('mail').selectAll().where('recipient', '=', 'never@example.org').execute()).toEqual([])
  expect(await jobOf('never@example.org')).toBeUndefined()
})

test('with a mail server there is no mailbox page', async () => {
  expect((await clientOf(harness.api)('GET', '//dev/mailbox')).status).toBe(404)
  expect((await clientOf(harness.api)('GET', '//dev/mailbox.json')).status).toBe(404)
})
