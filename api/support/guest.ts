// Guests made over HTTP, as owners and guests make them.
import type { Person } from '@ridethrough/test/support/world.ts'
import { type Client, clientOf, type Harness } from './harness.ts'
import { linkCode } from './team.ts'

export type TestGuest = { readonly id: string; readonly code: string }

/** Throws unless it was done. */
export async function inviteGuest(
  harness: Harness,
  asOwner: Client,
  email: string,
  terms: Readonly<Record<string, unknown>> = {},
): Promise<TestGuest> {
  const { status, body } = await asOwner('POST', '/company/guests', { email, ...terms })
  if (status !== 201) throw new Error(`the guest was not invited: ${status} ${JSON.stringify(body)}`)
  return { id: body.id, code: await linkCode(harness.api, email, body.id) }
}

/** Invited and accepted; the id of the entry. */
export async function makeGuest(
  harness: Harness,
  asOwner: Client,
  guest: Person,
  terms: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { id, code } = await inviteGuest(harness, asOwner, guest.email, terms)
  const { status, body } = await clientOf(harness.api, guest.token)('POST', `/invitations/${id}/accept`, { code })
  if (status !== 200) throw new Error(`the guest did not get in: ${status} ${JSON.stringify(body)}`)
  return id
}

/** Names of the devices that somebody sees, in order. */
export async function seen(client: Client, query = ''): Promise<string[]> {
  const { body } = await client('GET', `/devices${query}`)
  return body.items.map((device: { name: string }) => device.name)
}
