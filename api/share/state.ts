// Where a share stands at an instant: time runs out without anybody writing it down.
import type { Share } from '@ridethrough/db/query/share.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { ShareState } from '@ridethrough/protocol/policy.ts'

type Standing = Pick<Share, 'state' | 'startsAt' | 'endsAt' | 'codeExpiresAt' | 'endedAt'>

export function stateAt(share: Standing, now: number): ShareState {
  const ranOutAt = runOutOf(share)
  return isUnended(share) && ranOutAt !== null && ranOutAt <= now ? 'expired' : share.state
}

/** It gives something, or waits for an answer; suspended ones too. */
export function isOpen(share: Standing, now: number): boolean {
  const state = stateAt(share, now)
  return state === 'pending' || state === 'accepted'
}

/** When it ended, by whomever or by itself; `null` while it lasts. */
export function endedAt(share: Standing, now: number): Date | null {
  if (share.endedAt !== null || stateAt(share, now) !== 'expired') return share.endedAt
  const at = runOutOf(share)
  return at === null ? null : new Date(at)
}

/** Throws `share-ended`, with how it ended. */
export function needOpen(share: Standing, now: number): void {
  if (!isOpen(share, now)) throw ended(share, now)
}

export function ended(share: Standing, now: number): Fault {
  const state = stateAt(share, now)
  return state === 'accepted'
    ? new Fault('code-used', 'The invitation was accepted already')
    : new Fault('share-ended', `This share is over (${state}): it has to be offered anew`)
}

function isUnended({ state }: Standing): boolean {
  return state === 'pending' || state === 'accepted'
}

function runOutOf({ state, endsAt, codeExpiresAt }: Standing): number | null {
  const ends = [endsAt, state === 'pending' ? codeExpiresAt : null].flatMap((at) => (at ? [at.getTime()] : []))
  return ends.length > 0 ? Math.min(...ends) : null
}
