import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, type Harness, startHarness } from '../support/harness.ts'

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

type Operation = {
  summary?: string
  tags?: string[]
  parameters?: { name: string; in: string }[]
  responses?: Record<string, unknown>
}
type Document = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

test('the OpenAPI document covers every route, and every reference in it leads somewhere', async () => {
  const { status, body } = await clientOf(harness.api)('GET', '//api/openapi.json')
  expect(status).toBe(200)
  const document = body as Document
  expect(document.openapi).toBe('3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  )
  expect(operations.map(({ name }) => name).sort()).toEqual([
    'DELETE /api/v1/account',
    'DELETE /api/v1/account/passkeys/{id}',
    'DELETE /api/v1/account/totp',
    'DELETE /api/v1/agents/{id}',
    'DELETE /api/v1/companies/{id}',
    'DELETE /api/v1/company/groups/{id}',
    'DELETE /api/v1/company/guests/{id}',
    'DELETE /api/v1/company/invitations/{id}',
    'DELETE /api/v1/company/members/me',
    'DELETE /api/v1/company/roles/{id}',
    'DELETE /api/v1/devices/{id}',
    'DELETE /api/v1/sessions',
    'DELETE /api/v1/sessions/current',
    'DELETE /api/v1/sessions/{id}',
    'DELETE /api/v1/share-links/{id}',
    'DELETE /api/v1/shares/{id}',
    'DELETE /api/v1/shares/{id}/credentials/{credentialId}',
    'DELETE /api/v1/shares/{id}/devices/{deviceId}',
    'DELETE /api/v1/tokens/{id}',
    'GET /api/v1/account',
    'GET /api/v1/account/security',
    'GET /api/v1/agents',
    'GET /api/v1/companies',
    'GET /api/v1/company',
    'GET /api/v1/company/groups',
    'GET /api/v1/company/guests',
    'GET /api/v1/company/guests/{id}',
    'GET /api/v1/company/guests/{id}/ledger',
    'GET /api/v1/company/invitations',
    'GET /api/v1/company/members',
    'GET /api/v1/company/roles',
    'GET /api/v1/devices',
    'GET /api/v1/devices/{id}',
    'GET /api/v1/devices/{id}/access',
    'GET /api/v1/devices/{id}/events',
    'GET /api/v1/devices/{id}/history',
    'GET /api/v1/devices/{id}/state',
    'GET /api/v1/events',
    'GET /api/v1/events.csv',
    'GET /api/v1/events.jsonl',
    'GET /api/v1/invitations',
    'GET /api/v1/link',
    'GET /api/v1/link/history',
    'GET /api/v1/link/live',
    'GET /api/v1/live',
    'GET /api/v1/notices',
    'GET /api/v1/sessions',
    'GET /api/v1/setup',
    'GET /api/v1/share-links',
    'GET /api/v1/share-links/{id}',
    'GET /api/v1/share-links/{id}/ledger',
    'GET /api/v1/shares',
    'GET /api/v1/shares/{id}',
    'GET /api/v1/shares/{id}/credentials',
    'GET /api/v1/shares/{id}/ledger',
    'GET /api/v1/tokens',
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    'PATCH /api/v1/account',
    'PATCH /api/v1/company',
    'PATCH /api/v1/company/groups/{id}',
    'PATCH /api/v1/company/guests/{id}',
    'PATCH /api/v1/company/members/{id}',
    'PATCH /api/v1/company/roles/{id}',
    'PATCH /api/v1/devices/{id}',
    'PATCH /api/v1/share-links/{id}',
    'PATCH /api/v1/shares/{id}',
    'POST /api/v1/account/email',
    'POST /api/v1/account/email/confirm',
    'POST /api/v1/account/passkeys',
    'POST /api/v1/account/passkeys/options',
    'POST /api/v1/account/password',
    'POST /api/v1/account/recovery-codes',
    'POST /api/v1/account/totp',
    'POST /api/v1/account/totp/confirm',
    'POST /api/v1/accounts',
    'POST /api/v1/accounts/verify',
    'POST /api/v1/accounts/verify/resend',
    'POST /api/v1/company/groups',
    'POST /api/v1/company/guests',
    'POST /api/v1/company/guests/{id}/resend',
    'POST /api/v1/company/invitations',
    'POST /api/v1/company/invitations/{id}/resend',
    'POST /api/v1/company/roles',
    'POST /api/v1/devices/claim',
    'POST /api/v1/invitations/{id}/accept',
    'POST /api/v1/invitations/{id}/decline',
    'POST /api/v1/link',
    'POST /api/v1/notices/read',
    'POST /api/v1/password-resets',
    'POST /api/v1/password-resets/complete',
    'POST /api/v1/sessions',
    'POST /api/v1/sessions/current/step-up',
    'POST /api/v1/sessions/passkey',
    'POST /api/v1/sessions/passkey/options',
    'POST /api/v1/sessions/second-factor',
    'POST /api/v1/setup',
    'POST /api/v1/share-links',
    'POST /api/v1/shares',
    'POST /api/v1/shares/{id}/accept',
    'POST /api/v1/shares/{id}/credentials',
    'POST /api/v1/shares/{id}/decline',
    'POST /api/v1/shares/{id}/devices/{deviceId}',
    'POST /api/v1/shares/{id}/resend',
    'POST /api/v1/shares/{id}/resume',
    'POST /api/v1/shares/{id}/suspend',
    'POST /api/v1/tokens',
  ])
  for (const { name, path, operation } of operations) {
    expect(operation.summary, name).toBeTruthy()
    expect(operation.tags, name).toHaveLength(1)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    const described = (operation.parameters ?? []).filter((one) => one.in === 'path').map((one) => one.name)
    expect(described, name).toEqual(inPath)
    expect(operation.responses?.default, name).toMatchObject({ content: { 'application/problem+json': {} } })
  }
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)
  for (const [, schema = ''] of references) expect(document.components.schemas).toHaveProperty([schema])
})

test('the page that shows it, health and metrics are there for everybody', async () => {
  const anybody = clientOf(harness.api)
  expect((await anybody('GET', '//api/docs/')).headers.get('content-type')).toMatch('text/html')
  expect((await anybody('GET', '//healthz')).body).toEqual({ status: 'ok' })
  expect((await anybody('GET', '//readyz')).body).toEqual({ status: 'ok' })
  expect((await anybody('GET', '//metrics')).body).toMatch(/^ridethrough_live_viewers 0$/m)
})
