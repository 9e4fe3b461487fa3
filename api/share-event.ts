// Shares in the event log: each step stands in the log of the sharer's company, and of the recipient's once it concerns them.
import { findAccount } from '@ridethrough/db/query/account.ts'
import { findShare, type Share } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { EventKind } from '@ridethrough/protocol/http/event.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { ApiContext } from './context.ts'
import { type Actor, recordEvent, recordingRefusals, type SignedIn } from './event.ts'

export type ShareKind = Extract<EventKind, `share.${string}` | `credential.${string}`>

/** `share` as it was before the step, with the devices that the step is about. */
export async function recordShare(
  tx: Db,
  actor: Actor,
  kind: ShareKind,
  share: Share,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const subject = {
    share: { id: share.id, email: share.email },
    devices: share.devices.map(({ id, name }) => ({ id, name })),
    ...(kind === 'share.made' ? { privileges: privilegesOf(share.privileges) } : {}),
    ...more,
  }
  for (const companyId of await companiesOf(tx, actor, kind, share)) {
    await recordEvent(tx, actor, { kind, subject, companyId })
  }
}

/** A step that is refused, with the share that it was about once whoever tried has been told that it is there. */
export function recordingShareRefusals<T>(
  context: ApiContext,
  actor: SignedIn,
  kind: ShareKind,
  shareId: string,
  run: () => Promise<T>,
): Promise<T> {
  const act = { kind, subject: { share: { id: shareId } } }
  return recordingRefusals(context, actor, act, run, async () => {
    const share = await findShare(context.db, shareId)
    if (!share) throw new Error(`the share ${shareId} is gone`)
    return { subject: {}, companyId: share.companyId }
  })
}

async function companiesOf(tx: Db, actor: Actor, kind: ShareKind, share: Share): Promise<ReadonlySet<string>> {
  const isAnswer = kind === 'share.accepted' || kind === 'share.declined'
  const concernsRecipient = isAnswer || (share.state === 'accepted' && kind !== 'share.made')
  const recipientId = share.accountId ?? (isAnswer ? actor.accountId : null)
  const recipient = concernsRecipient && recipientId !== null ? await findAccount(tx, recipientId) : undefined
  return new Set([share.companyId, ...(recipient ? [recipient.company.id] : [])])
}
