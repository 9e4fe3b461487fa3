// Showing a second factor: a code of an authenticator, a recovery code, a passkey. Each use counts once.
import type { LockedAccount } from '@ridethrough/db/query/account-change.ts'
import { findPasskey, type Passkey, usePasskey } from '@ridethrough/db/query/passkey.ts'
import { findTotp, takeTotpStep, useRecoveryCode } from '@ridethrough/db/query/second-factor.ts'
import type { Factor } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { hashCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { sendNotice } from '../session-start.ts'
import type { Place } from '../whereabouts.ts'
import { type Assertion, refused, relyingPartyOf, verifyAssertion } from './passkey.ts'
import { stepOf } from './totp.ts'

type Context = Pick<ApiContext, 'clock' | 'secrets' | 'settings' | 'mails'>

/** True for exactly one of all who come with the code. */
export async function useTotp({ clock, secrets }: Context, tx: Db, accountId: string, code: string): Promise<boolean> {
  const totp = await findTotp(tx, accountId)
  if (!totp?.isConfirmed) return false
  const step = stepOf(secrets.open(totp.secret, accountId), code, clock.now())
  return step !== undefined && (await takeTotpStep(tx, accountId, step))
}

/** True for exactly one of all who come with the code; its owner is told. */
export async function useRecovery(
  context: ApiContext,
  tx: Db,
  account: LockedAccount,
  code: string,
  place: Place,
): Promise<boolean> {
  const isUsed = await useRecoveryCode(tx, account.id, hashCode(code), new Date(context.clock.now()))
  if (isUsed) await sendNotice(context, tx, account, 'recoveryUsed', place)
  return isUsed
}

/** Either, told apart by its form: where a form has one field for both. */
export async function useAnyCode(
  context: ApiContext,
  tx: Db,
  account: LockedAccount,
  code: string,
  place: Place,
): Promise<Extract<Factor, 'totp' | 'recovery'> | undefined> {
  if (await useTotp(context, tx, account.id, code)) return 'totp'
  return (await useRecovery(context, tx, account, code, place)) ? 'recovery' : undefined
}

/** The passkey that this answer is of. Throws `passkey-refused` when nobody who may sign in has registered it. */
export async function passkeyOf(db: Db, assertion: Assertion): Promise<Passkey> {
  const passkey = await findPasskey(db, assertion.id)
  if (!passkey) throw refused('it is not registered here')
  return passkey
}

/** Throws `passkey-refused`. */
export async function useAssertion(
  { clock, settings }: Context,
  tx: Db,
  passkey: Passkey,
  challenge: string,
  assertion: Assertion,
): Promise<void> {
  const counter = await verifyAssertion(relyingPartyOf(settings.publicUrl()), challenge, assertion, passkey)
  // Compared again where it is written: two answers with one counter cannot both be from the true key.
  if (!(await usePasskey(tx, passkey.id, counter, new Date(clock.now())))) throw refused('it may have been copied')
}

export function wrongCode(): Fault {
  return new Fault('second-factor-wrong', 'The code is wrong, or was used already: wait for the next one')
}
