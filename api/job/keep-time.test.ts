import { randomUUID } from 'node:crypto'
import type { GuestState, ShareState } from '@ridethrough/protocol/policy.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createMailWriter } from '../mail/template.ts'
import { createMailTexts } from '../mail/text.ts'
import { createMetrics } from '../metrics.ts'
import { forgetOldNotices, keepTime, type TimeContext } from './keep-time.ts'
import { FORGET_NOTICES, KEEP_TIME, startJobs } from './worker.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** The world of these tests begins then. */
const T0 = Date.parse('2027-03-01T12:00:00Z')

let database: TestDatabase
let ann: Person
let bob: Person
let rack: string
const mails = createMailWriter(await createMailTexts(), () => 'https://power.example')
const settings = { hasMailServer: false }
const log = pino({ level: 'silent' })

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())
beforeEach(async () => {
  const { db } = database
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  rack = await makeDevice(db, ann, await makeAgent(db), 'Rack')
})

const contextAt = (now: number): TimeContext => {
  return { db: database.db, clock: { now: () => now, monotonic: () => now }, log, mails, settings }
}
const at = (now: number) => keepTime(contextAt(now))

const share = (endsAt: number, state: ShareState = 'accepted') =>
  makeShare(database.db, ann, bob, [rack], { endsAt: new Date(endsAt), state })

async function guest(change: { endsAt?: number; state?: GuestState; codeExpiresAt?: number }): Promise<string> {
  const { id } = await database.db
    .insertInto('guest_entry')
    .values({
      ...{ company_id: ann.companyId, invited_by: ann.accountId, email: bob.email, email_folded: bob.email },
      ...{ account_id: bob.accountId, state: change.state ?? 'accepted', mode: 'groups-and-devices', role_id: null },
      ...{ privileges: BUILT_IN_ROLES.viewer, starts_at: null },
      ends_at: change.endsAt === undefined ? null : new Date(change.endsAt),
      code_hash: null,
      code_expires_at: change.codeExpiresAt === undefined ? null : new Date(change.codeExpiresAt),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

async function link(endsAt: number): Promise<string> {
  const { id } = await database.db
    .insertInto('link')
    .values({
      ...{ company_id: ann.companyId, created_by: ann.accountId, name: 'For the plumber' },
      ...{ token_hash: Buffer.from(randomUUID()), token_sealed: Buffer.alloc(1), privileges: 1 },
      ...{ variables: null, starts_at: null, ends_at: new Date(endsAt), max_uses: null, pin_hash: null },
      last_used_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

async function noticesOf({ accountId }: Person) {
  const rows = await database.db
    .selectFrom('notice')
    .select(['kind', 'subject'])
    .where('account_id', '=', accountId)
    .orderBy('id')
    .execute()
  return rows.map(({ kind, subject }) => ({ kind, ...subject }))
}

const mailsTo = async ({ email }: Person) =>
  (await database.db.selectFrom('mail').select('subject').where('recipient', '=', email).orderBy('id').execute()).map(
    ({ subject }) => subject,
  )

const rowOf = (table: 'share' | 'guest_entry', id: string) =>
  database.db.selectFrom(table).selectAll().where('id', '=', id).executeTakeFirstOrThrow()

const eventsAbout = (kind: string, id: string) =>
  database.db
    .selectFrom('event')
    .select(['kind', 'company_id', 'account_id', 'subject', 'at'])
    .where(sql<boolean>`subject @> ${JSON.stringify({ [kind]: { id } })}::jsonb`)
    .orderBy('seq')
    .execute()

async function versionsAbout(person: Person): Promise<string[]> {
  const rows = await database.db
    .selectFrom('access_change')
    .select('what')
    .where(sql<boolean>`${person.accountId}::uuid = any(accounts)`)
    .orderBy('version')
    .execute()
  return rows.map(({ what }) => what)
}

test('both sides are told once that a share ends within a day, in the product and by mail [R12 R15]', async () => {
  const { shareId } = await share(T0 + 24 * HOUR)
  await at(T0 - MINUTE)
  expect(await noticesOf(bob)).toEqual([])
  await at(T0)
  await at(T0 + HOUR)
  const until = new Date(T0 + 24 * HOUR).toISOString()
  const about = { kind: 'share.ending', id: shareId, by: null, until, devices: [{ id: rack, name: 'Rack' }] }
  expect(await noticesOf(bob)).toMatchObject([{ ...about, other: { name: 'Ann', email: ann.email } }])
  expect(await noticesOf(ann)).toMatchObject([{ ...about, other: { name: 'Bob', email: bob.email } }])
  expect(await mailsTo(bob)).toEqual(['A share with Ann ends soon'])
  expect(await mailsTo(ann)).toEqual(['A share with Bob ends soon'])
})

test('moving the end makes it news again, whoever moves it and however [R15]', async () => {
  const { db } = database
  const { shareId } = await share(T0 + HOUR)
  const entry = await guest({ endsAt: T0 + HOUR })
  const plumber = await link(T0 + HOUR)
  await at(T0)
  expect((await noticesOf(ann)).map(({ kind }) => kind)).toEqual(['share.ending', 'guest.ending', 'link.ending'])
  await db.updateTable('share').set({ state: 'accepted' }).where('id', '=', shareId).execute()
  await at(T0)
  expect(await noticesOf(bob)).toHaveLength(2)
  const later = { ends_at: new Date(T0 + 48 * HOUR) }
  await db.updateTable('share').set(later).where('id', '=', shareId).execute()
  await db.updateTable('guest_entry').set(later).where('id', '=', entry).execute()
  await db.updateTable('link').set(later).where('id', '=', plumber).execute()
  await at(T0 + 23 * HOUR)
  expect(await noticesOf(bob)).toHaveLength(2)
  await at(T0 + 25 * HOUR)
  expect(await noticesOf(bob)).toHaveLength(4)
  expect(await noticesOf(ann)).toHaveLength(6)
})

test('a share whose time is over is expired: both sides are told, the log says so, the edges hear of it [R15 R63]', async () => {
  const { shareId } = await share(T0)
  await at(T0 - 1)
  expect(await rowOf('share', shareId)).toMatchObject({ state: 'accepted' })
  await at(T0 + HOUR)
  await at(T0 + 2 * HOUR)
  expect(await rowOf('share', shareId)).toMatchObject({ state: 'expired', ended_at: new Date(T0), code_hash: null })
  const ended = { kind: 'share.ended', by: null, state: 'expired', until: new Date(T0).toISOString() }
  expect((await noticesOf(bob)).at(-1)).toMatchObject({ ...ended, other: { name: 'Ann' } })
  expect((await noticesOf(ann)).at(-1)).toMatchObject({ ...ended, other: { name: 'Bob' } })
  expect((await noticesOf(ann)).filter(({ kind }) => kind === 'share.ended')).toHaveLength(1)
  const events = await eventsAbout('share', shareId)
  expect(events.map(({ company_id }) => company_id).sort()).toEqual([ann.companyId, bob.companyId].sort())
  for (const event of events) {
    expect(event).toMatchObject({ kind: 'share.expired', account_id: null, subject: { state: 'expired' } })
  }
  expect((await versionsAbout(bob)).filter((what) => what === 'share expired')).toHaveLength(1)
})

test('an invitation that nobody answered expires, and whoever sent it is told [R41]', async () => {
  const { db } = database
  const { shareId } = await makeShare(db, ann, bob, [rack], { state: 'pending' })
  await db
    .updateTable('share')
    .set({ code_expires_at: new Date(T0), code_hash: Buffer.alloc(32) })
    .where('id', '=', shareId)
    .execute()
  const entry = await guest({ state: 'pending', codeExpiresAt: T0 })
  await at(T0 - 1)
  expect(await noticesOf(ann)).toEqual([])
  await at(T0)
  expect(await rowOf('share', shareId)).toMatchObject({ state: 'expired', code_hash: null, ended_at: new Date(T0) })
  expect(await rowOf('guest_entry', entry)).toMatchObject({ state: 'expired' })
  expect(await noticesOf(ann)).toMatchObject([
    {
      kind: 'share.ended',
      id: shareId,
      by: null,
      state: 'expired',
      until: null,
      other: { name: bob.email, email: bob.email },
    },
    { kind: 'guest.ended', id: entry, by: null, state: 'expired', until: null },
  ])
  const unanswered = `${bob.email} did not answer your invitation`
  expect(await mailsTo(ann)).toEqual([unanswered, unanswered])
  expect(await noticesOf(bob)).toEqual([])
  // Nothing had begun for the invited side, so their company's log says nothing of it.
  expect(await eventsAbout('share', shareId)).toMatchObject([{ company_id: ann.companyId }])
})

test('guest entries and links end in the same way', async () => {
  const entry = await guest({ endsAt: T0 })
  const plumber = await link(T0)
  await at(T0 + 1)
  expect(await rowOf('guest_entry', entry)).toMatchObject({ state: 'expired', ended_at: new Date(T0) })
  const row = await database.db.selectFrom('link').selectAll().where('id', '=', plumber).executeTakeFirstOrThrow()
  expect(row.ended_at).toEqual(new Date(T0))
  expect(await noticesOf(bob)).toMatchObject([{ kind: 'guest.ended', company: 'Ann', state: 'expired' }])
  expect(await noticesOf(ann)).toMatchObject([
    { kind: 'guest.ended', company: 'Ann', state: 'expired' },
    { kind: 'link.ended', other: { name: 'For the plumber', email: null }, state: 'expired' },
  ])
  expect(await eventsAbout('guest', entry)).toHaveLength(2)
  expect(await eventsAbout('link', plumber)).toMatchObject([{ kind: 'link.ended', company_id: ann.companyId }])
})

test('where whoever shared has left the company, its owners are told instead', async () => {
  const { db } = database
  await share(T0)
  const eve = await makePerson(db, 'Eve')
  await db.updateTable('account').set({ company_id: ann.companyId }).where('id', '=', eve.accountId).execute()
  await db.updateTable('account').set({ company_id: eve.companyId }).where('id', '=', ann.accountId).execute()
  await at(T0)
  expect(await noticesOf(ann)).toEqual([])
  expect(await noticesOf(eve)).toMatchObject([{ kind: 'share.ended' }])
})

test('two workers at once expire each share once', async () => {
  const { db } = database
  const others = await Promise.all(Array.from({ length: 12 }, (_, index) => makePerson(db, `Guest${index}`)))
  const agent = await makeAgent(db)
  const shares: string[] = []
  for (const other of others) {
    const device = await makeDevice(db, ann, agent, 'Many')
    shares.push((await makeShare(db, ann, other, [device], { endsAt: new Date(T0) })).shareId)
  }
  await Promise.all([at(T0), at(T0), at(T0)])
  for (const id of shares) {
    expect(await rowOf('share', id)).toMatchObject({ state: 'expired' })
    expect(await eventsAbout('share', id)).toHaveLength(2)
  }
  for (const other of others) expect(await noticesOf(other)).toHaveLength(1)
  expect(await noticesOf(ann)).toHaveLength(shares.length)
})

test('one that cannot be written down holds up no other, and is tried again', async () => {
  const { db } = database
  const broken = await share(T0)
  const eve = await makePerson(db, 'Eve')
  const desk = await makeDevice(db, ann, await makeAgent(db), 'Desk')
  const fine = await makeShare(db, ann, eve, [desk], { endsAt: new Date(T0) })
  const context = contextAt(T0)
  const stumbling = {
    ...context,
    mails: {
      ...mails,
      happened: ((to, ...rest) => {
        if (to.email === bob.email) throw new Error('no words')
        return mails.happened(to, ...rest)
      }) as typeof mails.happened,
    },
  }
  await keepTime(stumbling)
  expect(await rowOf('share', fine.shareId)).toMatchObject({ state: 'expired' })
  expect(await rowOf('share', broken.shareId)).toMatchObject({ state: 'accepted' })
  expect(await noticesOf(bob)).toEqual([])
  await keepTime(context)
  expect(await rowOf('share', broken.shareId)).toMatchObject({ state: 'expired' })
})

test('notices are forgotten after ninety days', async () => {
  await share(T0)
  await at(T0)
  expect(await noticesOf(bob)).toHaveLength(1)
  await forgetOldNotices(contextAt(T0 + 90 * 24 * HOUR))
  expect(await noticesOf(bob)).toHaveLength(1)
  await forgetOldNotices(contextAt(T0 + 90 * 24 * HOUR + 1))
  expect(await noticesOf(bob)).toEqual([])
})

test('the worker does it every minute', async () => {
  const { db, url } = database
  await share(T0)
  const clock = contextAt(T0).clock
  const options = { db, databaseUrl: url, smtpUrl: undefined, mailFrom: 'x@example.org', clock, log, mails, settings }
  const worker = await startJobs({ ...options, metrics: createMetrics() })
  try {
    const timetable = async () => {
      const { rows } = await sql<{ name: string }>`
        select identifier as name from graphile_worker._private_known_crontabs order by 1`.execute(db)
      return rows.map(({ name }) => name)
    }
    await expect.poll(timetable, { timeout: 20_000 }).toEqual([FORGET_NOTICES, KEEP_TIME])
    // The minute is not waited for: its job is put in as the timetable would.
    await sql`select graphile_worker.add_job(${KEEP_TIME}::text)`.execute(db)
    await expect.poll(() => noticesOf(bob), { timeout: 20_000 }).toMatchObject([{ kind: 'share.ended' }])
  } finally {
    await worker.stop()
  }
})
