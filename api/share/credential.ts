// Credentials of a share: minted by its recipient, worth that share and nothing else, dead with it (R24).
import { findShare, lockShare, type Share } from '@ridethrough/db/query/share.ts'
import {
  endShareCredential,
  insertShareCredential,
  listShareCredentials,
  type ShareCredential,
} from '@ridethrough/db/query/share-credential.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type {
  EdgeReport,
  NewShareCredential,
  ShareCredentialAnswer,
  ShareCredentialView,
} from '@ridethrough/protocol/http/share.ts'
import type { AccountSubject } from '@ridethrough/protocol/policy.ts'
import { maskOf, PRIVILEGE_TEXT, privilegesOf, SHAREABLE } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { SignedIn } from '../event.ts'
import { recordShare } from '../share-event.ts'
import { changeTeam, writeTeam } from '../team/change.ts'
import { asRecipient, sideOf } from './change.ts'
import { needOpen } from './state.ts'
import { wrongInput } from './terms.ts'

/** Enough for every program of one recipient, and few enough to look through. */
const MOST = 20

export function mintCredential(
  context: ApiContext,
  actor: SignedIn,
  shareId: string,
  wanted: z.infer<typeof NewShareCredential>,
): Promise<z.infer<typeof ShareCredentialAnswer>> {
  return writeTeam(context, async (tx) => {
    const now = context.clock.now()
    const share = await asRecipient(tx, await lockShare(tx, shareId), actor)
    needOpen(share, now)
    if (share.state !== 'accepted')
      throw new Fault('share-pending', 'Accept the share first, with the code of its mail')
    const expiresAt = wanted.expiresAt === undefined ? null : new Date(wanted.expiresAt)
    if (expiresAt && expiresAt.getTime() <= now) throw wrongInput('expiresAt', 'the end is past already')
    if ((await listShareCredentials(tx, shareId, new Date(now))).length >= MOST) {
      throw new Fault('limit-reached', `A share has ${MOST} credentials at most: end one of them first`)
    }
    const { token, credential } = await insertShareCredential(tx, {
      ...{ shareId, accountId: actor.accountId, name: wanted.name, at: new Date(now), expiresAt },
      privileges: privilegesFor(share, wanted),
    })
    await recordShare(tx, actor, 'credential.made', share, { credential: { id: credential.id, name: credential.name } })
    return { token, view: credentialView(credential, share) }
  })
}

/** For both sides. */
export async function listCredentials(
  context: ApiContext,
  asker: AccountSubject,
  shareId: string,
): Promise<z.infer<typeof ShareCredentialView>[]> {
  const now = context.clock.now()
  const { share } = await sideOf(context.db, await findShare(context.db, shareId), asker, now)
  const isDead = share.state !== 'accepted' || (share.endsAt !== null && share.endsAt.getTime() <= now)
  const live = isDead ? [] : await listShareCredentials(context.db, shareId, new Date(now))
  return live.map((credential) => credentialView(credential, share))
}

/** By either side: answered once nothing is served to it any more. */
export async function endCredential(
  context: ApiContext,
  actor: SignedIn,
  shareId: string,
  id: string,
): Promise<EdgeReport> {
  const { access } = await changeTeam(context, async (tx) => {
    const now = context.clock.now()
    const { share, side } = await sideOf(tx, await lockShare(tx, shareId), actor, now)
    const credential = await endShareCredential(tx, shareId, id, new Date(now))
    if (!credential) throw new Fault('not-found', 'This share has no such credential')
    const subject = { credential: { id, name: credential.name }, by: side }
    await recordShare(tx, actor, 'credential.ended', share, subject)
    return { result: undefined, change: { credentials: [id], what: 'credential of a share ended' } }
  })
  return access
}

/** Never more than the share gives now; what the share gives later does not come to a credential by itself. */
function privilegesFor(share: Share, { privileges }: z.infer<typeof NewShareCredential>): number {
  const most = share.privileges & SHAREABLE
  if (privileges === undefined) return most
  const beyond = privilegesOf(maskOf(privileges) & ~most)
  if (beyond.length === 0) return maskOf(privileges)
  const words = beyond.map((privilege) => `to ${PRIVILEGE_TEXT[privilege]}`).join(', ')
  throw new Fault('right-missing', `The share itself does not give the right ${words}`)
}

/** As far as it really reaches: it ends with the share, and can do no more than that. */
function credentialView(credential: ShareCredential, share: Share): z.infer<typeof ShareCredentialView> {
  const ends = [credential.expiresAt, share.endsAt].flatMap((at) => (at ? [at.getTime()] : []))
  return {
    id: credential.id,
    name: credential.name,
    privileges: privilegesOf(credential.privileges & share.privileges & SHAREABLE),
    createdAt: credential.createdAt.toISOString(),
    expiresAt: ends.length > 0 ? new Date(Math.min(...ends)).toISOString() : null,
    lastUsedAt: credential.lastUsedAt?.toISOString() ?? null,
  }
}
