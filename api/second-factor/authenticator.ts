// Authenticators and recovery codes: set up, confirmed, removed, made anew.
import { endChallenges } from '@ridethrough/db/query/challenge.ts'
import {
  confirmTotp,
  deleteTotp,
  findSecondFactors,
  findTotp,
  offerTotp,
  replaceRecoveryCodes,
} from '@ridethrough/db/query/second-factor.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { changeAccess } from '../access.ts'
import { mintCode, RECOVERY_CODE } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { renewOwnSession, type StartedSession, sendNotice } from '../session-start.ts'
import { lockOwnAccount } from '../step-up.ts'
import type { Place } from '../whereabouts.ts'
import { checkOneStays } from './owing.ts'
import { wrongCode } from './proof.ts'
import { type Offer, offerOf, stepOf } from './totp.ts'

export type Added = { readonly codes: readonly string[]; readonly session: StartedSession }

const RECOVERY_CODES = 10

/** Shown once; it counts for nothing until a first code has confirmed it. */
export async function offerAuthenticator(context: ApiContext, actor: SignedIn): Promise<Offer> {
  return context.db.transaction().execute(async (tx) => {
    const { id, email } = await lockOwnAccount(tx, actor)
    const offer = await offerOf(email)
    const sealed = context.secrets.seal(offer.secret, id)
    if (await offerTotp(tx, id, sealed, new Date(actor.now))) return offer
    throw new Fault('authenticator-known', 'There is an authenticator already: remove it first')
  })
}

/** Recovery codes come with the first second factor. */
export async function confirmAuthenticator(
  context: ApiContext,
  actor: SignedIn,
  code: string,
  place: Place,
): Promise<Added> {
  const act = { kind: 'second-factor.added', subject: { method: 'totp' } } as const
  return recordingRefusals(context, actor, act, async () => {
    const { result } = await changeAccess(context, async (tx) => {
      const account = await lockOwnAccount(tx, actor)
      const totp = await findTotp(tx, account.id)
      if (!totp || totp.isConfirmed) throw new Fault('not-found', 'No authenticator waits to be confirmed: begin anew')
      const budget = `confirm ${account.id}`
      await context.throttles.secondFactor.take(budget, actor.now, tx)
      const step = stepOf(context.secrets.open(totp.secret, account.id), code, actor.now)
      if (step === undefined) return wrongCode()
      await context.throttles.secondFactor.forget(budget, tx)
      await confirmTotp(tx, account.id, step, new Date(actor.now))
      const codes = await firstRecoveryCodes(tx, account.id)
      const session = await renewOwnSession(context, tx, actor, ['totp'])
      await sendNotice(context, tx, account, 'totpAdded', place)
      await recordEvent(tx, actor, act)
      // Whoever owed a second factor to the company has all rights back with it.
      return { result: { codes, session }, change: { accounts: [account.id], what: 'second factor added' } }
    })
    return result
  })
}

export async function removeAuthenticator(context: ApiContext, actor: SignedIn, place: Place): Promise<void> {
  const act = { kind: 'second-factor.removed', subject: { method: 'totp' } } as const
  await recordingRefusals(context, actor, act, () =>
    changeAccess(context, async (tx) => {
      const account = await lockOwnAccount(tx, actor)
      const factors = await findSecondFactors(tx, account.id)
      if (factors.totpConfirmedAt) await checkOneStays(tx, account, { ...factors, totpConfirmedAt: null })
      if (!(await deleteTotp(tx, account.id))) throw new Fault('not-found', 'There is no authenticator')
      await afterRemoval(tx, account.id, actor.now)
      if (factors.totpConfirmedAt) await sendNotice(context, tx, account, 'totpRemoved', place)
      await recordEvent(tx, actor, act)
      return { result: undefined, change: { accounts: [account.id], what: 'second factor removed' } }
    }),
  )
}

/** Those before are void. */
export async function remakeRecoveryCodes(
  context: ApiContext,
  actor: SignedIn,
  place: Place,
): Promise<readonly string[]> {
  const act = { kind: 'recovery-codes.made', subject: {} } as const
  return recordingRefusals(context, actor, act, () =>
    context.db.transaction().execute(async (tx) => {
      const account = await lockOwnAccount(tx, actor)
      const { totpConfirmedAt, passkeys } = await findSecondFactors(tx, account.id)
      if (!totpConfirmedAt && passkeys === 0) {
        throw new Fault('not-found', 'Recovery codes stand in for a second factor: set one up first')
      }
      const codes = await makeRecoveryCodes(tx, account.id)
      await sendNotice(context, tx, account, 'recoveryMade', place)
      await recordEvent(tx, actor, act)
      return codes
    }),
  )
}

/** None when there are some already. */
export async function firstRecoveryCodes(tx: Db, accountId: string): Promise<readonly string[]> {
  const { recoveryCodesLeft } = await findSecondFactors(tx, accountId)
  return recoveryCodesLeft > 0 ? [] : makeRecoveryCodes(tx, accountId)
}

/** With the last second factor its recovery codes go as well; a sign-in that is half done has to begin anew. */
export async function afterRemoval(tx: Db, accountId: string, now: number): Promise<void> {
  const { totpConfirmedAt, passkeys } = await findSecondFactors(tx, accountId)
  if (!totpConfirmedAt && passkeys === 0) await replaceRecoveryCodes(tx, accountId, [])
  await endChallenges(tx, accountId, new Date(now))
}

async function makeRecoveryCodes(tx: Db, accountId: string): Promise<readonly string[]> {
  const codes = Array.from({ length: RECOVERY_CODES }, () => mintCode(RECOVERY_CODE))
  await replaceRecoveryCodes(
    tx,
    accountId,
    codes.map((code) => code.hash),
  )
  return codes.map((code) => code.text)
}
