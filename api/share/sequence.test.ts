// Random sequences of what people do to shares, two of them always at the same moment, over HTTP on a real database. A small
// model says what each of them may do and see: the answers and the devices that everybody sees must be those of one order
// of the two, and no device ever has more than five shares. SHARE_SEQUENCES_S=600 runs it for longer.
import { makeAgent, makeDevice, makePerson, makeShare, type TestAgent } from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashCode } from '../code.ts'
import { type Answer, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { asSide, type Side } from '../support/share.ts'
import { makeColleague } from '../support/team.ts'

const SECONDS = Number(process.env.SHARE_SEQUENCES_S ?? 8)
const RECIPIENTS = 7
const DEVICES = 3
const CODE = 'AAAAA-AAAAA'

const OPERATIONS = [
  ...['offer', 'offer', 'offer', 'offer', 'accept', 'accept', 'accept', 'accept', 'decline', 'revoke', 'leave'],
  ...['untick', 'set', 'set', 'set', 'suspend', 'resume', 'resume', 'remove', 'remove', 'restore', 'restore'],
  ...['meddle', 'lapse', 'extend', 'extend'],
] as const
type Operation = (typeof OPERATIONS)[number]

type Step = {
  readonly does: Operation
  /** Which of the shares that there are, the newest first. */
  readonly share: number
  readonly to: number
  readonly set: readonly number[]
  readonly isColleague: boolean
}
const arbDevices = fc.uniqueArray(fc.nat(DEVICES - 1), { minLength: 1, maxLength: DEVICES })
const arbStep: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom(...OPERATIONS),
  share: fc.nat(9),
  to: fc.nat(RECIPIENTS - 1),
  set: arbDevices,
  isColleague: fc.boolean(),
})
const arbSequence = fc.array(fc.tuple(arbStep, arbStep), { minLength: 1, maxLength: 6 })

/** A share that is there when a sequence begins; the nth is the nth person's. */
const arbBegun = fc.record({
  state: fc.constantFrom('pending', 'accepted', 'accepted'),
  suspended: fc.nat(3).map((n) => n === 0),
  lapsed: fc.nat(3).map((n) => n === 0),
  given: arbDevices,
  out: fc.array(fc.nat(DEVICES - 1), { maxLength: 1 }),
})
type Begun = ReturnType<(typeof arbBegun)['generate']>['value']

/** A share as it should be. `out`: taken out by its recipient; `lapsed`: its end has passed. */
type Model = {
  readonly id: string
  readonly to: number
  readonly state: 'pending' | 'accepted' | 'over'
  readonly suspended: boolean
  readonly lapsed: boolean
  readonly given: ReadonlySet<number>
  readonly out: ReadonlySet<number>
}
type Models = ReadonlyMap<string, Model>

type World = {
  readonly owners: readonly [Side, Side]
  readonly people: readonly Side[]
  readonly devices: readonly string[]
  readonly codes: Map<string, string>
}
type Act = Step & { readonly on: Model | undefined }
type Outcome = { readonly act: Act; readonly status: number; readonly id: string | undefined; readonly code: string }

let harness: Harness
let agent: TestAgent
const tally = new Map<string, number>()

beforeAll(async () => {
  // Each request says that it comes from elsewhere: the limit of requests per address is not what is tried here.
  harness = await startHarness({ trustProxy: ['127.0.0.1'], jobs: 'off' })
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

test('any sequence, two at a time, is what one order of the two makes of it, and five is the limit [R16 R17 R18 R25]', {
  timeout: (SECONDS + 60) * 1000,
}, async () => {
  const end = Date.now() + SECONDS * 1000
  await fc.assert(
    fc.asyncProperty(fc.array(arbBegun, { minLength: 4, maxLength: 5 }), arbSequence, async (shares, sequence) => {
      // However slow the machine is, what was begun is brought to its end.
      if (Date.now() > end) return
      const { world, begun } = await makeWorld(shares)
      let models = begun
      for (const pair of sequence) {
        // An end that comes takes its time, so nothing else happens beside it.
        const [first] = pair
        const steps = first.does === 'lapse' ? [first] : pair.filter(({ does }) => does !== 'lapse')
        models = await play(world, models, steps)
      }
      await checkAll(world, models)
    }),
    { numRuns: SECONDS * 50 },
  )
  // A run that is refused everything would prove nothing; a long one gets everywhere.
  expect(tally.size).toBeGreaterThan(0)
  if (!process.env.SHARE_SEQUENCES_S) return
  console.log(tally)
  expect(OPERATIONS.filter((does) => does !== 'meddle' && !tally.has(does))).toEqual([])
})

async function play(world: World, models: Models, steps: readonly Step[]): Promise<Models> {
  const acts = steps.map((step) => ({ ...step, on: chosen(models, step) }))
  const outcomes = await Promise.all(acts.map((act) => run(world, act)))
  for (const { act, status, code } of outcomes) {
    expect(status, `${act.does}: ${code}`).toBeLessThan(500)
    if (status < 300) tally.set(act.does, (tally.get(act.does) ?? 0) + 1)
  }
  const orders = outcomes.length === 2 ? [outcomes, outcomes.toReversed()] : [outcomes]
  const possible = orders.flatMap((order) => replay(models, order) ?? [])
  const told = JSON.stringify(
    outcomes.map(({ act, status, code }) => ({ ...act, on: act.on && plain(act.on), status, code })),
  )
  expect(possible.length, `no order of the two explains the answers: ${told}`).toBeGreaterThan(0)
  const touched = new Set(outcomes.flatMap(({ act, id }) => [act.on?.id, id].filter((one) => one !== undefined)))
  const seen = await observe(world, possible[0] ?? models, touched)
  const fitting = possible.find((after) => isSame(expected(world, after, touched), seen))
  expect(fitting, `seen: ${JSON.stringify(seen)} after ${told}`).toBeDefined()
  await checkLimit(world)
  return fitting ?? models
}

/** What the models are after these, one after the other; `undefined` when one of them should have been answered otherwise. */
function replay(models: Models, outcomes: readonly Outcome[]): Models | undefined {
  let now = models
  for (const { act, status, id } of outcomes) {
    const next = apply(now, { ...act, on: act.on && now.get(act.on.id) }, id)
    if ((next !== undefined) !== status < 300) return undefined
    now = next ?? now
  }
  return now
}

/** The rules, as short as they can be said; `undefined`: refused. */
function apply(models: Models, { does, on, to, set }: Act, id = 'refused'): Models | undefined {
  const wanted = new Set(set)
  const device = set[0] ?? 0
  const write = (share: Model) => new Map(models).set(share.id, share)
  if (does === 'offer') {
    const share: Model = { id, to, state: 'pending', suspended: false, lapsed: false, given: wanted, out: new Set() }
    return hasPlaces(models, share, wanted) ? write(share) : undefined
  }
  if (!on || does === 'meddle' || on.state === 'over') return undefined
  // Also what has run out is given another end, near or far, where its places are still free.
  if (does === 'extend' || does === 'lapse') {
    const share = { ...on, lapsed: does === 'lapse' }
    return !on.lapsed || hasPlaces(models, share, activeOf(on)) ? write(share) : undefined
  }
  if (on.lapsed) return undefined
  const active = activeOf(on)
  const over = { ...on, state: 'over' } as const
  switch (does) {
    case 'accept':
      return on.state === 'pending' ? write({ ...on, state: 'accepted' }) : undefined
    case 'decline':
      return on.state === 'pending' ? write(over) : undefined
    case 'revoke':
    case 'leave':
      return write(over)
    case 'suspend':
    case 'resume':
      return write({ ...on, suspended: does === 'suspend' })
    case 'set': {
      const left = wanted.difference(on.out)
      if (left.size === 0 || !hasPlaces(models, on, left.difference(active))) return undefined
      return write({ ...on, given: left.union(on.out) })
    }
    case 'untick':
      if (!on.given.has(device)) return undefined
      if (active.size === 1 && active.has(device)) return write({ ...over, given: without(on.given, device) })
      return write({ ...on, given: without(on.given, device), out: without(on.out, device) })
    case 'remove': {
      if (!active.has(device)) return undefined
      const out = new Set([...on.out, device])
      return write(active.size === 1 ? { ...over, out } : { ...on, out })
    }
    case 'restore': {
      if (!on.out.has(device) || !hasPlaces(models, on, new Set([device]))) return undefined
      return write({ ...on, out: without(on.out, device) })
    }
  }
}

/** R18, and no device twice with the same person. */
function hasPlaces(models: Models, share: Model, devices: ReadonlySet<number>): boolean {
  return [...devices].every((device) => {
    const others = [...models.values()].filter(
      (one) => one.id !== share.id && one.state !== 'over' && !one.lapsed && activeOf(one).has(device),
    )
    return others.length < 5 && !others.some((one) => one.to === share.to)
  })
}

function activeOf({ given, out }: Model): ReadonlySet<number> {
  return given.difference(out)
}

function without(set: ReadonlySet<number>, one: number): ReadonlySet<number> {
  return new Set([...set].filter((each) => each !== one))
}

function chosen(models: Models, { does, share }: Step): Model | undefined {
  if (does === 'offer') return undefined
  const all = [...models.values()].toReversed()
  const inState = all.filter((one) => wants(does, one))
  // Most of the time one that it makes sense for, now and then any.
  const from = share % 4 === 0 || inState.length === 0 ? all : inState
  return from[share % Math.max(from.length, 1)]
}

function wants(does: Operation, { state, lapsed, suspended, out }: Model): boolean {
  if (state === 'over') return false
  if (does === 'extend') return lapsed
  if (lapsed) return false
  if (does === 'accept' || does === 'decline') return state === 'pending'
  if (does === 'resume') return suspended
  return does === 'restore' ? out.size > 0 : true
}

async function makeWorld(shares: readonly Begun[]): Promise<{ readonly world: World; readonly begun: Models }> {
  const { db } = harness.database
  const owner = await makePerson(db, 'Ann')
  const colleague = await makeColleague(db, owner, 'Olga', 'owner')
  const people: Side[] = []
  for (let n = 0; n < RECIPIENTS; n++) people.push(asSide(harness, await makePerson(db, `P${n}`)))
  const devices: string[] = []
  for (let n = 0; n < DEVICES; n++) devices.push(await makeDevice(db, owner, agent, `d${n}`))
  const codes = new Map<string, string>()
  const begun = new Map<string, Model>()
  for (const [to, { state, suspended, lapsed, ...share }] of shares.entries()) {
    const given = new Set(share.given)
    const out = new Set(share.out.filter((n) => given.has(n) && given.size > 1))
    const model: Model = { id: '', to, state, suspended, lapsed, given, out }
    if (!lapsed && !hasPlaces(begun, model, activeOf(model))) continue
    const ids = [...given].map((n) => at(devices, n))
    const { shareId: id } = await makeShare(db, owner, at(people, to), [], { state })
    for (const [n, device_id] of ids.entries()) {
      const removed_by = out.has(at(share.given, n)) ? ('recipient' as const) : null
      await db.insertInto('share_device').values({ share_id: id, device_id, removed_by }).execute()
    }
    const terms = {
      ...{ suspended_at: suspended ? new Date() : null, starts_at: new Date(Date.now() - 60_000) },
      ...{
        ends_at: lapsed ? new Date(Date.now() - 1000) : null,
        accepted_at: state === 'accepted' ? new Date() : null,
      },
      ...(state === 'pending' ? { code_hash: hashCode(CODE), code_expires_at: new Date(Date.now() + 3_600_000) } : {}),
    }
    await db.updateTable('share').set(terms).where('id', '=', id).execute()
    codes.set(id, CODE)
    begun.set(id, { ...model, id })
  }
  const owners = [asSide(harness, owner), asSide(harness, colleague)] as const
  return { world: { owners, people, devices, codes }, begun }
}

async function run(world: World, act: Act): Promise<Outcome> {
  const { does, on, set, to, isColleague } = act
  const owner = at(world.owners, isColleague ? 1 : 0)
  const recipient = at(world.people, does === 'meddle' ? (on?.to ?? 0) + 1 : (on?.to ?? 0))
  const ids = set.map((n) => at(world.devices, n))
  const path = `/shares/${on?.id ?? '00000000-0000-4000-8000-000000000000'}`
  const take = async (who: Side, method: string, where: string, body?: unknown): Promise<Outcome> => {
    const answer = await ask(who, method, where, body)
    return { act, status: answer.status, id: answer.body?.share?.id, code: answer.body?.code ?? '' }
  }
  switch (does) {
    case 'offer':
      return take(owner, 'POST', '/shares', { email: at(world.people, to).email, deviceIds: ids })
    case 'accept':
      return take(recipient, 'POST', `${path}/accept`, { code: on ? await codeOf(world, on.id) : 'none' })
    case 'decline':
      return take(recipient, 'POST', `${path}/decline`)
    case 'revoke':
      return take(owner, 'DELETE', path)
    case 'leave':
    case 'meddle':
      return take(recipient, 'DELETE', path)
    case 'untick':
      return take(owner, 'DELETE', `${path}/devices/${ids[0]}`)
    case 'remove':
      return take(recipient, 'DELETE', `${path}/devices/${ids[0]}`)
    case 'restore':
      return take(recipient, 'POST', `${path}/devices/${ids[0]}`)
    case 'set':
      return take(owner, 'PATCH', path, { deviceIds: ids })
    case 'suspend':
    case 'resume':
      return take(owner, 'POST', `${path}/${does}`)
    case 'extend':
      return take(owner, 'PATCH', path, { until: null })
    case 'lapse': {
      // A busy machine may take longer than that to get there: then a later end is asked for.
      for (let ms = 100; ; ms *= 2) {
        const end = Date.now() + ms
        const outcome = await take(owner, 'PATCH', path, { until: new Date(end).toISOString() })
        if (outcome.code === 'input-invalid') continue
        await new Promise((resolve) => setTimeout(resolve, Math.max(end - Date.now(), 0) + 2))
        return outcome
      }
    }
  }
}

async function codeOf(world: World, id: string): Promise<string> {
  const known = world.codes.get(id)
  if (known !== undefined) return known
  const { rows } = await sql<{ text: string }>`
    select text from mail where text like ${`%/invitations/${id}#code=%`} order by id desc limit 1`.execute(
    harness.database.db,
  )
  const code = /#code=([0-9A-Z-]+)/.exec(rows[0]?.text ?? '')?.[1] ?? 'none'
  world.codes.set(id, code)
  return code
}

type Seen = {
  readonly shares: Readonly<Record<string, unknown>>
  /** What the people concerned see under `/devices`, by their number. */
  readonly devices: Readonly<Record<number, readonly string[]>>
}

async function observe(world: World, models: Models, touched: ReadonlySet<string>): Promise<Seen> {
  const shares: Record<string, unknown> = {}
  const devices: Record<number, readonly string[]> = {}
  for (const id of touched) {
    const to = models.get(id)?.to ?? 0
    const { body: view } = await ask(at(world.people, to), 'GET', `/shares/${id}`)
    const state = ['pending', 'accepted', 'expired'].includes(view.state) ? view.state : 'over'
    const idsOf = (items: { id: string }[]) => items.map((one) => one.id).sort()
    shares[id] = { state, suspended: view.suspended, given: idsOf(view.devices), out: idsOf(view.removedDevices) }
    devices[to] = await seenBy(at(world.people, to))
  }
  return { shares, devices }
}

function expected(world: World, models: Models, touched: ReadonlySet<string>): Seen {
  const shares: Record<string, unknown> = {}
  const devices: Record<number, readonly string[]> = {}
  for (const id of touched) {
    const model = models.get(id)
    if (!model) continue
    const idsOf = (set: ReadonlySet<number>) => [...set].map((n) => at(world.devices, n)).sort()
    const state = model.lapsed && model.state !== 'over' ? 'expired' : model.state
    shares[id] = { state, suspended: model.suspended, given: idsOf(activeOf(model)), out: idsOf(model.out) }
    devices[model.to] = visibleTo(world, models, model.to)
  }
  return { shares, devices }
}

function visibleTo(world: World, models: Models, to: number): string[] {
  const shares = [...models.values()].filter(
    (one) => one.to === to && one.state === 'accepted' && !one.suspended && !one.lapsed,
  )
  return [...new Set(shares.flatMap((one) => [...activeOf(one)]))].map((n) => at(world.devices, n)).sort()
}

async function checkAll(world: World, models: Models): Promise<void> {
  for (const [to, person] of world.people.entries()) {
    expect(await seenBy(person), `person ${to}`).toEqual(visibleTo(world, models, to))
  }
  for (const owner of world.owners) expect(await seenBy(owner)).toEqual(world.devices.toSorted())
}

async function checkLimit({ devices }: World): Promise<void> {
  const { rows } = await sql<{ open: number }>`
    select count(*)::int as open from share_device d join share s on s.id = d.share_id
    where d.device_id = any(${[...devices]}::uuid[]) and d.removed_by is null and (s.ends_at is null or s.ends_at > now())
      and (s.state = 'accepted' or (s.state = 'pending' and s.code_expires_at > now()))
    group by d.device_id having count(*) > 5`.execute(harness.database.db)
  expect(rows, 'a device is shared with more than five').toEqual([])
}

async function seenBy(person: Side): Promise<string[]> {
  const { body } = await ask(person, 'GET', '/devices')
  return body.items.map(({ id }: { id: string }) => id).sort()
}

function ask({ token }: Side, method: string, path: string, body?: unknown): Promise<Answer> {
  const from = `10.${byte()}.${byte()}.${byte()}`
  return clientOf(harness.api, token)(method, path, body, { 'x-forwarded-for': from })
}

function isSame(one: Seen, other: Seen): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function plain(model: Model) {
  return { ...model, given: [...model.given], out: [...model.out] }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('there is nothing to choose from')
  return item
}

function byte(): number {
  return Math.floor(Math.random() * 256)
}
