import { createHash } from 'node:crypto'
import { appendEvent } from '@ridethrough/db/query/event.ts'
import { mintToken } from '@ridethrough/db/token.ts'
import type { EventKind } from '@ridethrough/protocol/http/event.ts'
import { ALL_PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { makeAgent, makeDevice, makePerson, makeShare, type Person } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { offerDevice } from '../support/device.ts'
import { type Client, clientOf, codeIn, type Harness, mailTo, startHarness } from '../support/harness.ts'

let harness: Harness

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

const as = (person: Person): Client => clientOf(harness.api, person.token)

async function eventsOf(person: Person, query = ''): Promise<Record<string, unknown>[]> {
  const { status, body } = await as(person)('GET', `/events${query}`)
  expect(status).toBe(200)
  return body.items
}

/** A company with an owner, a device and an agent. */
async function makeOwner(name: string) {
  const { db } = harness.database
  const agent = await makeAgent(db)
  const owner = await makePerson(db, name)
  return { owner, agent, device: await makeDevice(db, owner, agent, `${name}'s rack`) }
}

async function makeMember(of: Person, name: string): Promise<Person> {
  const { db } = harness.database
  const person = await makePerson(db, name)
  await db
    .updateTable('account')
    .set({ company_id: of.companyId, role: 'member' })
    .where('id', '=', person.accountId)
    .execute()
  return { ...person, companyId: of.companyId }
}

async function log(person: Person, count: number, kind: EventKind = 'company.changed'): Promise<void> {
  for (let index = 1; index <= count; index += 1) {
    await harness.database.db.transaction().execute((tx) =>
      appendEvent(tx, {
        at: new Date(Date.UTC(2026, 0, 1, 0, 0, index)),
        companyId: person.companyId,
        accountId: person.accountId,
        credentialId: null,
        address: '192.0.2.1',
        kind,
        outcome: 'done',
        subject: { index },
      }),
    )
  }
}

test('registering, renaming and giving up a device: who, what, when, from where, by which session [R63]', async () => {
  const { db } = harness.database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const id = await offerDevice(db, agent, 'AAAA-BBBB-CCCC', new Date(Date.now() + 60_000))
  const before = Date.now()
  await as(ann)('POST', '/devices/claim', { code: 'AAAA-BBBB-CCCC', name: 'first' })
  await as(ann)('PATCH', `/devices/${id}`, { name: 'second' })
  await as(ann)('PATCH', `/devices/${id}`, { name: 'second' })
  await as(ann)('DELETE', `/devices/${id}`)
  const events = await eventsOf(ann)
  expect(events.map(({ kind, subject }) => [kind, subject])).toEqual([
    ['device.deleted', { device: { id, name: 'second' } }],
    ['device.changed', { device: { id, name: 'second' }, changes: { name: { from: 'first', to: 'second' } } }],
    ['device.claimed', { device: { id, name: 'first' }, agent: { id: agent.agentId } }],
  ])
  for (const event of events) {
    expect(event).toMatchObject({
      outcome: 'done',
      account: { id: ann.accountId, name: 'Ann' },
      credentialId: ann.sessionId,
      address: '127.0.0.1',
    })
    expect(Date.parse(String(event.at))).toBeGreaterThanOrEqual(before)
    expect(Date.parse(String(event.at))).toBeLessThanOrEqual(Date.now())
  }
})

test('the life of a share stands in the log of both, without the address of the other [R63]', async () => {
  const { owner, device } = await makeOwner('Bea')
  const bob = await makePerson(harness.database.db, 'Bob')
  const made = await as(owner)('POST', '/shares', { email: bob.email, deviceIds: [device] })
  const { id } = made.body.share
  await as(owner)('POST', `/shares/${id}/resend`)
  const code = codeIn((await mailTo(harness.api, bob.email)).text)
  expect((await as(bob)('POST', `/shares/${id}/accept`, { code: 'AAAAA-BBBBB' })).status).toBe(422)
  expect((await as(bob)('POST', `/shares/${id}/accept`, { code })).status).toBe(200)
  await as(owner)('DELETE', `/shares/${id}`)

  const ofOwner = await eventsOf(owner)
  expect(ofOwner.map(({ kind, outcome, account }) => [kind, outcome, (account as { name: string }).name])).toEqual([
    ['share.ended', 'done', 'Bea'],
    ['share.accepted', 'done', 'Bob'],
    ['share.accepted', 'refused', 'Bob'],
    ['share.resent', 'done', 'Bea'],
    ['share.made', 'done', 'Bea'],
  ])
  expect(ofOwner.slice(1, 3)).toMatchObject([
    { address: '', credentialId: null, subject: { share: { id }, devices: [{ id: device, name: "Bea's rack" }] } },
    { address: '', credentialId: null, subject: { share: { id }, code: 'code-wrong' } },
  ])
  expect((await eventsOf(bob)).map(({ kind, outcome, address }) => [kind, outcome, address])).toEqual([
    ['share.ended', 'done', ''],
    ['share.accepted', 'done', '127.0.0.1'],
    ['share.accepted', 'refused', '127.0.0.1'],
  ])
})

test('a guest who may not is refused, and the owner reads of it; who sees nothing leaves no trace with the owner [R63 R74]', async () => {
  const { owner, device } = await makeOwner('Cara')
  const { db } = harness.database
  const guest = await makePerson(db, 'Gus')
  const stranger = await makePerson(db, 'Sue')
  await makeShare(db, owner, guest, [device])
  expect((await as(guest)('PATCH', `/devices/${device}`, { name: 'mine' })).status).toBe(403)
  expect((await as(stranger)('DELETE', `/devices/${device}`)).status).toBe(404)
  const refused = { kind: 'device.changed', outcome: 'refused' }
  const subject = { device: { id: device, name: "Cara's rack" }, code: 'right-missing' }
  expect(await eventsOf(owner)).toMatchObject([{ ...refused, subject, address: '', account: { name: 'Gus' } }])
  expect(await eventsOf(guest)).toMatchObject([{ ...refused, subject, address: '127.0.0.1' }])
  expect(await eventsOf(stranger)).toMatchObject([
    { kind: 'device.deleted', outcome: 'refused', subject: { device: { id: device }, code: 'not-found' } },
  ])
})

test('a share that the database refuses leaves its refusal and nothing else [R74]', async () => {
  const { owner, device } = await makeOwner('Dora')
  for (let guest = 1; guest <= 5; guest += 1) {
    await as(owner)('POST', '/shares', { email: `guest${guest}@example.org`, deviceIds: [device] })
  }
  expect((await as(owner)('POST', '/shares', { email: 'sixth@example.org', deviceIds: [device] })).status).toBe(409)
  expect((await eventsOf(owner, '?outcome=refused')).map(({ kind, subject }) => [kind, subject])).toEqual([
    ['share.made', { email: 'sixth@example.org', devices: [{ id: device }], code: 'share-limit' }],
  ])
  expect(await eventsOf(owner, '?outcome=done&kind=share.made')).toHaveLength(5)
})

test('a wrong claim code is recorded without the code [R74]', async () => {
  const eve = await makePerson(harness.database.db, 'Eve')
  await as(eve)('POST', '/devices/claim', { code: 'WRONG-CODE-XYZ' })
  const events = await eventsOf(eve)
  expect(events).toMatchObject([{ kind: 'device.claimed', outcome: 'refused', subject: { code: 'code-wrong' } }])
  expect(JSON.stringify(events)).not.toMatch(/WRONG|XYZ/)
})

test('a device that is given up ends its shares in the log as well', async () => {
  const { owner, agent, device } = await makeOwner('Fay')
  const { db } = harness.database
  const second = await makeDevice(db, owner, agent, 'second')
  const [guest, other] = [await makePerson(db, 'Guy'), await makePerson(db, 'Kit')]
  await makeShare(db, owner, guest, [device])
  await makeShare(db, owner, other, [device, second])
  await as(owner)('DELETE', `/devices/${device}`)
  const kinds = ['device.deleted', 'share.ended', 'share.narrowed']
  expect((await eventsOf(owner)).map(({ kind }) => kind).sort()).toEqual(kinds)
  expect((await eventsOf(guest)).map(({ kind }) => kind)).toEqual(['share.ended'])
  expect((await eventsOf(other)).map(({ kind, subject }) => [kind, subject])).toMatchObject([
    ['share.narrowed', { devices: [{ id: device }], because: 'device.deleted' }],
  ])
})

test('owners read the log of their company, members what they did themselves, others none of it [ASVS 8.2.2 8.4.1] [R63]', async () => {
  const owner = await makePerson(harness.database.db, 'Hal')
  const [ida, jim] = [await makeMember(owner, 'Ida'), await makeMember(owner, 'Jim')]
  const stranger = await makePerson(harness.database.db, 'Kay')
  await log(owner, 1)
  await log(ida, 2)
  await log(jim, 3)
  expect(await eventsOf(owner)).toHaveLength(6)
  expect((await eventsOf(ida)).map(({ account }) => account)).toEqual([
    { id: ida.accountId, name: 'Ida' },
    { id: ida.accountId, name: 'Ida' },
  ])
  expect(await eventsOf(ida, `?accountId=${jim.accountId}`)).toEqual([])
  expect(await eventsOf(owner, `?accountId=${jim.accountId}`)).toHaveLength(3)
  expect(await eventsOf(stranger)).toEqual([])
  expect(await eventsOf(stranger, `?accountId=${jim.accountId}`)).toEqual([])
  expect((await clientOf(harness.api)('GET', '/events')).status).toBe(401)
  expect((await clientOf(harness.api)('GET', '/events.csv')).status).toBe(401)
})

test('an API token reads no log, not even the one of its own acts [ASVS 8.2.1]', async () => {
  const owner = await makePerson(harness.database.db, 'Jo')
  const { token, hash } = mintToken()
  await harness.database.db
    .insertInto('token')
    .values({
      account_id: owner.accountId,
      name: 'script',
      token_hash: hash,
      privileges: ALL_PRIVILEGES,
      device_ids: null,
      expires_at: new Date(Date.now() + 60_000),
    })
    .execute()
  const client = clientOf(harness.api, token)
  expect((await client('GET', '/devices')).status).toBe(200)
  for (const path of ['/events', '/events.csv', '/events.jsonl']) {
    const { status, body } = await client('GET', path)
    expect([status, body.code]).toEqual([403, 'token-refused'])
  }
})

test('what somebody did before joining a company is theirs to see, and not the new owner’s', async () => {
  const owner = await makePerson(harness.database.db, 'Lea')
  const joiner = await makePerson(harness.database.db, 'Max')
  await log(joiner, 2)
  const { db } = harness.database
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('account')
      .set({ company_id: owner.companyId, role: 'owner' })
      .where('id', '=', joiner.accountId)
      .execute()
  })
  expect(await eventsOf(owner)).toEqual([])
  expect(await eventsOf(joiner)).toHaveLength(2)
})

test('filters and pages', async () => {
  const ned = await makePerson(harness.database.db, 'Ned')
  await log(ned, 5)
  await log(ned, 2, 'device.changed')
  expect(await eventsOf(ned, '?kind=device.changed')).toHaveLength(2)
  expect(await eventsOf(ned, '?kind=company.changed&from=2026-01-01T00:00:02Z&to=2026-01-01T00:00:04Z')).toMatchObject([
    { subject: { index: 3 } },
    { subject: { index: 2 } },
  ])
  const seen: unknown[] = []
  let path = '/events?limit=3'
  for (let page = 0; page < 5; page += 1) {
    const { body } = await as(ned)('GET', path)
    seen.push(...body.items.map(({ seq }: { seq: number }) => seq))
    if (body.next === null) break
    path = `/events?limit=3&cursor=${body.next}`
  }
  expect(seen).toHaveLength(7)
  expect(seen).toEqual([...seen].sort((a, b) => Number(b) - Number(a)))
  for (const wrong of [
    '?cursor=abc',
    '?kind=nonsense',
    '?limit=0',
    '?limit=1000',
    '?from=yesterday',
    '?accountId=me',
  ]) {
    expect((await as(ned)('GET', `/events${wrong}`)).status).toBe(422)
  }
})

test('exports hold every row; names that look like formulas are none in the CSV', async () => {
  const olga = await makePerson(harness.database.db, '=HYPERLINK("http://evil.example","Olga")')
  await log(olga, 1100)
  const csv = await as(olga)('GET', '/events.csv')
  expect(csv.headers.get('content-type')).toContain('text/csv')
  expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="events-\d{4}-\d\d-\d\d\.csv"$/)
  const lines = String(csv.body).trimEnd().split('\r\n')
  expect(lines).toHaveLength(1101)
  expect(lines[0]).toBe('seq,at,kind,what,outcome,code,who,account,credential,address,subject')
  expect(lines[1]).toContain(
    `,company.changed,changed the company,done,,"'=HYPERLINK(""http://evil.example"",""Olga"")",`,
  )
  expect((await as(olga)('GET', '/events.csv?kind=device.changed')).body).not.toContain('company.changed')
})

test('an export as JSON lines can be checked against the hashes of the log [R63]', async () => {
  const pia = await makePerson(harness.database.db, 'Pia')
  await log(pia, 3)
  const { headers, body } = await as(pia)('GET', '/events.jsonl')
  expect(headers.get('content-type')).toContain('jsonl')
  const rows = String(body)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows.map(({ subject }) => subject.index)).toEqual([3, 2, 1])
  for (const { seq, row, before, hash, kind, address } of rows) {
    const computed = createHash('sha256').update(Buffer.from(before, 'hex')).update(row).digest('hex')
    expect(computed).toBe(hash)
    const [rowSeq, , , , , rowAddress, rowKind] = JSON.parse(row)
    expect([rowSeq, rowAddress, rowKind]).toEqual([seq, address, kind])
  }
  expect(rows[0].before).toBe(rows[1].hash)
})
