// docs/security.md says what the code does.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OWN_WORDS } from '@ridethrough/api/password-words.ts'
import { RECENT_MS } from '@ridethrough/api/plugin/auth.ts'
import { GUESSABLE } from '@ridethrough/api/route/limit.ts'
import { clientOf, type Harness, startHarness } from '@ridethrough/api/support/harness.ts'
import { createThrottles } from '@ridethrough/api/throttles.ts'
import { IDLE_MS } from '@ridethrough/db/query/credential.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { NewPassword } from '@ridethrough/protocol/http/account.ts'
import { PRIVILEGE_TEXT, PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../proof/tags.ts'

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  min: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  days: 86_400_000,
}

const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')

let harness: Harness

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

/** The cells of the table below a heading, without its head. */
function rowsBelow(heading: string, section = page): string[][] {
  const [, below = ''] = section.split(`${heading}\n`)
  const table = /(?:^\|.*\|\n?)+/m.exec(below)?.[0] ?? ''
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

function ms(text: string): number {
  const [, count, unit] = /^(\d+) (\w+)$/.exec(text) ?? []
  return Number(count) * (UNITS[unit ?? ''] ?? Number.NaN)
}

const unquoted = (cell: string) => cell.replaceAll('`', '')

test('the page names every counter of tries, and each waits as it says there [ASVS 6.1.1 6.3.1 6.6.3]', async () => {
  const throttles = createThrottles(harness.database.db)
  const rows = rowsBelow('## Guessing')
  expect(rows.map(([name = '']) => unquoted(name)).sort()).toEqual(Object.keys(throttles).sort())
  for (const [name = '', , free, firstWait = '', longestWait = '', forgotten = ''] of rows) {
    const throttle = Object.entries(throttles).find(([key]) => key === unquoted(name))?.[1]
    if (!throttle) throw new Error(`there is no counter ${name}`)
    const key = 'held against the page'
    let now = Date.UTC(2026, 0, 1)
    /** 0 when the try is taken, else the milliseconds to wait. */
    const take = () =>
      throttle.take(key, now).then(
        () => 0,
        (error: unknown) => (error instanceof Fault ? (error.retryAfter ?? 0) * 1000 : Number.NaN),
      )
    let taken = 0
    while ((await take()) === 0) taken += 1
    const waits: number[] = []
    // Until it grows no more, or has lasted so long that all is forgotten.
    for (let wait = await take(); wait > 0 && !waits.includes(wait); wait = await take()) {
      waits.push(wait)
      now += wait
      expect([name, await take()]).toEqual([name, 0])
    }
    const said = { name, free: Number(free), first: ms(firstWait), longest: ms(longestWait) }
    expect({ name, free: taken, first: waits[0], longest: waits.at(-1) }).toEqual(said)
    now += ms(forgotten)
    taken = 0
    while ((await take()) === 0) taken += 1
    expect([name, 'after', taken]).toEqual([name, 'after', Number(free)])
  }
  expect(page).toContain(`${GUESSABLE.max} requests a minute`)
})

test('the page names the words that a password may not be made of [ASVS 6.1.2 6.2.11]', () => {
  const words = /words of this place:\s([^.]+)\./.exec(page)?.[1]?.split(/,\s/) ?? []
  expect(words.toSorted()).toEqual(OWN_WORDS.toSorted())
  expect(page).toContain("the person's name, address or company")
  expect(page).toContain('At least 10 characters, at most 256')
  expect([9, 10, 256, 257].map((length) => NewPassword.safeParse('x'.repeat(length)).success)).toEqual([
    false,
    true,
    true,
    false,
  ])
})

test('the page names every way to a session, and there is no other [ASVS 6.1.3 6.3.4]', async () => {
  const { body } = await clientOf(harness.api)('GET', '//api/openapi.json')
  // Where somebody is signed in already, a session only goes on under a new token.
  const isWay = (operation: { security?: unknown[] }) =>
    operation.security?.length === 0 && JSON.stringify(operation).includes('/schemas/SessionAnswer"')
  const ways = Object.entries<Record<string, { security?: unknown[] }>>(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => isWay(operation))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  )
  const said = rowsBelow('## Ways in').map(([path = '']) => `POST ${unquoted(path)}`)
  expect(ways.sort()).toEqual(said.sort())
})

test('the page says when a session ends, and why [ASVS 7.1.1]', () => {
  const rows = rowsBelow('## Sessions')
  const said = Object.fromEntries(rows.map(([what, howLong = '']) => [what, ms(howLong)]))
  expect(said).toEqual({
    unused: IDLE_MS,
    'at the latest': 30 * 86_400_000,
    'a sign-in counts as recent': RECENT_MS,
  })
  for (const [, , why = ''] of rows) expect(why.length).toBeGreaterThan(10)
})

test('the page says how many sessions one may have [ASVS 7.1.2]', () => {
  expect(page).toMatch(/as many sessions at once as it likes/)
})

test('the page names every privilege with what it lets somebody do [ASVS 8.1.1]', () => {
  const said = Object.fromEntries(
    rowsBelow('**Data.**', page.replace('**Data.**', '**Data.**\n')).map(([name = '', words]) => [
      unquoted(name),
      words,
    ]),
  )
  expect(said).toEqual(Object.fromEntries(PRIVILEGES.map((privilege) => [privilege, PRIVILEGE_TEXT[privilege]])))
})

test.each([
  ['who may read and write which fields [ASVS 8.1.2]', '**Fields.**'],
  ['which circumstances count, and how [ASVS 8.1.3 8.1.4]', '**Circumstances.**'],
])('the page says %s', (_what, heading) => {
  const [, below = ''] = page.split(heading)
  expect((below.split('\n\n**')[0] ?? '').length).toBeGreaterThan(300)
})
