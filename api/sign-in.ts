// Signing in with a password: one answer, after the same work, whether or not there is such an account.
import { findPassword } from '@ridethrough/db/query/account.ts'
import { lockAccount } from '@ridethrough/db/query/account-change.ts'
import { isKnownNetwork } from '@ridethrough/db/query/place.ts'
import { findSecondFactors, hasSecondFactor } from '@ridethrough/db/query/second-factor.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { Credentials } from '@ridethrough/protocol/http/account.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { SecondFactorNeeded } from '@ridethrough/protocol/http/security.ts'
import type { ApiContext } from './context.ts'
import { type Actor, recordRefusal } from './event.ts'
import { networkOf } from './refusals.ts'
import { beginSecondStep } from './second-factor/sign-in.ts'
import { type StartedSession, startSession } from './session-start.ts'
import { type Throttle, takeAll } from './throttle.ts'
import { neighbourhoodOf, type Place } from './whereabouts.ts'

export type SignInAnswer = { readonly session: StartedSession } | { readonly needed: SecondFactorNeeded }

/** The account and the hash that fitted; the hash may have changed by the time that it is used. */
type Proved = { readonly accountId: string; readonly passwordHash: string }

export async function signIn(
  context: ApiContext,
  actor: Actor,
  { email, password }: Credentials,
  place: Place,
): Promise<SignInAnswer> {
  const { accountId, passwordHash } = await provePassword(context, actor, email, password, place)
  return context.db.transaction().execute(async (tx) => {
    const account = await lockAccount(tx, accountId)
    // Reset, deactivated or deleted since we looked: what it was opens nothing any more.
    if (account?.passwordHash !== passwordHash) throw wrongCredentials()
    const factors = await findSecondFactors(tx, accountId)
    if (hasSecondFactor(factors)) return { needed: await beginSecondStep(context, tx, account, factors, place) }
    return { session: await startSession(context, tx, accountId, place, ['password']) }
  })
}

/** Rejects with one and the same fault for an unknown address and for a wrong password. */
export async function provePassword(
  context: ApiContext,
  actor: Actor,
  email: string,
  password: string,
  place: Place,
): Promise<Proved> {
  const { db, clock, passwords } = context
  const folded = foldAddress(email)
  const budgets = await budgetsOf(context, folded, place.address)
  try {
    await takeAll(db, budgets, clock.now())
    const known = await findPassword(db, folded)
    const isRight = await passwords.verify(password, known?.passwordHash, networkOf(place.address))
    if (known && isRight) {
      // One's own mistakes are forgotten; what was tried from elsewhere, or on others, is not.
      const [[own, ownKey], ...shared] = budgets
      await own.forget(ownKey)
      for (const [throttle, key] of shared) await throttle.giveBack(key)
      return known
    }
    await recordWrong(context, actor, email, 'credentials-wrong', known?.companyId ?? null)
  } catch (error) {
    if (error instanceof Fault) await recordWrong(context, actor, email, error.code, null)
    throw error
  }
  throw wrongCredentials()
}

type Budget = readonly [throttle: Throttle, key: string]

/**
 * Whatever others do, somebody who comes from where they have signed in before has a budget of their own: a thousand wrong
 * passwords from elsewhere do not hold them up.
 */
async function budgetsOf(
  { db, throttles }: ApiContext,
  folded: string,
  address: string,
): Promise<readonly [Budget, Budget, Budget]> {
  const network = neighbourhoodOf(address)
  const isKnown = await isKnownNetwork(db, { folded }, network)
  return [
    [throttles.signIn, `${folded} ${networkOf(address)}`],
    [throttles.signInFrom, networkOf(address)],
    [throttles.signInAnywhere, isKnown ? `${folded} ${network}` : folded],
  ]
}

/** In the log of the company whose account it was, if there is one; who tried is nobody that we know. */
function recordWrong(
  context: ApiContext,
  actor: Actor,
  email: string,
  code: Fault['code'],
  companyId: string | null,
): Promise<void> {
  return recordRefusal(context, actor, { kind: 'session.started', code, subject: { email }, companyId })
}

function wrongCredentials(): Fault {
  return new Fault(
    'credentials-wrong',
    'E-mail address or password is wrong; if you have just signed up, confirm your address first',
  )
}
