// Every route of the API, as its own description lists them: whom it serves, and what it does not know.
import { clientOf, type Harness, startHarness } from '@ridethrough/api/support/harness.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'

type Operation = { readonly method: string; readonly path: string; readonly isOpen: boolean }

let harness: Harness
let operations: readonly Operation[]
/** Every name of a property or parameter, wherever it stands. */
let names: ReadonlySet<string>

beforeAll(async () => {
  harness = await startHarness()
  const { body } = await clientOf(harness.api)('GET', '//api/openapi.json')
  const paths = Object.entries<Record<string, { security?: unknown[] }>>(body.paths)
  operations = paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path,
      isOpen: security?.length === 0,
    })),
  )
  names = new Set(namesIn(body))
})
afterAll(() => harness.stop())

function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'properties') return Object.keys(inner)
    return key === 'name' && typeof inner === 'string' ? [inner] : []
  })
  return [...own, ...Object.values(value).flatMap(namesIn)]
}

const call = ({ method, path }: Operation, token?: string) => {
  const concrete = path.replace(/\{\w+\}/g, '00000000-0000-7000-8000-000000000000')
  const client = clientOf(harness.api, token)
  const body = method === 'GET' || method === 'DELETE' ? undefined : {}
  return client(method, concrete.startsWith('/api/v1') ? concrete.slice('/api/v1'.length) : `/${concrete}`, body)
}

test('whatever is not for everybody is refused without a session, before anything else is looked at [ASVS 8.2.1 8.3.1]', async () => {
  const closed = operations.filter(({ isOpen }) => !isOpen)
  expect(closed.length).toBeGreaterThan(15)
  for (const operation of closed) {
    const { status, body } = await call(operation)
    // The WebSocket is opened by an upgrade, which a plain request is not.
    const expected = operation.path.endsWith('/live') ? [401, 404, 426] : [401]
    expect(expected, `${operation.method} ${operation.path} answered ${status} ${body?.code}`).toContain(status)
  }
})

test('nothing is taken from another identity provider: no assertion, no redirect, no shared session [ASVS 6.8.1 6.8.2 6.8.3 6.8.4 7.1.3 7.6.1]', () => {
  const foreign = /saml|oidc|oauth|openid|idp|issuer|id_?token|assertion|redirect_?ur|relay_?state|nonce|acr\b|amr\b/i
  expect(operations.filter(({ path }) => foreign.test(path) || /callback|sso|authorize/i.test(path))).toEqual([])
  expect([...names].filter((name) => foreign.test(name))).toEqual([])
})

test('no code goes to a phone, and no push notice asks to let somebody in [ASVS 6.6.1 6.6.4]', () => {
  const phone = /phone|sms|mobile|msisdn|push|voice/i
  expect(operations.filter(({ path }) => phone.test(path))).toEqual([])
  expect([...names].filter((name) => phone.test(name))).toEqual([])
})

test('there is no hint to a password and no secret question [ASVS 6.4.2]', () => {
  expect([...names].filter((name) => /hint|question|answers?\b|maiden|pet\b/i.test(name))).toEqual([])
})
