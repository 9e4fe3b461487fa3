// Random sequences of what two owners and their guests do with groups, roles and entries, two steps always at the same moment,
// over HTTP on a real database: what is there afterwards is what one after the other would have made, in either order, and each
// guest sees exactly what a naive model says. GUEST_SEQUENCES_S=600 runs it for longer.
import { randomUUID } from 'node:crypto'
import type { GroupView, GuestView, RoleView } from '@ridethrough/protocol/http/guest.ts'
import { GUEST_MODES } from '@ridethrough/protocol/policy.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { makeAgent, makeDevice, makePerson, type Person } from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeGuest } from '../support/guest.ts'
import { applyStep, type ModelState, privilegesOf, type Step, type Terms, visibleTo } from '../support/guest-model.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { makeColleague } from '../support/team.ts'

const SECONDS = Number(process.env.GUEST_SEQUENCES_S ?? 0)
/** A fixed number, however slow the machine is. */
const RUNS = 8
const NAMES = ['x', 'y', 'z']

type World = {
  readonly owners: readonly Client[]
  readonly guests: readonly (Person & { readonly call: Client })[]
  readonly devices: readonly string[]
}

let harness: Harness
let requests = 0
let sequences = 0
const tally = new Map<string, number>()

beforeAll(async () => {
  harness = await startHarness({ trustProxy: ['127.0.0.1'] })
})
afterAll(() => harness.stop())

/** Each request from elsewhere: the limit of requests per address is not what is tried here. */
const client = ({ token }: Pick<Person, 'token'>): Client => {
  const call = clientOf(harness.api, token)
  return (method, path, body) => {
    requests += 1
    return call(method, path, body, { 'x-forwarded-for': `10.${(requests >> 8) & 255}.${requests & 255}.1` })
  }
}

async function makeWorld(): Promise<World> {
  const { db } = harness.database
  const agent = await makeAgent(db)
  const ann = await makePerson(db, 'Ann')
  const abe = await makeColleague(db, ann, 'Abe', 'owner')
  const people = [await makePerson(db, 'Bob'), await makePerson(db, 'Cid')]
  const devices: string[] = []
  for (const name of NAMES) devices.push(await makeDevice(db, ann, agent, name))
  const asAnn = client(ann)
  // With one of each to begin with, so that short sequences get somewhere.
  const { body: group } = await asAnn('POST', '/company/groups', { name: 'x', deviceIds: devices.slice(1) })
  const { body: role } = await asAnn('POST', '/company/roles', { name: 'x', privileges: ['monitor', 'reboot'] })
  const terms = { mode: 'groups', roleId: role.id, groups: [{ groupId: group.id, roleId: role.id }] }
  if (people[0]) await makeGuest(harness, asAnn, people[0], terms)
  return { owners: [asAnn, client(abe)], guests: people.map((one) => ({ ...one, call: client(one) })), devices }
}

/** Numbers that choose among what there is by then. */
type Choice = { readonly does: Step['does']; readonly which: number; readonly other: number; readonly bits: number }

const STEPS = [
  ...['make-group', 'make-group', 'set-group', 'drop-group', 'make-role', 'set-role', 'drop-role', 'invite', 'invite'],
  ...['accept', 'accept', 'accept', 'accept', 'change', 'change', 'change', 'end', 'leave'],
] as const satisfies readonly Step['does'][]

const arbChoice: fc.Arbitrary<Choice> = fc.record({
  does: fc.constantFrom(...STEPS),
  which: fc.nat(50),
  other: fc.nat(50),
  bits: fc.nat(4095),
})

test('two steps at once are as one after the other, and guests see what the model says, after any sequence [R31 R32 R33 R35]', {
  timeout: (SECONDS + 120) * 1000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(arbChoice, arbChoice), { minLength: 4, maxLength: 8 }), async (pairs) => {
      const world = await makeWorld()
      sequences += 1
      let state = await read(world)
      for (const pair of pairs) {
        const steps = pair.map((choice) => stepOf(choice, state, world))
        const done = await Promise.all(steps.map((step, index) => take(world, index, step)))
        const before = state
        state = await read(world)
        checkSerial(before, steps, done, state)
        await checkSeen(world, state, steps)
      }
    }),
    SECONDS === 0
      ? { numRuns: RUNS }
      : { numRuns: 100_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false },
  )
  if (process.env.GUEST_SEQUENCES_S) console.log(sequences, tally)
  // A run that is refused everything would prove nothing.
  const kinds = new Set(tally.keys())
  expect([...kinds].some((does) => does.endsWith('group')) && kinds.has('change')).toBe(true)
})

function stepOf({ does, which, other, bits }: Choice, state: ModelState, { devices }: World): Step {
  const group = pick(state.groups, which)?.id ?? randomUUID()
  const role = pick(state.roles, which)?.id ?? randomUUID()
  const entry = pick(state.entries, which)?.id ?? randomUUID()
  const chosen = devices.filter((_id, index) => (bits >> index) & 1)
  const privileges = (['monitor', 'history', 'diagnose', 'reboot'] as const).filter(
    (_one, index) => index === 0 || (bits >> (index + 2)) & 1,
  )
  const terms = termsOf(state, { bits, other, chosen, privileges })
  const name = NAMES[which % NAMES.length] ?? ''
  switch (does) {
    case 'make-group':
      return { does, group: { id: `new ${name}`, name, devices: chosen } }
    case 'set-group':
      return { does, id: group, devices: chosen }
    case 'drop-group':
      return { does, id: group }
    case 'make-role':
      return { does, role: { id: `new ${name}`, name, privileges } }
    case 'set-role':
      return { does, id: role, privileges }
    case 'drop-role':
      return { does, id: role, replacement: other % 3 === 0 ? undefined : pick(state.roles, other)?.id }
    case 'invite':
      return { does, person: which % 2, terms }
    case 'accept':
    case 'end':
      return { does, id: entry }
    case 'change':
      return { does, id: entry, terms: bits % 5 === 0 ? { active: bits % 2 === 0 } : terms }
    case 'leave':
      return { does, person: which % 2 }
  }
}

type Picked = { bits: number; other: number; chosen: readonly string[]; privileges: readonly Privilege[] }

function termsOf({ groups, roles }: ModelState, { bits, other, chosen, privileges }: Picked): Terms {
  const given = (n: number) => {
    const role = n % 2 === 0 ? pick(roles, other) : undefined
    return role ? { roleId: role.id, privileges: role.privileges } : { roleId: null, privileges }
  }
  return {
    ...given(bits >> 6),
    active: bits % 7 !== 0,
    mode: GUEST_MODES[other % 3] ?? 'devices',
    groups: groups
      .filter((_group, index) => (bits >> (index + 7)) & 1)
      .map(({ id }, index) => ({ groupId: id, ...given(index + other) })),
    devices: chosen,
  }
}

/** Whether it was done. */
async function take(world: World, index: number, step: Step): Promise<boolean> {
  const owner = pick(world.owners, index) ?? fail()
  const { status, body } = await ask(world, owner, step)
  expect(status, `${JSON.stringify(step)}: ${JSON.stringify(body)}`).toBeLessThan(500)
  if (status < 300) tally.set(step.does, (tally.get(step.does) ?? 0) + 1)
  return status < 300
}

async function ask(world: World, owner: Client, step: Step) {
  switch (step.does) {
    case 'make-group':
      return owner('POST', '/company/groups', { name: step.group.name, deviceIds: step.group.devices })
    case 'set-group':
      return owner('PATCH', `/company/groups/${step.id}`, { deviceIds: step.devices })
    case 'drop-group':
      return owner('DELETE', `/company/groups/${step.id}`)
    case 'make-role':
      return owner('POST', '/company/roles', { name: step.role.name, privileges: step.role.privileges })
    case 'set-role':
      return owner('PATCH', `/company/roles/${step.id}`, { privileges: step.privileges })
    case 'drop-role':
      return owner('DELETE', `/company/roles/${step.id}${step.replacement ? `?replacement=${step.replacement}` : ''}`)
    case 'invite':
      return owner('POST', '/company/guests', { email: pick(world.guests, step.person)?.email, ...bodyOf(step.terms) })
    case 'change':
      return owner('PATCH', `/company/guests/${step.id}`, bodyOf(step.terms))
    case 'end':
      return owner('DELETE', `/company/guests/${step.id}`)
    case 'leave':
      return (pick(world.guests, step.person) ?? fail()).call(
        'DELETE',
        `/companies/${await hostOf(world, step.person)}`,
      )
    case 'accept': {
      const { person, code } = await invitation(world, step.id)
      return (pick(world.guests, person) ?? fail()).call('POST', `/invitations/${step.id}/accept`, { code })
    }
  }
}

function bodyOf({ roleId, privileges, groups, devices, ...rest }: Partial<Terms>) {
  const given = (one: { roleId?: string | null | undefined; privileges?: readonly Privilege[] | undefined }) =>
    typeof one.roleId === 'string' ? { roleId: one.roleId } : one.privileges ? { privileges: one.privileges } : {}
  return {
    ...rest,
    ...given({ roleId, privileges }),
    ...(groups && { groups: groups.map((group) => ({ groupId: group.groupId, ...given(group) })) }),
    ...(devices && { deviceIds: devices }),
  }
}

/** Whose an entry is, and the code in its mail; of none there is no code. */
async function invitation({ guests }: World, id: string): Promise<{ person: number; code: string }> {
  const { rows } = await sql<{ recipient: string; text: string }>`
    select recipient, text from mail where text like ${`%/invitations/${id}#code=%`} order by id desc limit 1`.execute(
    harness.database.db,
  )
  const person = guests.findIndex(({ email }) => email === rows[0]?.recipient)
  return { person: Math.max(person, 0), code: /#code=([0-9A-Z-]+)/.exec(rows[0]?.text ?? '')?.[1] ?? '00000-00000' }
}

async function hostOf({ guests }: World, person: number): Promise<string> {
  const { body } = await (pick(guests, person) ?? fail()).call('GET', '/companies')
  return body.items[0]?.id ?? randomUUID()
}

/** As an owner reads it. */
async function read({ owners, guests }: World): Promise<ModelState> {
  const list = async (path: string) => (await (owners[0] ?? fail())('GET', path)).body.items
  const [groups, roles, entries]: [GroupView[], RoleView[], GuestView[]] = await Promise.all([
    list('/company/groups'),
    list('/company/roles'),
    list('/company/guests'),
  ])
  return {
    groups: groups.map(({ id, name, devices }) => ({ id, name, devices: devices.map((one) => one.id) })),
    roles: roles.map(({ id, name, privileges }) => ({ id, name, privileges })),
    entries: entries.map((one) => ({
      ...{ id: one.id, active: one.active, mode: one.mode, isAccepted: one.validated, privileges: one.privileges },
      person: guests.findIndex(({ email }) => email === one.email),
      roleId: one.role?.id ?? null,
      groups: one.groups.map(({ groupId, role, privileges }) => ({ groupId, roleId: role?.id ?? null, privileges })),
      devices: one.devices.map((device) => device.id),
    })),
  }
}

function checkSerial(before: ModelState, steps: readonly Step[], done: readonly boolean[], after: ModelState): void {
  const orders = [
    [0, 1],
    [1, 0],
  ].map((order) => {
    let state = before
    const outcome: boolean[] = []
    for (const index of order) {
      const next = applyStep(state, steps[index] ?? fail())
      outcome[index] = next !== undefined
      state = next ?? state
    }
    return JSON.stringify({ done: outcome, state: canonical(state) })
  })
  const observed = JSON.stringify({ done, state: canonical(after) })
  expect(orders, JSON.stringify({ before, steps, observed })).toContain(observed)
}

/** By names instead of ids: what is made within a pair has none yet. */
function canonical(state: ModelState) {
  const roleName = (id: string | null) => state.roles.find((role) => role.id === id)?.name ?? null
  const groupName = (id: string) => state.groups.find((group) => group.id === id)?.name ?? ''
  const given = (one: Pick<Terms, 'roleId' | 'privileges'>) => [
    roleName(one.roleId),
    [...privilegesOf(state, one)].sort(),
  ]
  const sorted = <T>(items: readonly T[]) => items.map((item) => JSON.stringify(item)).sort()
  return {
    groups: sorted(state.groups.map(({ name, devices }) => [name, sorted(devices)])),
    roles: sorted(state.roles.map(({ name, privileges }) => [name, sorted(privileges)])),
    entries: sorted(
      state.entries.map((one) => [
        ...[one.person, one.isAccepted, one.active, one.mode, given(one), sorted(one.devices)],
        sorted(one.groups.map((group) => [groupName(group.groupId), given(group)])),
      ]),
    ),
  }
}

async function checkSeen({ guests, devices }: World, state: ModelState, steps: readonly Step[]): Promise<void> {
  const checkOne = async ({ call }: World['guests'][number], person: number) => {
    const [{ body }, hosts] = await Promise.all([call('GET', '/devices'), call('GET', '/companies')])
    const items: { id: string; privileges: string[] }[] = body.items
    const seen = Object.fromEntries(items.map(({ id, privileges }) => [id, privileges.toSorted()]))
    expect(seen, JSON.stringify({ steps, state })).toEqual(visibleTo(state, person, devices))
    const counts = hosts.body.items.map((host: { devices: number }) => host.devices)
    const isGuest = state.entries.some((one) => one.person === person && one.isAccepted)
    expect(counts).toEqual(isGuest ? [items.length] : [])
  }
  await Promise.all(guests.map(checkOne))
}

function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % items.length]
}

function fail(): never {
  throw new Error('there is nothing to choose from')
}
