// Links in the event log of the company whose devices they show.
import { findLink, type Link } from '@ridethrough/db/query/link.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { EventKind } from '@ridethrough/protocol/http/event.ts'
import type { ApiContext } from '../context.ts'
import { type Actor, recordEvent, recordingRefusals, type SignedIn } from '../event.ts'

export type LinkKind = Extract<EventKind, `link.${string}`>

/** `link` with the devices that the step is about. */
export function recordLink(
  tx: Db,
  actor: Actor,
  kind: LinkKind,
  link: Link,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const subject = {
    link: { id: link.id, name: link.name },
    devices: link.devices.map(({ id, name }) => ({ id, name })),
    ...more,
  }
  return recordEvent(tx, actor, { kind, subject, companyId: link.companyId })
}

/** A step that is refused to somebody who was told that the link is there stands in the log of its company too. */
export function recordingLinkRefusals<T>(
  context: ApiContext,
  actor: SignedIn,
  kind: LinkKind,
  id: string,
  run: () => Promise<T>,
): Promise<T> {
  return recordingRefusals(context, actor, { kind, subject: { link: { id } } }, run, async () => {
    const link = await findLink(context.db, id)
    if (!link) throw new Error(`the link ${id} is gone`)
    return { subject: { link: { id, name: link.name } }, companyId: link.companyId }
  })
}
