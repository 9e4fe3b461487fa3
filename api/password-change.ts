// A new password: with the old one, or with a mailed code when that is forgotten.
import { findAccountByAddress } from '@ridethrough/db/query/account.ts'
import { type LockedAccount, lockAccount, setPassword } from '@ridethrough/db/query/account-change.ts'
import { endChallenges } from '@ridethrough/db/query/challenge.ts'
import { findCompany } from '@ridethrough/db/query/company.ts'
import {
  countWrongCodesOf,
  deleteEmailCodes,
  findCodeOf,
  insertResetCode,
  useEmailCode,
} from '@ridethrough/db/query/email-code.ts'
import { seePlace } from '@ridethrough/db/query/place.ts'
import { endSessions } from '@ridethrough/db/query/session.ts'
import { endTokens } from '@ridethrough/db/query/token.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { PasswordChange, PasswordResetProof } from '@ridethrough/protocol/http/security.ts'
import type { z } from 'zod'
import { changeAccess } from './access.ts'
import { ADDRESS_CODE, CODE_TRIES, hashCode, mintCode } from './code.ts'
import type { ApiContext } from './context.ts'
import { type Actor, recordEvent, recordingRefusals, type SignedIn } from './event.ts'
import { postMail } from './mail/post.ts'
import { checkNewPassword } from './password-policy.ts'
import { networkOf } from './refusals.ts'
import { renewOwnSession, type StartedSession, sendNotice } from './session-start.ts'
import { ownPassword } from './step-up.ts'
import { browserOf, neighbourhoodOf, type Place } from './whereabouts.ts'

/** Ends all other sessions; the own one goes on under a new token. API tokens stay: they have nothing of the password. */
export async function changePassword(
  context: ApiContext,
  actor: SignedIn,
  { current, password }: z.infer<typeof PasswordChange>,
  place: Place,
): Promise<StartedSession> {
  const act = { kind: 'password.changed', subject: {} } as const
  return recordingRefusals(context, actor, act, async () => {
    const before = await ownPassword(context, actor, current, place)
    const passwordHash = await context.passwords.hash(password, networkOf(place.address))
    const { result } = await changeAccess(context, async (tx) => {
      const account = await lockAccount(tx, actor.accountId)
      if (account?.passwordHash !== before) throw new Fault('credentials-wrong', 'The password has changed meanwhile')
      await checkForAccount(tx, account, password)
      await replacePassword(tx, account, passwordHash, actor.now)
      const ended = await endSessions(tx, account.id, new Date(actor.now), actor.credentialId)
      const session = await renewOwnSession(context, tx, actor, ['password'])
      await sendNotice(context, tx, account, 'passwordChanged', place)
      await recordEvent(tx, actor, { kind: act.kind, subject: { ended: ended.length } })
      return { result: session, change: { credentials: ended, what: 'password changed' } }
    })
    return result
  })
}

/** Mails either a code or the word that there is no such account: the same answer after the same work. */
export async function requestReset(context: ApiContext, email: string): Promise<void> {
  const folded = foldAddress(email)
  const now = context.clock.now()
  await context.throttles.addressMail.take(folded, now)
  const code = mintCode(ADDRESS_CODE)
  const expiresAt = new Date(now + ADDRESS_CODE.lifetimeMs)
  await context.db.transaction().execute(async (tx) => {
    const isKnown = await insertResetCode(tx, folded, code.hash, expiresAt)
    const mails = [context.mails.resetCode({ email }, code.text, expiresAt), context.mails.resetUnknown({ email })]
    await postMail(context, tx, (isKnown ? mails[0] : mails[1]) as (typeof mails)[0])
  })
  await context.throttles.resetCode.forget(folded)
}

/**
 * Ends every session and every API token. Signs nobody in: where there is a second factor it is asked for at the sign-in
 * that follows, so a mailbox alone opens no account that has one.
 */
export async function completeReset(
  context: ApiContext,
  actor: Actor,
  { email, code, password }: z.infer<typeof PasswordResetProof>,
  place: Place,
): Promise<void> {
  checkNewPassword(password, { email })
  const folded = foldAddress(email)
  const act = { kind: 'password.reset', subject: { email } } as const
  await recordingRefusals(context, actor, act, async () => {
    await context.throttles.resetCode.take(folded, actor.now)
    const passwordHash = await context.passwords.hash(password, networkOf(place.address))
    const known = await findAccountByAddress(context.db, folded)
    await changeAccess(context, async (tx) => {
      const account = known && (await lockAccount(tx, known.id))
      const fault = await checkResetCode(tx, account, code, actor.now)
      if (!account || fault) return fault ?? wrongResetCode()
      await checkForAccount(tx, account, password)
      const at = new Date(actor.now)
      await replacePassword(tx, account, passwordHash, actor.now)
      const credentials = [...(await endSessions(tx, account.id, at)), ...(await endTokens(tx, account.id, at))]
      // Who reads the owner's mail there is the owner, and is no longer held up by what others tried from elsewhere.
      const seen = { network: neighbourhoodOf(place.address), browser: browserOf(place.userAgent) }
      await seePlace(tx, account.id, seen, at)
      await sendNotice(context, tx, account, 'passwordReset', place)
      const subject = { account: { id: account.id, name: account.name }, ended: credentials.length }
      await recordEvent(tx, { ...actor, accountId: account.id }, { kind: act.kind, subject })
      return { result: undefined, change: { credentials, what: 'password reset' } }
    })
    await context.throttles.resetCode.forget(folded)
  })
}

/** Throws `password-common`, also for what only we know of the account. */
async function checkForAccount(tx: Db, { email, name, companyId }: LockedAccount, password: string): Promise<void> {
  const company = await findCompany(tx, companyId)
  checkNewPassword(password, { email, name, company: company?.name ?? '' })
}

/** What was begun with the old one, and codes that would set another, are void. */
async function replacePassword(tx: Db, { id }: LockedAccount, passwordHash: string, now: number): Promise<void> {
  await setPassword(tx, id, passwordHash, new Date(now))
  await deleteEmailCodes(tx, id, ['change-address-old', 'change-address-new'])
  await endChallenges(tx, id, new Date(now))
}

/** What is wrong, or nothing: then the code is used up. Only who has the right one learns more than that it is wrong. */
async function checkResetCode(
  tx: Db,
  account: LockedAccount | undefined,
  text: string,
  now: number,
): Promise<Fault | undefined> {
  const code = account && (await findCodeOf(tx, account.id, 'reset-password'))
  if (!account || !code?.hash.equals(hashCode(text))) {
    if (account) await countWrongCodesOf(tx, account.id, ['reset-password'])
    return wrongResetCode()
  }
  if (code.usedAt) return new Fault('code-used', 'The code was used already: ask for another one')
  if (code.tries >= CODE_TRIES) return new Fault('too-many-tries', 'Too many wrong codes: ask for another one')
  if (code.expiresAt.getTime() <= now) return new Fault('code-expired', 'The code is too old: ask for another one')
  await useEmailCode(tx, code.id, new Date(now))
  return undefined
}

function wrongResetCode(): Fault {
  return new Fault('code-wrong', 'The code is wrong: compare it with the newest mail, or ask for another one')
}
