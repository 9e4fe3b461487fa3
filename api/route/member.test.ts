// The people of a company: who sees them, who changes them, and that an owner is always left.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { hashToken } from '@ridethrough/db/token.ts'
import { makeAgent, makeDevice, makePerson, type Person } from '@ridethrough/test/support/world.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type Client, clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import { makeColleague, ownersOf, signInAgain } from '../support/team.ts'

let harness: Harness
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())
beforeEach(async () => {
  ann = await makePerson(harness.database.db, 'Ann')
  bob = await makeColleague(harness.database.db, ann, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
})

const eventsOf = async (companyId: string) => {
  const { db } = harness.database
  const rows = await db.selectFrom('event').selectAll().where('company_id', '=', companyId).orderBy('seq').execute()
  return rows.map((row) => [row.kind, row.outcome, row.account_id])
}

describe('who may', () => {
  test('a member sees the team, and changes nothing of it [ASVS 8.2.1 8.3.1]', async () => {
    const list = await asBob('GET', '/company/members')
    expect(list.body.items.map((one: { name: string; isYou: boolean }) => [one.name, one.isYou])).toEqual([
      ['Ann', false],
      ['Bob', true],
    ])
    const tries: [string, string, unknown?][] = [
      ['PATCH', '/company', { name: 'Mine' }],
      ['PATCH', `/company/members/${ann.accountId}`, { active: false }],
      ['PATCH', `/company/members/${bob.accountId}`, { role: 'owner' }],
      ['GET', '/company/invitations'],
      ['POST', '/company/invitations', { email: 'x@example.org' }],
      ['POST', `/company/invitations/${randomUUID()}/resend`],
      ['DELETE', `/company/invitations/${randomUUID()}`],
    ]
    for (const [method, path, body] of tries) {
      const answer = await asBob(method, path, body)
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 403, 'owner-needed'])
    }
    expect(await ownersOf(harness.database.db, ann.companyId)).toEqual([ann.accountId])
  })

  test('nobody of another company is there, whatever is tried [ASVS 8.2.2 8.4.1]', async () => {
    const eve = await makePerson(harness.database.db, 'Eve')
    const asEve = clientOf(harness.api, eve.token)
    for (const change of [{ role: 'owner' }, { role: 'member' }, { active: false }, { active: true }]) {
      const foreign = await asEve('PATCH', `/company/members/${bob.accountId}`, change)
      const absent = await asEve('PATCH', `/company/members/${randomUUID()}`, change)
      expect([foreign.status, foreign.body]).toEqual([404, absent.body])
    }
    const { body } = await asEve('GET', '/company/members')
    expect(body.items.map((one: { id: string }) => one.id)).toEqual([eve.accountId])
    expect((await asEve('GET', '/company/members?search=bob')).body.items).toEqual([])
  })

  test('an API token of an owner reaches nothing of the team [ASVS 8.2.1]', async () => {
    const token = `rt_${'t'.repeat(43)}`
    await harness.database.db
      .insertInto('token')
      .values({
        account_id: ann.accountId,
        name: 'script',
        token_hash: hashToken(token),
        privileges: 0xffff,
        device_ids: null,
        expires_at: new Date(Date.now() + 60_000),
      })
      .execute()
    const byToken = clientOf(harness.api, token)
    for (const [method, path, body] of [
      ['GET', '/company/members'],
      ['PATCH', `/company/members/${bob.accountId}`, { role: 'owner' }],
      ['POST', '/company/invitations', { email: 'x@example.org' }],
    ] as const) {
      expect([path, (await byToken(method, path, body)).status]).toEqual([path, 403])
    }
  })

  test('what a change must not carry is refused, not left out [ASVS 8.2.3]', async () => {
    expect((await asAnn('PATCH', '/company', { name: 'A\0B' })).body.code).toBe('body-malformed')
    expect((await asAnn('GET', '/company/members?search=%00')).body.code).toBe('body-malformed')
    for (const body of [
      { role: 'owner', email: 'x@example.org' },
      { role: 'owner', active: true },
      { role: 'root' },
      {},
    ]) {
      const answer = await asAnn('PATCH', `/company/members/${bob.accountId}`, body)
      expect([answer.status, answer.body.code]).toEqual([422, 'input-invalid'])
    }
  })
})

describe('the list', () => {
  test('filters by state, role, second factor, and part of name or address', async () => {
    const { db } = harness.database
    const cid = await makeColleague(db, ann, 'Cid 100%')
    await db
      .insertInto('totp')
      .values({ account_id: cid.accountId, secret: Buffer.from('x'), confirmed_at: new Date() })
      .execute()
    await db
      .insertInto('totp')
      .values({ account_id: bob.accountId, secret: Buffer.from('x') })
      .execute()
    await asAnn('PATCH', `/company/members/${cid.accountId}`, { active: false })
    const names = async (query: string) =>
      (await asAnn('GET', `/company/members?${query}`)).body.items.map((one: { name: string }) => one.name)
    expect(await names('')).toEqual(['Ann', 'Bob', 'Cid 100%'])
    expect(await names('state=active')).toEqual(['Ann', 'Bob'])
    expect(await names('state=inactive')).toEqual(['Cid 100%'])
    expect(await names('role=owner')).toEqual(['Ann'])
    expect(await names('secondFactor=true')).toEqual(['Cid 100%'])
    expect(await names('secondFactor=false&state=active')).toEqual(['Ann', 'Bob'])
    expect(await names('search=BO')).toEqual(['Bob'])
    expect(await names(`search=${encodeURIComponent(ann.email.slice(2, 9))}`)).toEqual(['Ann'])
    // What stands for anything in SQL stands for itself here.
    expect(await names('search=%25')).toEqual(['Cid 100%'])
    expect(await names('search=_')).toEqual([])
    expect((await asAnn('GET', '/company')).body.counts).toEqual({ active: 2, inactive: 1, invited: 0, devices: 0 })
  })

  test('goes on where a page ended, also past equal names', async () => {
    const { db } = harness.database
    for (let n = 0; n < 5; n++) await makeColleague(db, ann, 'Dot')
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const { body }: { body: { items: { id: string }[]; next: string | null } } = await asAnn(
        'GET',
        `/company/members?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
      )
      expect(body.items.length).toBeLessThanOrEqual(2)
      seen.push(...body.items.map((one) => one.id))
      cursor = body.next
    } while (cursor !== null)
    expect(new Set(seen).size).toBe(7)
    expect(seen).toHaveLength(7)
    for (const wrong of ['x', Buffer.from('{"id":1}').toString('base64url')]) {
      expect((await asAnn('GET', `/company/members?cursor=${wrong}`)).body.code).toBe('input-invalid')
    }
  })
})

describe('roles', () => {
  test('promoted, a member does what owners do at once; demoted, no more [ASVS 8.3.2]', async () => {
    const promoted = await asAnn('PATCH', `/company/members/${bob.accountId}`, { role: 'owner' })
    expect(promoted.body).toMatchObject({
      member: { id: bob.accountId, role: 'owner' },
      access: { edges: [{ kind: 'api' }] },
    })
    expect((await asBob('PATCH', '/company', { name: 'Ours' })).body.name).toBe('Ours')
    expect((await asBob('PATCH', `/company/members/${ann.accountId}`, { role: 'member' })).status).toBe(200)
    expect((await asAnn('PATCH', '/company', { name: 'Mine' })).body.code).toBe('owner-needed')
    expect(await eventsOf(ann.companyId)).toEqual([
      ['member.promoted', 'done', ann.accountId],
      ['company.changed', 'done', bob.accountId],
      ['member.demoted', 'done', bob.accountId],
      ['company.changed', 'refused', ann.accountId],
    ])
  })

  test('the only active owner can neither be demoted, nor deactivated, nor leave', async () => {
    const inactive = await makeColleague(harness.database.db, ann, 'Cid', 'owner')
    await asAnn('PATCH', `/company/members/${inactive.accountId}`, { active: false })
    for (const [method, path, body] of [
      ['PATCH', `/company/members/${ann.accountId}`, { role: 'member' }],
      ['PATCH', `/company/members/${ann.accountId}`, { active: false }],
      ['DELETE', '/company/members/me', undefined],
    ] as const) {
      const answer = await asAnn(method, path, body)
      expect([answer.status, answer.body.code]).toEqual([409, 'last-owner'])
    }
    expect(await ownersOf(harness.database.db, ann.companyId)).toEqual([ann.accountId])
    expect((await eventsOf(ann.companyId)).filter(([, outcome]) => outcome === 'refused')).toHaveLength(3)
  })

  test('two owners who demote each other at the same moment leave one, whoever is first', async () => {
    const answers: number[][] = []
    for (let round = 0; round < 40; round++) {
      const first = await makePerson(harness.database.db, 'First')
      const second = await makeColleague(harness.database.db, first, 'Second', 'owner')
      const byFirst = clientOf(harness.api, first.token)
      const bySecond = clientOf(harness.api, second.token)
      const change = round % 2 === 0 ? { role: 'member' } : { active: false }
      const both = await Promise.all([
        byFirst('PATCH', `/company/members/${second.accountId}`, change),
        bySecond('PATCH', `/company/members/${first.accountId}`, change),
      ])
      answers.push(both.map(({ status }) => status))
      expect(await ownersOf(harness.database.db, first.companyId)).toHaveLength(1)
    }
    // One is always done; the other has become no owner, is signed out, or is the last one.
    expect(answers.every((pair) => pair.filter((status) => status === 200).length === 1)).toBe(true)
  })

  test('asked for what is so already, it does nothing', async () => {
    expect((await asAnn('PATCH', `/company/members/${bob.accountId}`, { active: true })).status).toBe(200)
    expect((await asAnn('PATCH', `/company/members/${ann.accountId}`, { role: 'owner' })).status).toBe(200)
    expect(await eventsOf(ann.companyId)).toEqual([])
  })
})

describe('deactivating', () => {
  test('ends every session and token for good; reactivating revives none [ASVS 7.4.2 7.4.5]', async () => {
    const { db } = harness.database
    const second = await signInAgain(db, bob.accountId)
    await db
      .insertInto('token')
      .values({
        ...{ account_id: bob.accountId, name: 't', token_hash: Buffer.from('bob'), privileges: 1, device_ids: null },
        expires_at: new Date(Date.now() + 60_000),
      })
      .execute()
    await db
      .insertInto('challenge')
      .values({
        ...{ account_id: bob.accountId, purpose: 'second-factor', secret_hash: Buffer.from('half'), webauthn: null },
        ...{ address: '127.0.0.1', expires_at: new Date(Date.now() + 60_000) },
      })
      .execute()
    const { body } = await asAnn('PATCH', `/company/members/${bob.accountId}`, { active: false })
    expect(body.member).toMatchObject({ active: false })
    expect((await mailTo(harness.api, bob.email)).text).toContain(ann.email)
    for (const token of [bob.token, second]) {
      expect((await clientOf(harness.api, token)('GET', '/account')).status).toBe(401)
    }
    expect((await asAnn('PATCH', `/company/members/${bob.accountId}`, { active: true })).status).toBe(200)
    for (const token of [bob.token, second]) {
      expect((await clientOf(harness.api, token)('GET', '/account')).status).toBe(401)
    }
    const left = await sql<{ n: number }>`
      select (select count(*) from token where account_id = ${bob.accountId} and ended_at is null)
        + (select count(*) from challenge where account_id = ${bob.accountId}) as n`.execute(db)
    expect(left.rows[0]?.n).toBe(0)
    expect((await clientOf(harness.api, await signInAgain(db, bob.accountId))('GET', '/account')).status).toBe(200)
  })

  test('closes an open WebSocket before it is answered [ASVS 7.4.2 8.3.2]', async () => {
    const agent = await makeAgent(harness.database.db)
    await makeDevice(harness.database.db, ann, agent, 'Rack 4')
    const socket = new WebSocket(`${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`, {
      headers: { authorization: `Bearer ${bob.token}` },
    })
    await once(socket, 'open')
    const shown = once(socket, 'message')
    socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
    expect(JSON.parse(String((await shown)[0])).devices).toHaveLength(1)
    const closed = once(socket, 'close')
    const { body } = await asAnn('PATCH', `/company/members/${bob.accountId}`, { active: false })
    expect(body.access.edges).toMatchObject([{ kind: 'api', outcome: 'applied', viewers: 1 }])
    expect((await closed)[0]).toBe(4401)
  })
})

describe('what members may do on devices', () => {
  test('follows the setting of the company, live [ASVS 8.3.2]', async () => {
    const agent = await makeAgent(harness.database.db)
    const device = await makeDevice(harness.database.db, ann, agent, 'Rack 4')
    await asAnn('PATCH', '/company', { memberPrivileges: ['monitor', 'configure'] })
    expect((await asBob('GET', `/devices/${device}`)).body.privileges).toEqual(['monitor', 'configure'])
    await asAnn('PATCH', '/company', { memberPrivileges: [] })
    expect((await asBob('GET', `/devices/${device}`)).status).toBe(404)
    expect((await asAnn('GET', `/devices/${device}`)).body.privileges).toContain('register')
    expect((await asAnn('GET', '/company')).body).toMatchObject({
      memberPrivileges: [],
      counts: { devices: 1, active: 2 },
    })
  })

  test('how people sign in is changed only with a recent sign-in [ASVS 7.5.3]', async () => {
    const { db } = harness.database
    const old = new Date(Date.now() - 3_600_000)
    await db.updateTable('session').set({ authenticated_at: old }).where('id', '=', ann.sessionId).execute()
    expect((await asAnn('PATCH', '/company', { requiresStepUp: false })).body.code).toBe('step-up-needed')
    expect((await asAnn('PATCH', '/company', { name: 'Ours' })).status).toBe(200)
    await db.updateTable('session').set({ authenticated_at: new Date() }).where('id', '=', ann.sessionId).execute()
    expect((await asAnn('PATCH', '/company', { requiresStepUp: true })).body.requiresStepUp).toBe(true)
    await db.updateTable('session').set({ authenticated_at: old }).where('id', '=', ann.sessionId).execute()
    expect((await asAnn('PATCH', `/company/members/${bob.accountId}`, { role: 'owner' })).body.code).toBe(
      'step-up-needed',
    )
  })
})

describe('leaving', () => {
  test('a member is in a company of their own again, and sees nothing of the old one [ASVS 8.3.2]', async () => {
    const { db } = harness.database
    const agent = await makeAgent(db)
    const device = await makeDevice(db, ann, agent, 'Rack 4')
    expect((await asBob('GET', `/devices/${device}`)).status).toBe(200)
    const left = await asBob('DELETE', '/company/members/me')
    expect(left.status).toBe(200)
    expect((await asBob('GET', `/devices/${device}`)).status).toBe(404)
    const own = await asBob('GET', '/company')
    expect(own.body).toMatchObject({ id: left.body.companyId, name: 'Bob', counts: { active: 1, devices: 0 } })
    expect((await asBob('GET', '/account')).body.role).toBe('owner')
    expect((await asAnn('GET', '/company/members')).body.items).toHaveLength(1)
    expect(await eventsOf(ann.companyId)).toEqual([['member.left', 'done', bob.accountId]])
  })

  test('who left sees nothing more of what they shared there [ASVS 8.2.2]', async () => {
    const { db } = harness.database
    const device = await makeDevice(db, ann, await makeAgent(db), 'Rack 4')
    await asAnn('PATCH', `/company/members/${bob.accountId}`, { role: 'owner' })
    const made = await asBob('POST', '/shares', { email: 'guest@example.org', deviceIds: [device] })
    expect(made.status).toBe(201)
    await asBob('DELETE', '/company/members/me')
    expect((await asBob('GET', '/shares?direction=granted')).body.items).toEqual([])
    expect((await asBob('GET', `/shares/${made.body.share.id}`)).status).toBe(404)
    expect((await asAnn('GET', '/shares?direction=granted')).body.items).toHaveLength(1)
  })

  test('an owner leaves when another one stays', async () => {
    await asAnn('PATCH', `/company/members/${bob.accountId}`, { role: 'owner' })
    expect((await asAnn('DELETE', '/company/members/me')).status).toBe(200)
    expect(await ownersOf(harness.database.db, ann.companyId)).toEqual([bob.accountId])
  })

  test('who is alone has nothing to leave', async () => {
    const eve = await makePerson(harness.database.db, 'Eve')
    const answer = await clientOf(harness.api, eve.token)('DELETE', '/company/members/me')
    expect([answer.status, answer.body.code]).toEqual([409, 'last-owner'])
  })
})
