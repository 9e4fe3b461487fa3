import { makeAgent, makeDevice, makeShare } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf, type Harness, mailTo, startHarness } from '../support/harness.ts'
import {
  addAuthenticator,
  eventsOf,
  join,
  joinForces,
  newAddress,
  PASSWORD,
  type Somebody,
  signIn,
} from '../support/person.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

const anybody: ReturnType<typeof clientOf> = (...call) => clientOf(harness.api)(...call)

/** The newest code that was mailed to this address. */
async function codeTo(email: string): Promise<string> {
  return /^ {4}(\S+)$/m.exec((await mailTo(harness.api, email)).text)?.[1] ?? 'none'
}

/** As the makers of test worlds see it. */
async function personOf({ accountId, email, token, call }: Somebody) {
  const companyId: string = (await call('GET', '/account')).body.company.id
  return { accountId, email, token, companyId, sessionId: '' }
}

async function giveDevice(owner: Somebody): Promise<string> {
  const { db } = harness.database
  return makeDevice(db, await personOf(owner), await makeAgent(db), 'rack')
}

describe('changing the address', () => {
  test('takes a code from the old one and from the new one; the old one is told', async () => {
    const person = await join(harness)
    const email = newAddress('new')
    const begun = await person.call('POST', '/account/email', { email })
    expect([begun.status, begun.body]).toEqual([202, { email, state: 'code-sent' }])
    const codes = { oldCode: await codeTo(person.email), newCode: await codeTo(email) }
    const crossed = { oldCode: codes.newCode, newCode: codes.oldCode }
    expect((await person.call('POST', '/account/email/confirm', crossed)).body.code).toBe('code-wrong')
    expect((await person.call('POST', '/account/email/confirm', codes)).body.email).toBe(email)
    expect((await signIn(harness, person.email)).status).toBe(401)
    expect((await signIn(harness, email)).status).toBe(201)
    expect(await mailTo(harness.api, person.email)).toMatchObject({ subject: 'Your address was changed' })
    expect((await mailTo(harness.api, person.email)).text).toContain(email)
    expect((await person.call('POST', '/account/email/confirm', codes)).body.code).toBe('code-expired')
    expect((await eventsOf(harness, person.accountId)).at(-1)).toMatchObject({ outcome: 'refused' })
    expect(await eventsOf(harness, person.accountId)).toContainEqual({
      ...{ kind: 'address.changed', outcome: 'done', subject: { from: person.email, to: email } },
    })
  })

  test('finds what was shared with the new address, and keeps what was offered to the old one', async () => {
    const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
    const device = await giveDevice(ann)
    const email = newAddress('new')
    const offer = (to: string) => ann.call('POST', '/shares', { email: to, deviceIds: [device], role: 'viewer' })
    await offer(bob.email)
    const oldShareCode = await codeTo(bob.email)
    await offer(email)
    const newShareCode = await codeTo(email)
    await bob.call('POST', '/account/email', { email })
    const codes = { oldCode: await codeTo(bob.email), newCode: await codeTo(email) }
    expect((await bob.call('POST', '/account/email/confirm', codes)).status).toBe(200)
    const { items } = (await bob.call('GET', '/shares?direction=received')).body
    expect(items).toHaveLength(2)
    for (const share of items) {
      const code = share.email === email ? newShareCode : oldShareCode
      expect((await bob.call('POST', `/shares/${share.id}/accept`, { code })).status).toBe(200)
    }
  })

  test('an address that somebody has stays theirs, and only they hear of it', async () => {
    const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
    const begun = await ann.call('POST', '/account/email', { email: bob.email })
    expect(begun.status).toBe(202)
    expect((await mailTo(harness.api, bob.email)).subject).toBe('You already have an account')
    const codes = { oldCode: await codeTo(ann.email), newCode: '0000-0000' }
    expect((await ann.call('POST', '/account/email/confirm', codes)).body.code).toBe('code-wrong')
  })

  test('of two who want one address at the same moment one gets it', async () => {
    const people = [await join(harness), await join(harness, 'Bob')]
    const email = newAddress('wanted')
    const codes: { oldCode: string; newCode: string }[] = []
    for (const person of people) {
      await person.call('POST', '/account/email', { email })
      codes.push({ oldCode: await codeTo(person.email), newCode: await codeTo(email) })
    }
    const answers = await Promise.all(
      people.map((person, n) => person.call('POST', '/account/email/confirm', codes[n])),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
  })

  test('guessing the codes ends after five tries', async () => {
    const person = await join(harness)
    await person.call('POST', '/account/email', { email: newAddress('new') })
    const wrong = { oldCode: await codeTo(person.email), newCode: '0000-0000' }
    const codes: string[] = []
    for (let n = 0; n < 6; n++) codes.push((await person.call('POST', '/account/email/confirm', wrong)).body.code)
    expect(codes).toEqual([...Array(5).fill('code-wrong'), 'too-many-tries'])
  })
})

describe('deleting an account', () => {
  const end = ({ call }: Somebody, password = PASSWORD) => call('DELETE', '/account', { password })

  test('takes the password, and a company that holds nothing and nobody else', async () => {
    const person = await join(harness)
    expect((await end(person, 'not this one, surely')).body.code).toBe('credentials-wrong')
    const device = await giveDevice(person)
    const occupied = await end(person)
    expect([occupied.status, occupied.body.code]).toEqual([409, 'company-occupied'])
    expect((await person.call('DELETE', `/devices/${device}`)).status).toBe(200)
    expect((await end(person)).status).toBe(204)
  })

  test('the last owner cannot leave others behind; of two owners one can go, and the devices stay', async () => {
    const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
    const device = await giveDevice(ann)
    await joinForces(harness, ann, bob)
    await harness.database.db.updateTable('account').set({ role: 'member' }).where('id', '=', bob.accountId).execute()
    const refused = await end(ann)
    expect([refused.status, refused.body.code]).toEqual([409, 'company-occupied'])
    await harness.database.db.updateTable('account').set({ role: 'owner' }).where('id', '=', bob.accountId).execute()
    expect((await end(ann)).status).toBe(204)
    const bobAgain = clientOf(harness.api, (await signIn(harness, bob.email)).body.token)
    expect((await bobAgain('GET', `/devices/${device}`)).body.name).toBe('rack')
  })

  test('two last owners who go at the same moment leave one, where there are devices', async () => {
    const people = [await join(harness), await join(harness, 'Bob')] as const
    await giveDevice(people[0])
    await joinForces(harness, ...people)
    const answers = await Promise.all(people.map((person) => end(person)))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 409])
  })

  test('what is known of the person is gone, and whatever was signed in is out [ASVS 7.4.2]', async () => {
    const { person, secret } = await addAuthenticator(harness, await join(harness, 'Walther'))
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
    const made = await person.call('POST', '/tokens', { name: 'walthers-script', privileges: ['monitor'], expiresAt })
    expect((await end(person)).status).toBe(204)
    for (const token of [person.token, made.body.token]) {
      expect((await clientOf(harness.api, token)('GET', '/devices')).status).toBe(401)
    }
    expect((await signIn(harness, person.email)).status).toBe(401)
    const { db } = harness.database
    const tables = [
      'account',
      'company',
      'session',
      'token',
      'totp',
      'recovery_code',
      'passkey',
      'known_place',
      'email_code',
      'share',
    ] as const
    for (const table of tables) {
      const rows = JSON.stringify(await db.selectFrom(table).selectAll().execute())
      for (const trace of [person.email, 'Walther', 'walthers-script', secret])
        expect([table, rows.includes(trace)]).toEqual([table, false])
    }
    expect((await mailTo(harness.api, person.email)).subject).toBe('Your account was deleted')
    // The address is free again.
    expect((await join(harness, 'Walther', person.email)).accountId).not.toBe(person.accountId)
  })

  test('what was shared with them is over, and what others have is untouched', async () => {
    const [ann, bob, cid] = [await join(harness), await join(harness, 'Bob'), await join(harness, 'Cid')]
    const device = await giveDevice(ann)
    for (const other of [bob, cid]) {
      await makeShare(harness.database.db, await personOf(ann), await personOf(other), [device])
    }
    expect((await end(bob)).status).toBe(204)
    const { items } = (await ann.call('GET', '/shares?direction=granted')).body
    expect(items.map((share: { email: string }) => share.email)).toEqual([cid.email])
    expect((await cid.call('GET', `/devices/${device}/state`)).status).toBe(200)
  })
})

test('a name can be changed, and what it was stands in the log', async () => {
  const person = await join(harness)
  expect((await person.call('PATCH', '/account', { name: 'Anna' })).body.name).toBe('Anna')
  expect(await eventsOf(harness, person.accountId)).toContainEqual({
    ...{ kind: 'account.changed', outcome: 'done', subject: { name: { from: 'Ann', to: 'Anna' } } },
  })
  expect((await anybody('PATCH', '/account', { name: 'Anna' })).status).toBe(401)
})
