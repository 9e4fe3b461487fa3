// Guessing passwords: what it costs the guesser, and that nobody else pays for it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { join, newAddress, PASSWORD, signIn } from '../support/person.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness({ trustProxy: ['127.0.0.1'] })
})
afterAll(() => harness.stop())

const WRONG = 'not this one, surely'
const HOME = '192.0.2.10'
const from = (address: string) => ({ 'x-forwarded-for': address })
/** Another address of another network each time. */
const elsewhere = (n: number) => from(`10.${(n >> 8) & 255}.${n & 255}.7`)

async function inBatches<T>(count: number, size: number, run: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let n = 0; n < count; n += size) {
    all.push(...(await Promise.all(Array.from({ length: Math.min(size, count - n) }, (_, more) => run(n + more)))))
  }
  return all
}

const count = (answers: readonly Answer[], status: number) => answers.filter((one) => one.status === status).length

describe('a thousand wrong passwords from everywhere', () => {
  test('neither keep the true owner out, nor slow others, nor get more than a few answers [ASVS 6.3.1]', async () => {
    const [ann, bob] = [await join(harness), await join(harness, 'Bob')]
    for (const { email } of [ann, bob]) expect((await signIn(harness, email, PASSWORD, from(HOME))).status).toBe(201)
    const alone = await timed(() => signIn(harness, bob.email, PASSWORD, from(HOME)))

    const during: { status: number; ms: number }[] = []
    const attack = inBatches(1000, 25, (n) => signIn(harness, ann.email, WRONG, elsewhere(n)))
    let isOver = false
    void attack.then(() => {
      isOver = true
    })
    while (!isOver) {
      for (const { email } of [ann, bob]) during.push(await timed(() => signIn(harness, email, PASSWORD, from(HOME))))
    }
    const answers = await attack

    // What was tried: the free ones of all, and those that the waits let through while this test ran.
    expect(count(answers, 401) + count(answers, 429)).toBe(1000)
    expect(count(answers, 401)).toBeLessThanOrEqual(60)
    // The true owner, and everybody else, all along: never refused, and served within a few hashes of being alone.
    expect(during.length).toBeGreaterThan(1)
    expect(during.map(({ status }) => status)).toEqual(during.map(() => 201))
    expect(Math.max(...during.map(({ ms }) => ms))).toBeLessThan(20 * alone.ms + 2000)
    expect((await signIn(harness, ann.email, PASSWORD, from(HOME))).status).toBe(201)
  }, 120_000)

  test('from somewhere new its owner waits a minute at most, and then gets in [ASVS 6.3.1]', async () => {
    const { email } = await join(harness)
    await inBatches(80, 20, (n) => signIn(harness, email, WRONG, elsewhere(2000 + n)))
    const refused = await signIn(harness, email, PASSWORD, from('198.51.100.7'))
    expect(refused.status).toBe(429)
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThanOrEqual(1)
    expect(wait).toBeLessThanOrEqual(60)
    await pass(wait)
    expect((await signIn(harness, email, PASSWORD, from('198.51.100.7'))).status).toBe(201)
  })
})

test('one address that tries one password on many accounts is slowed down as well [ASVS 6.3.1]', async () => {
  const answers = await inBatches(100, 20, () => signIn(harness, newAddress('nobody'), WRONG, from('203.0.113.7')))
  expect(count(answers, 401)).toBeLessThanOrEqual(52)
  expect(count(answers, 429)).toBeGreaterThanOrEqual(48)
  const { email } = await join(harness)
  expect((await signIn(harness, email, PASSWORD, from('203.0.114.7'))).status).toBe(201)
})

test('being right costs nothing, however often', async () => {
  const { email } = await join(harness)
  for (let n = 0; n < 12; n++) expect((await signIn(harness, email, PASSWORD, from('203.0.115.7'))).status).toBe(201)
})

/**
 * How measured: asked in turn, known and unknown, so that whatever else the machine does falls on both alike. The
 * difference of the medians is held against what chance makes of it: the same measurements are dealt into two halves at
 * random 2,000 times, and the true difference must not be beyond the largest of those (a permutation test at 1 in 2,000),
 * or else be smaller than one twentieth of a hash, which nobody sees over a network. Once in 2,000 runs chance fails it: then
 * all is measured once more, and only a true difference fails both times.
 */
describe('nobody can tell by the time whether an address has an account', () => {
  const ROUNDS = 40

  test.each<[what: string, ask: (email: string, n: number) => Promise<Answer>, status: number]>([
    ['signing in', (email, n) => signIn(harness, email, WRONG, elsewhere(n)), 401],
    [
      'asking for a reset',
      (email, n) => clientOf(harness.api)('POST', '/password-resets', { email }, elsewhere(n)),
      202,
    ],
    [
      'asking for another code',
      (email, n) => clientOf(harness.api)('POST', '/accounts/verify/resend', { email }, elsewhere(n)),
      202,
    ],
    [
      'signing up',
      (email, n) => clientOf(harness.api)('POST', '/accounts', { email, password: PASSWORD, name: 'X' }, elsewhere(n)),
      202,
    ],
  ])('%s [ASVS 6.3.8]', { retry: 1 }, async (_what, ask, status) => {
    const known: number[] = []
    const unknown: number[] = []
    const people = []
    for (let n = 0; n < ROUNDS / 4; n++) people.push((await join(harness)).email)
    for (let n = 0; n < ROUNDS; n++) {
      // Four of each person, so that no budget of one address runs out; strangers there are enough.
      const [person = '', nobody] = [people[n % people.length], newAddress('nobody')]
      const inTurn: [string, number[]][] = [
        [person, known],
        [nobody, unknown],
      ]
      for (const [email, times] of n % 2 === 0 ? inTurn : inTurn.toReversed()) {
        const answer = await timed(() => ask(email, 10_000 + n * 2 + times.length))
        expect(answer.status).toBe(status)
        times.push(answer.ms)
      }
    }
    const difference = Math.abs(median(known) - median(unknown))
    const byChance = largestByChance([...known, ...unknown], 2000)
    const hash = median(
      (await inBatches(9, 1, () => timed(() => signIn(harness, 'a@b.example', WRONG, elsewhere(60_000))))).map(
        ({ ms }) => ms,
      ),
    )
    expect(difference, `${difference} ms; by chance up to ${byChance} ms`).toBeLessThan(Math.max(byChance, hash / 20))
  })
})

async function timed(ask: () => Promise<Answer>): Promise<{ status: number; ms: number }> {
  const started = performance.now()
  const { status } = await ask()
  return { status, ms: performance.now() - started }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

/** The largest difference of medians when the same values are dealt into two halves at random. */
function largestByChance(values: readonly number[], deals: number): number {
  let largest = 0
  let seed = 1
  const random = () => {
    // Park and Miller's generator: the deals are the same in each run.
    seed = (seed * 48_271) % 2_147_483_647
    return seed
  }
  for (let deal = 0; deal < deals; deal++) {
    const shuffled = values.map((value) => [random(), value] as const).sort((a, b) => a[0] - b[0])
    const half = shuffled.length / 2
    const [one, other] = [shuffled.slice(0, half), shuffled.slice(half)]
    largest = Math.max(largest, Math.abs(median(one.map(([, ms]) => ms)) - median(other.map(([, ms]) => ms))))
  }
  return largest
}

/** As if so many seconds had passed: all that is blocked is so no longer. */
async function pass(seconds: number): Promise<void> {
  const rows = await harness.database.db.selectFrom('throttle').selectAll().execute()
  for (const { key, blocked_until, last_at } of rows) {
    await harness.database.db
      .updateTable('throttle')
      .set({
        blocked_until: blocked_until && new Date(blocked_until.getTime() - seconds * 1000),
        last_at: new Date(last_at.getTime() - seconds * 1000),
      })
      .where('key', '=', key)
      .execute()
  }
}
