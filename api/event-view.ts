// Events as the API shows them, whole or with what is the other side's left out.
import type { LoggedEvent } from '@ridethrough/db/query/event-list.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EventView } from '@ridethrough/protocol/http/event.ts'

export function eventView(event: LoggedEvent): EventView {
  const { seq, at, kind, outcome, account, credentialId, address, subject } = event
  return { seq, at: at.toISOString(), kind, outcome, account, credentialId, address, subject: { ...subject } }
}

/** From where something was done, and by which session, is for whoever did it and for the owners of their company. */
export function withoutPlace(event: EventView, readerId: string): EventView {
  return event.account?.id === readerId ? event : { ...event, address: '', credentialId: null }
}

/** What the host notes of a guest entry besides may name what the guest does not see. */
export function withoutDetails(event: EventView): EventView {
  if (!('guest' in event.subject)) return event
  return { ...event, subject: only(event.subject, ['guest', 'company', 'state', 'code']) }
}

export function only(subject: EventView['subject'], names: readonly string[]): EventView['subject'] {
  return Object.fromEntries(Object.entries(subject).filter(([name]) => names.includes(name)))
}

/** The cursor of a page of events: the number of its last row. */
export function parseSeq(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[0-9]{1,15}$/.test(text)) return Number(text)
  const message = 'give back what `next` said'
  throw new Fault('input-invalid', 'Look again at: cursor', { fields: [{ path: 'cursor', message }] })
}
