// Shares made as people make them: offered over HTTP, accepted with the code of the mail.
import type { Db } from '@ridethrough/db/schema.ts'
import type { Person } from '@ridethrough/test/support/world.ts'
import { type Client, clientOf, codeIn, type Harness, mailTo } from './harness.ts'

export type Side = Person & { readonly call: Client }

export const asSide = (harness: Harness, person: Person): Side => ({
  ...person,
  call: clientOf(harness.api, person.token),
})

export type Offered = { readonly id: string; readonly code: string }

export async function offerTo(
  harness: Harness,
  from: Side,
  email: string,
  deviceIds: readonly string[],
  more: Record<string, unknown> = {},
): Promise<Offered> {
  const { status, body } = await from.call('POST', '/shares', { email, deviceIds, ...more })
  if (status !== 201) throw new Error(`the share was refused: ${JSON.stringify(body)}`)
  return { id: body.share.id, code: codeIn((await mailTo(harness.api, email)).text) }
}

/** Offered and accepted: its id. */
export async function shareWith(
  harness: Harness,
  from: Side,
  to: Side,
  deviceIds: readonly string[],
  more: Record<string, unknown> = {},
): Promise<string> {
  const { id, code } = await offerTo(harness, from, to.email, deviceIds, more)
  const { status, body } = await to.call('POST', `/shares/${id}/accept`, { code })
  if (status !== 200) throw new Error(`the share could not be accepted: ${JSON.stringify(body)}`)
  return id
}

/** Ids of the devices that somebody sees. */
export async function seenBy({ call }: Pick<Side, 'call'>, query = ''): Promise<string[]> {
  const { body } = await call('GET', `/devices${query}`)
  return body.items.map((item: { id: string }) => item.id).sort()
}

/** `kind` and `by` of somebody's notices about this share, the oldest first. */
export async function noticesOf(db: Db, accountId: string, shareId: string): Promise<[string, string | undefined][]> {
  const rows = await db
    .selectFrom('notice')
    .select(['kind', 'subject'])
    .where('account_id', '=', accountId)
    .orderBy('id')
    .execute()
  return rows
    .map(({ kind, subject }) => ({ kind, subject: subject as { id: string; by: { name: string } | null } }))
    .filter(({ subject }) => subject.id === shareId)
    .map(({ kind, subject }) => [kind, subject.by?.name])
}

/** As if the end of the share had come an instant ago. */
export async function letEndPass(db: Db, shareId: string): Promise<void> {
  const [startsAt, endsAt] = [new Date(Date.now() - 60_000), new Date(Date.now() - 1)]
  await db.updateTable('share').set({ starts_at: startsAt, ends_at: endsAt }).where('id', '=', shareId).execute()
}
