// The same requests against two installations at once, one with few shares and one with a million: turn by turn, so that
// both see the same machine. The asker is the same in both: an owner of 10 devices with 50 shares, a viewer of 10.
import { randomUUID } from 'node:crypto'
import type { Db } from '@ridethrough/db/schema.ts'
import { sql } from 'kysely'
import { type BenchCloud, type BenchDatabase, startBenchCloud, startBenchDatabase } from './cloud.ts'
import { printTable, spreadOf } from './figures.ts'
import type { Figures, Numbers } from './main.ts'
import { type Person, type SeededShare, seedDevices, seedPersons, seedShares, unguarded } from './seed.ts'
import { openWire } from './wire.ts'

const DEVICES_EACH = 10
const SHARES_PER_DEVICE = 4
const OWNERS_AT_ONCE = 250
const PASSWORD = 'correct horse battery staple 9'

type Installation = {
  readonly cloud: BenchCloud
  readonly owner: Person
  readonly viewer: Person
  readonly deviceIds: readonly string[]
  readonly shares: SeededShare[]
}

type Step = { readonly name: string; readonly run: (where: Installation) => Promise<void> }

export async function benchScale(numbers: Numbers): Promise<Figures> {
  const { small = 1000, large = 1_000_000, rounds = 60 } = numbers
  const stops: (() => Promise<void>)[] = []
  try {
    const installations: Installation[] = []
    for (const count of [small, large]) {
      const began = performance.now()
      const database = await startBenchDatabase()
      stops.push(database.stop)
      const world = await seed(database, count)
      const cloud = await startBenchCloud(database)
      stops.push(cloud.stop)
      installations.push({ cloud, ...world })
      console.log(
        `${count.toLocaleString('en')} shares are there after ${Math.round((performance.now() - began) / 1000)} s`,
      )
    }
    return await compare(installations, rounds)
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

async function compare(installations: readonly Installation[], rounds: number): Promise<Figures> {
  const names: string[] = []
  const times = new Map<string, number[][]>()
  for (let round = -5; round < rounds; round += 1) {
    for (const step of steps(round)) {
      if (!names.includes(step.name)) names.push(step.name)
      // The one that goes first changes each time: it warms what both share.
      const order = round % 2 === 0 ? [0, 1] : [1, 0]
      for (const index of order) {
        const where = installations[index]
        if (!where) continue
        const began = performance.now()
        await step.run(where)
        const took = performance.now() - began
        if (round < 0) continue
        const both = times.get(step.name) ?? [[], []]
        times.set(step.name, both)
        both[index]?.push(took)
      }
    }
  }
  const rows = names.map((name) => {
    const [few, many] = (times.get(name) ?? []).map(spreadOf)
    return { name, few, many, ratio: (many?.p50 ?? Number.NaN) / (few?.p50 ?? Number.NaN) }
  })
  console.log()
  printTable([
    ['request', 'few: p50 ms', 'many: p50 ms', 'ratio', 'few: p99 ms', 'many: p99 ms'],
    ...rows.map(({ name, few, many, ratio }) => [
      name,
      few?.p50 ?? 0,
      many?.p50 ?? 0,
      `${ratio.toFixed(2)}x`,
      few?.p99 ?? 0,
      many?.p99 ?? 0,
    ]),
  ])
  return { rows }
}

function steps(round: number): Step[] {
  return [
    {
      name: 'sign in',
      run: async (where) => {
        await call(where, undefined, 'POST', '/sessions', { email: where.owner.email, password: PASSWORD })
      },
    },
    { name: 'list devices (owner)', run: (where) => call(where, where.owner, 'GET', '/devices') },
    { name: 'list devices (viewer)', run: (where) => call(where, where.viewer, 'GET', '/devices') },
    { name: 'list shares granted', run: (where) => call(where, where.owner, 'GET', '/shares?direction=granted') },
    { name: 'list shares received', run: (where) => call(where, where.viewer, 'GET', '/shares?direction=received') },
    {
      name: 'share',
      run: async (where) => {
        const email = `new.${round}.${randomUUID().slice(0, 8)}@example.org`
        const answer = (await call(where, where.owner, 'POST', '/shares', {
          email,
          deviceIds: [where.deviceIds[(round + 5) % DEVICES_EACH]],
        })) as unknown as { share: { id: string } }
        where.shares.push({ id: answer.share.id, deviceId: '', from: where.owner, to: where.viewer })
      },
    },
    {
      name: 'revoke',
      run: async (where) => {
        const share = where.shares.pop()
        await call(where, where.owner, 'DELETE', `/shares/${share?.id}`)
      },
    },
    {
      name: 'CONNECT',
      run: async (where) => {
        const wire = await openWire(Number(new URL(where.cloud.mqtt).port), {
          clientId: `c-${round}`,
          username: 'viewer',
          password: where.viewer.token,
        })
        wire.end()
      },
    },
  ]
}

async function call(
  where: Installation,
  as: Person | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<void> {
  const response = await fetch(`${where.cloud.http}/api/v1${path}`, {
    method,
    headers: {
      ...(as ? { authorization: `Bearer ${as.token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as never
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}

async function seed({ db }: BenchDatabase, count: number): Promise<Omit<Installation, 'cloud'>> {
  const owners = Math.max(2, Math.ceil(count / (DEVICES_EACH * SHARES_PER_DEVICE)))
  let made: Omit<Installation, 'cloud'> | undefined
  await unguarded(db, async (tx) => {
    const persons = await seedPersons(tx, 'owner', owners)
    const viewers = await seedPersons(tx, 'viewer', owners)
    for (let from = 0; from < persons.length; from += OWNERS_AT_ONCE) {
      const agents = await seedDevices(tx, persons.slice(from, from + OWNERS_AT_ONCE), 'Rack', {
        devices: DEVICES_EACH,
        perAgent: DEVICES_EACH,
      })
      const shares = agents.flatMap(({ owner, deviceIds }, nth) =>
        deviceIds.flatMap((deviceId, device) =>
          Array.from({ length: SHARES_PER_DEVICE }, (_, share) => ({
            id: randomUUID(),
            deviceId,
            from: owner,
            // Everybody has received as many as they have granted, from different people.
            to: viewers[(from + nth + share * 7 + device * 31) % viewers.length] as Person,
          })),
        ),
      )
      await seedShares(tx, shares)
      const [first] = agents
      if (from === 0 && first)
        made = { owner: first.owner, viewer: shares[0]?.to as Person, deviceIds: first.deviceIds, shares: [] }
    }
  })
  if (!made) throw new Error('nothing was made')
  await givePassword(db, made.owner)
  await sql`vacuum analyze`.execute(db)
  return made
}

async function givePassword(db: Db, person: Person): Promise<void> {
  const { hashPassword } = await import('@ridethrough/api/password.ts')
  await db
    .updateTable('account')
    .set({ password_hash: await hashPassword(PASSWORD) })
    .where('id', '=', person.accountId)
    .execute()
}
