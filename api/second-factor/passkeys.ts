// Passkeys of an account: registered, listed, removed.
import { endChallenge, insertChallenge, lockChallenge } from '@ridethrough/db/query/challenge.ts'
import { deletePasskey, insertPasskey, listPasskeys } from '@ridethrough/db/query/passkey.ts'
import { findSecondFactors } from '@ridethrough/db/query/second-factor.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { NewPasskey, PasskeyOptions } from '@ridethrough/protocol/http/security.ts'
import type { z } from 'zod'
import { changeAccess } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { renewOwnSession, sendNotice } from '../session-start.ts'
import { lockOwnAccount } from '../step-up.ts'
import type { Place } from '../whereabouts.ts'
import { type Added, afterRemoval, firstRecoveryCodes } from './authenticator.ts'
import { checkOneStays } from './owing.ts'
import { CHALLENGE_MS, registrationOptions, relyingPartyOf, verifyRegistration } from './passkey.ts'

const MOST_PASSKEYS = 20

export async function beginRegistration(context: ApiContext, actor: SignedIn): Promise<z.infer<typeof PasskeyOptions>> {
  const party = relyingPartyOf(context.settings.publicUrl())
  return context.db.transaction().execute(async (tx) => {
    const account = await lockOwnAccount(tx, actor)
    const known = await listPasskeys(tx, account.id)
    if (known.length >= MOST_PASSKEYS) {
      throw new Fault('limit-reached', `There are ${MOST_PASSKEYS} passkeys already: remove one first`)
    }
    const options = await registrationOptions(party, account, known)
    const at = new Date(actor.now)
    const challenge = await insertChallenge(tx, {
      ...{ accountId: account.id, purpose: 'passkey-register', webauthn: options.challenge },
      ...{ address: actor.address, at, expiresAt: new Date(at.getTime() + CHALLENGE_MS) },
    })
    return { challenge, options: { ...options } }
  })
}

/** Recovery codes come with the first second factor. */
export async function registerPasskey(
  context: ApiContext,
  actor: SignedIn,
  { challenge: secret, response, name }: z.infer<typeof NewPasskey>,
  place: Place,
): Promise<Added> {
  const act = { kind: 'second-factor.added', subject: { method: 'passkey', name } } as const
  return recordingRefusals(context, actor, act, async () => {
    const { result } = await changeAccess(context, async (tx) => {
      const at = new Date(actor.now)
      const account = await lockOwnAccount(tx, actor)
      const challenge = await lockChallenge(tx, secret, 'passkey-register', at)
      if (!challenge?.webauthn || challenge.accountId !== account.id) {
        throw new Fault('code-expired', 'This took too long, or was used already: begin anew')
      }
      await endChallenge(tx, challenge.id, at)
      try {
        const party = relyingPartyOf(context.settings.publicUrl())
        const credential = await verifyRegistration(party, challenge.webauthn, response)
        const passkey = await insertPasskey(tx, { ...credential, accountId: account.id, name, at })
        if (!passkey) throw new Fault('passkey-known', 'This passkey is registered already')
        const codes = await firstRecoveryCodes(tx, account.id)
        const session = await renewOwnSession(context, tx, actor, ['passkey'])
        await sendNotice(context, tx, account, 'passkeyAdded', place, name)
        await recordEvent(tx, actor, { ...act, subject: { ...act.subject, passkey: { id: passkey.id } } })
        return { result: { codes, session }, change: { accounts: [account.id], what: 'second factor added' } }
      } catch (error) {
        // Returned, so that the challenge stays used up.
        if (error instanceof Fault) return error
        throw error
      }
    })
    return result
  })
}

export async function removePasskey(context: ApiContext, actor: SignedIn, id: string, place: Place): Promise<void> {
  const act = { kind: 'second-factor.removed', subject: { method: 'passkey', passkey: { id } } } as const
  await recordingRefusals(context, actor, act, () =>
    changeAccess(context, async (tx) => {
      const account = await lockOwnAccount(tx, actor)
      const factors = await findSecondFactors(tx, account.id)
      await checkOneStays(tx, account, { ...factors, passkeys: factors.passkeys - 1 })
      const passkey = await deletePasskey(tx, account.id, id)
      if (!passkey) throw new Fault('not-found', 'There is no such passkey')
      await afterRemoval(tx, account.id, actor.now)
      await sendNotice(context, tx, account, 'passkeyRemoved', place, passkey.name)
      await recordEvent(tx, actor, { ...act, subject: { ...act.subject, name: passkey.name } })
      return { result: undefined, change: { accounts: [account.id], what: 'second factor removed' } }
    }),
  )
}
