// The code of an invitation: what is wrong with it, and what whoever has neither it nor the address must not learn.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { CODE_TRIES } from '../code.ts'

export type Provable = {
  /** Only a `pending` one can be answered. */
  readonly state: string
  readonly codeHash: Buffer | null
  readonly codeTries: number
  readonly expiresAt: Date | null
  readonly invitedBy: { readonly name: string }
}

export type Proof = {
  /** Whether it was sent to the address, or the account, of whoever asks. */
  readonly isTheirs: boolean
  /** Of the code that was given; `undefined`: none was, which is enough to decline. */
  readonly hash: Buffer | undefined
  readonly now: number
}

/** What is wrong, or nothing. A wrong code is counted by `countWrong`: return the Fault, so that this stands. */
export async function checkProof(
  invitation: Provable,
  { isTheirs, hash, now }: Proof,
  countWrong: () => Promise<void>,
): Promise<Fault | undefined> {
  const isRight = hash === undefined || (invitation.codeHash?.equals(hash) ?? false)
  if (!isTheirs) {
    if (hash === undefined || !isRight) return noInvitation()
    return new Fault('address-other', 'This invitation was sent to another address: sign in with that one')
  }
  if (invitation.state !== 'pending') return invitationEnded(invitation)
  const { name } = invitation.invitedBy
  if (hash !== undefined && invitation.codeTries >= CODE_TRIES) {
    return new Fault('too-many-tries', `Too many wrong codes: ask ${name} to send the invitation again`)
  }
  if (!isRight) {
    await countWrong()
    return new Fault('code-wrong', 'The code is wrong: compare it with the newest mail of this invitation')
  }
  if (invitation.expiresAt && invitation.expiresAt.getTime() <= now) {
    return new Fault('code-expired', `The invitation has run out: ask ${name} to send it again`)
  }
  return undefined
}

export function noInvitation(): Fault {
  return new Fault('not-found', 'There is no such invitation')
}

export function invitationEnded({ state }: Pick<Provable, 'state'>): Fault {
  return state === 'accepted'
    ? new Fault('code-used', 'The invitation was accepted already')
    : new Fault('invitation-ended', `This invitation is over (${state}): it has to be made anew`)
}
