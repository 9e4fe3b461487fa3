// Random sequences of what people do to a team, two of them always at the same moment, over HTTP on a real database: never a
// company without an active owner, never a person in two companies, never a dead link that works. TEAM_SEQUENCES_S=600 runs
// it for longer.
import { verifyEvents } from '@ridethrough/db/query/event.ts'
import { makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashPassword } from '../password.ts'
import { clientOf, type Harness, startHarness } from '../support/harness.ts'
import { signInAgain } from '../support/team.ts'

const SECONDS = Number(process.env.TEAM_SEQUENCES_S ?? 20)
const PEOPLE = 4
const PASSWORD = 'seven green bottles'

const OPERATIONS = [
  ...['invite', 'invite', 'invite', 'invite', 'accept', 'accept', 'accept', 'accept', 'accept', 'accept-dead'],
  ...['resend', 'resend', 'withdraw', 'decline', 'promote', 'promote', 'demote', 'demote', 'demote', 'deactivate'],
  ...['deactivate', 'reactivate', 'reactivate', 'leave', 'delete', 'claim', 'release', 'release'],
] as const
type Operation = (typeof OPERATIONS)[number]

/** `who` acts on `whom`, or on one of the links that there are. */
type Step = { readonly does: Operation; readonly who: number; readonly whom: number; readonly link: number }

const arbStep: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom(...OPERATIONS),
  who: fc.nat(PEOPLE - 1),
  whom: fc.nat(PEOPLE - 1),
  link: fc.nat(20),
})
const arbSequence = fc.array(fc.tuple(arbStep, arbStep), { minLength: 4, maxLength: 30 })

type Link = { readonly id: string; readonly code: string; readonly by: number; readonly to: number; isDead: boolean }
type World = { readonly people: readonly Person[]; readonly links: Link[]; readonly agent: TestAgent }
type Outcome = {
  readonly step: Step
  readonly actor: number
  readonly link: Link | undefined
  readonly status: number
  readonly id?: string
}

let harness: Harness
let passwordHash: string
const tally = new Map<string, number>()

beforeAll(async () => {
  // Each request says that it comes from elsewhere: the limit of requests per address is not what is tried here.
  harness = await startHarness({ trustProxy: ['127.0.0.1'] })
  passwordHash = await hashPassword(PASSWORD)
})
afterAll(() => harness.stop())

const isDone = (status: number) => status >= 200 && status < 300

test('any sequence, two at a time, leaves an owner in each company, each person in one, and dead links dead', {
  timeout: (SECONDS + 60) * 1000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(arbSequence, async (sequence) => {
      const world = await makeWorld()
      for (const pair of sequence) {
        const before = await activeOf(world)
        const outcomes = await Promise.all(pair.map((step) => run(world, step)))
        for (const outcome of outcomes) checkOutcome(outcome, outcomes, before)
        await learn(world, outcomes)
        await checkCompanies(world)
      }
      await tryDeadLinks(world)
    }),
    { numRuns: 100_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false },
  )
  expect((await verifyEvents(harness.database.db)).fault).toBeUndefined()
  if (process.env.TEAM_SEQUENCES_S) console.log(tally)
  // A run that is refused everything would prove nothing.
  const never = [...new Set(OPERATIONS)].filter((does) => does !== 'accept-dead' && !tally.has(does))
  expect(never).toEqual([])
})

async function makeWorld(): Promise<World> {
  const { db } = harness.database
  const people: Person[] = []
  for (let n = 0; n < PEOPLE; n++) people.push(await makePerson(db, `P${n}`))
  const ids = people.map((person) => person.accountId)
  await db.updateTable('account').set({ password_hash: passwordHash }).where('id', 'in', ids).execute()
  // Two of them begin as a team, so that short sequences get somewhere.
  const [first, second] = people
  if (first && second) {
    await db.updateTable('account').set({ company_id: first.companyId }).where('id', '=', second.accountId).execute()
  }
  return { people, links: [], agent: await makeAgent(db) }
}

async function run(world: World, step: Step): Promise<Outcome> {
  const whom = at(world.people, step.whom)
  const live = world.links.filter((link) => !link.isDead)
  const links = step.does === 'accept-dead' ? world.links.filter((link) => link.isDead) : live
  const link = links.length === 0 ? undefined : links[step.link % links.length]
  const actor = actorOf(step, link)
  const person = at(world.people, actor)
  const token = await signInAgain(harness.database.db, person.accountId)
  const ask = async (method: string, path: string, body?: unknown) => {
    const from = `10.${byte()}.${byte()}.${byte()}`
    const answer = await clientOf(harness.api, token)(method, path, body, { 'x-forwarded-for': from })
    return { step, actor, link, status: answer.status, ...(answer.body?.id ? { id: answer.body.id as string } : {}) }
  }
  const member = `/company/members/${whom.accountId}`
  const id = link?.id ?? whom.accountId
  const code = link?.code ?? 'none'
  switch (step.does) {
    case 'invite':
      return ask('POST', '/company/invitations', { email: whom.email, role: step.link % 2 === 0 ? 'owner' : 'member' })
    case 'accept':
    case 'accept-dead':
      return ask('POST', `/invitations/${id}/accept`, { code })
    case 'decline':
      return ask('POST', `/invitations/${id}/decline`, {})
    case 'resend':
      return ask('POST', `/company/invitations/${id}/resend`)
    case 'withdraw':
      return ask('DELETE', `/company/invitations/${id}`)
    case 'promote':
    case 'demote':
      return ask('PATCH', member, { role: step.does === 'promote' ? 'owner' : 'member' })
    case 'deactivate':
    case 'reactivate':
      return ask('PATCH', member, { active: step.does === 'reactivate' })
    case 'leave':
      return ask('DELETE', '/company/members/me')
    case 'delete':
      return ask('DELETE', '/account', { password: PASSWORD })
    case 'claim':
    case 'release':
      return { step, actor, link: undefined, status: await changeDevice(world, person, step.does) }
  }
}

/** Most of the time whoever may: the one to whom a link was sent answers it, the one who sent it takes it back. */
function actorOf({ does, who, link: choice }: Step, link: Link | undefined): number {
  if (!link || choice % 5 === 0) return who
  if (['accept', 'accept-dead', 'decline'].includes(does)) return link.to
  return ['resend', 'withdraw'].includes(does) ? link.by : who
}

/** As the claim does it: the company is read, then the device comes in; what the database refuses is a refusal. */
async function changeDevice({ agent }: World, person: Person, does: 'claim' | 'release'): Promise<number> {
  const { db } = harness.database
  const companyId = await companyOf(person)
  if (does === 'release') {
    await db.deleteFrom('device').where('company_id', '=', companyId).execute()
    return 200
  }
  try {
    await makeDevice(db, { ...person, companyId }, agent, 'Rack')
    return 200
  } catch (error) {
    expect(['RT003', '23503']).toContain((error as { code: string }).code)
    return 409
  }
}

function checkOutcome(outcome: Outcome, all: readonly Outcome[], before: ReadonlyMap<number, boolean>): void {
  const { step, actor, link, status } = outcome
  expect(status, JSON.stringify(outcome)).toBeLessThan(500)
  if (!isDone(status)) return
  tally.set(step.does, (tally.get(step.does) ?? 0) + 1)
  if (step.does === 'accept' || step.does === 'accept-dead') {
    expect(link?.isDead, `a dead link worked: ${JSON.stringify(outcome)}`).toBe(false)
    const others = all.filter((other) => other !== outcome && other.link?.id === link?.id && isDone(other.status))
    const killers = others.filter(({ step: { does } }) => ['accept', 'resend', 'withdraw', 'decline'].includes(does))
    expect(killers, 'a link worked twice, or after it was taken back').toEqual([])
  }
  // Devices change in the database directly, which needs nobody who is signed in.
  if (step.does === 'claim' || step.does === 'release') return
  const isRevived = all.some((other) => other.step.does === 'reactivate' && isDone(other.status))
  if (!isRevived) expect(before.get(actor), 'somebody inactive did something').toBe(true)
}

/** Which links there are, and which are dead, from the answers, and besides from what the database says is over. */
async function learn(world: World, outcomes: readonly Outcome[]): Promise<void> {
  const { db } = harness.database
  const done = outcomes.filter(({ status }) => isDone(status))
  for (const { step, link } of done) {
    if (!link || !['accept', 'resend', 'withdraw', 'decline'].includes(step.does)) continue
    for (const one of world.links) if (one.id === link.id) one.isDead = true
  }
  // After all of them: of two that were sent again at once, the newest mail holds the code that counts.
  for (const { step, actor, link, id = '' } of done) {
    if (step.does !== 'invite' && step.does !== 'resend') continue
    const code = await newestCode(id)
    const to = step.does === 'invite' ? step.whom : (link?.to ?? 0)
    if (!world.links.some((one) => one.code === code)) world.links.push({ id, code, by: actor, to, isDead: false })
  }
  const over = await db
    .selectFrom('invitation')
    .select('id')
    .where('state', '!=', 'pending')
    .where('id', 'in', ['00000000-0000-0000-0000-000000000000', ...world.links.map((link) => link.id)])
    .execute()
  for (const { id } of over) for (const link of world.links) if (link.id === id) link.isDead = true
}

async function checkCompanies(world: World): Promise<void> {
  const ids = world.people.map((person) => person.accountId)
  const { rows } = await sql<{ id: string }>`
    select c.id from company c
    where (exists (select from account a where a.company_id = c.id and a.id = any(${ids}::uuid[]) and a.deleted_at is null)
        or exists (select from device d where d.company_id = c.id and d.claimed_by = any(${ids}::uuid[])))
      and not exists (select from account a where a.company_id = c.id and a.role = 'owner' and a.active and a.deleted_at is null)`.execute(
    harness.database.db,
  )
  expect(rows, 'a company without an active owner').toEqual([])
  // The column holds one company for each; what is asked here is that nobody was lost or doubled on the way.
  const places = await harness.database.db
    .selectFrom('account')
    .select(['id', 'company_id'])
    .where('id', 'in', ids)
    .execute()
  expect(places).toHaveLength(PEOPLE)
  expect(places.every((place) => place.company_id !== null)).toBe(true)
}

async function tryDeadLinks(world: World): Promise<void> {
  for (const link of world.links.filter((one) => one.isDead)) {
    const token = await signInAgain(harness.database.db, at(world.people, link.to).accountId)
    const from = `10.${byte()}.${byte()}.${byte()}`
    const before = await companyOf(at(world.people, link.to))
    const path = `/invitations/${link.id}/accept`
    const { status } = await clientOf(harness.api, token)(
      'POST',
      path,
      { code: link.code },
      { 'x-forwarded-for': from },
    )
    expect(isDone(status), `a dead link worked: ${JSON.stringify(link)}`).toBe(false)
    expect(await companyOf(at(world.people, link.to))).toBe(before)
  }
}

async function newestCode(id: string): Promise<string> {
  const { rows } = await sql<{ text: string }>`
    select text from mail where text like ${`%/invitations/${id}#code=%`} order by id desc limit 1`.execute(
    harness.database.db,
  )
  const code = /#code=([0-9A-Z-]+)/.exec(rows[0]?.text ?? '')?.[1]
  if (code === undefined) throw new Error(`no mail holds the code of ${id}`)
  return code
}

async function activeOf(world: World): Promise<ReadonlyMap<number, boolean>> {
  const ids = world.people.map((person) => person.accountId)
  const rows = await harness.database.db
    .selectFrom('account')
    .select(['id', 'active', 'deleted_at'])
    .where('id', 'in', ids)
    .execute()
  const states = new Map(rows.map((row) => [row.id, row.active && row.deleted_at === null]))
  return new Map(world.people.map((person, index) => [index, states.get(person.accountId) ?? false]))
}

async function companyOf(person: Person): Promise<string> {
  const { company_id } = await harness.database.db
    .selectFrom('account')
    .select('company_id')
    .where('id', '=', person.accountId)
    .executeTakeFirstOrThrow()
  return company_id
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('there is nothing to choose from')
  return item
}

function byte(): number {
  return Math.floor(Math.random() * 256)
}
