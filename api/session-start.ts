// Beginning a session, and telling of one that begins somewhere new.
import { type Account, findAccount } from '@ridethrough/db/query/account.ts'

import { seePlace } from '@ridethrough/db/query/place.ts'
import { type Factor, insertSession, renewSession } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { ApiContext } from './context.ts'
import { recordEvent, type SignedIn } from './event.ts'
import { postMail } from './mail/post.ts'
import type { Notice } from './mail/safety.ts'
import { browserOf, deviceOf, neighbourhoodOf, type Place } from './whereabouts.ts'

/** At the latest then a session is over. */
export const SESSION_MS = 30 * 24 * 3_600_000

export type StartedSession = { readonly token: string; readonly expiresAt: Date; readonly account: Account }

/** After all other changes of the transaction, since it writes to the event log; before `recordAccessChange`. */
export async function startSession(
  context: ApiContext,
  tx: Db,
  accountId: string,
  place: Place,
  factors: readonly Factor[],
): Promise<StartedSession> {
  const at = new Date(context.clock.now())
  const account = await findAccount(tx, accountId)
  if (!account) throw new Error('the account that signs in is not there')
  const expiresAt = new Date(at.getTime() + SESSION_MS)
  const { token, sessionId } = await insertSession(tx, { accountId, expiresAt, factors, at, ...place })
  const seen = await seePlace(
    tx,
    accountId,
    { network: neighbourhoodOf(place.address), browser: browserOf(place.userAgent) },
    at,
  )
  if (seen === 'new') await sendNotice(context, tx, account, 'newPlace', place)
  const actor = {
    accountId,
    credentialId: sessionId,
    companyId: account.company.id,
    address: place.address,
    now: at.getTime(),
  }
  const subject = { device: deviceOf(place.userAgent), factors: [...factors], place: seen }
  await recordEvent(tx, actor, { kind: 'session.started', subject })
  return { token, expiresAt, account }
}

/** A new token for the session that asks, in place of the one it came with: it was just shown who this is. */
export async function renewOwnSession(
  context: ApiContext,
  tx: Db,
  actor: SignedIn,
  factors: readonly Factor[],
): Promise<StartedSession> {
  const renewed = await renewSession(tx, actor.credentialId, { at: new Date(context.clock.now()), factors })
  const account = await findAccount(tx, actor.accountId)
  if (!renewed || !account) throw new Fault('session-missing', 'The session has ended: sign in again')
  return { ...renewed, account }
}

/** Word to the owner of the account of what has just happened to it. */
export async function sendNotice(
  context: ApiContext,
  tx: Db,
  to: { readonly name: string; readonly email: string },
  notice: Notice,
  place: Place,
  name?: string,
): Promise<void> {
  const where = { at: new Date(context.clock.now()), address: place.address, device: deviceOf(place.userAgent) }
  await postMail(context, tx, context.mails.notice(to, notice, where, name))
}
