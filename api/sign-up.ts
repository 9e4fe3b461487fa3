// Signing up and proving an address. To the outside, an address with an account looks like one without.
import { recordAccessChange, waitForEdges } from '@ridethrough/db/access.ts'
import {
  findAccountByAddress,
  insertPendingAccount,
  listPendingAccounts,
  lockAddress,
  type NewPendingAccount,
  proveAddress,
} from '@ridethrough/db/query/account.ts'
import { asIf } from '@ridethrough/db/query/as-if.ts'
import { countWrongEmailCode, findEmailCode, insertEmailCode, useEmailCode } from '@ridethrough/db/query/email-code.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { NewAccount } from '@ridethrough/protocol/http/account.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { ADDRESS_CODE, CODE_TRIES, hashCode, mintCode } from './code.ts'
import type { ApiContext } from './context.ts'
import { type Actor, recordEvent, recordingRefusals } from './event.ts'
import { bindGuestEntries } from './guest/ending.ts'
import { postMail } from './mail/post.ts'
import { checkNewPassword } from './password-policy.ts'
import { networkOf } from './refusals.ts'
import { type StartedSession, startSession } from './session-start.ts'
import { bindShares } from './share/waiting.ts'
import type { Place } from './whereabouts.ts'

/** Mails a code to a new address, and to one that has an account the word that it has one. */
export async function signUp(context: ApiContext, { email, password, name }: NewAccount, from: string): Promise<void> {
  checkNewPassword(password, { email, name })
  const folded = foldAddress(email)
  const now = context.clock.now()
  await context.throttles.addressMail.take(folded, now)
  // Hashed in either case: it is what takes the time.
  const passwordHash = await context.passwords.hash(password, networkOf(from))
  const waiting = { email, folded, name, passwordHash, memberPrivileges: BUILT_IN_ROLES.operator }
  await context.db.transaction().execute(async (tx) => {
    await lockAddress(tx, folded)
    const known = await findAccountByAddress(tx, folded)
    if (!known) return beginWaiting(context, tx, waiting)
    await asIf(tx, () => beginWaiting(context, tx, waiting))
    await postMail(context, tx, context.mails.registered(known))
  })
}

async function beginWaiting(context: ApiContext, tx: Db, account: NewPendingAccount): Promise<void> {
  const pending = await insertPendingAccount(tx, account, new Date(context.clock.now()))
  if (pending) return mailCode(context, tx, { id: pending.id, email: account.email, name: account.name })
  context.log.info('too many sign-ups wait for one address: no further mail was sent')
}

/** A new code for the newest sign-up that waits for this address, if there is one. */
export async function resendCode(context: ApiContext, email: string): Promise<void> {
  const folded = foldAddress(email)
  await context.throttles.addressMail.take(folded, context.clock.now())
  await context.db.transaction().execute(async (tx) => {
    await lockAddress(tx, folded)
    const [pending] = await listPendingAccounts(tx, folded)
    if (pending) return mailCode(context, tx, pending)
    const known = await findAccountByAddress(tx, folded)
    const mail = context.mails.registered(known ?? { email, name: '' })
    if (known) await postMail(context, tx, mail)
    else await asIf(tx, () => postMail(context, tx, mail))
  })
  await context.throttles.addressCode.forget(folded)
}

/** Proves the address and signs in. Only who has the right code learns that it was used or is too old. */
export async function verifyAddress(
  context: ApiContext,
  actor: Actor,
  { email, code }: { readonly email: string; readonly code: string },
  place: Place,
): Promise<StartedSession> {
  const act = { kind: 'account.created', subject: { email }, companyId: null } as const
  return recordingRefusals(context, actor, act, () => prove(context, actor, email, code, place))
}

async function prove(
  context: ApiContext,
  asker: Actor,
  email: string,
  code: string,
  place: Place,
): Promise<StartedSession> {
  const { db, clock, throttles } = context
  const folded = foldAddress(email)
  const now = clock.now()
  await throttles.addressCode.take(folded, now)
  const outcome = await db.transaction().execute(async (tx) => {
    await lockAddress(tx, folded)
    const found = await findEmailCode(tx, folded, hashCode(code))
    if (!found) {
      await countWrongEmailCode(tx, folded)
      return new Fault('code-wrong', 'The code is wrong: compare it with the newest mail, or ask for another one')
    }
    if (found.usedAt) return new Fault('code-used', 'The code was used already: just sign in')
    if (found.tries >= CODE_TRIES) return new Fault('too-many-tries', 'Too many wrong codes: ask for another one')
    if (found.expiresAt.getTime() <= now) return new Fault('code-expired', 'The code is too old: ask for another one')
    await useEmailCode(tx, found.id, new Date(now))
    await proveAddress(tx, found.accountId, folded, new Date(now))
    const devices = await bindShares(context, tx, folded, found.accountId)
    await bindGuestEntries(context, tx, asker, folded, found.accountId)
    const signedIn = await startSession(context, tx, found.accountId, place, ['address'])
    const actor = { accountId: found.accountId, credentialId: null, companyId: signedIn.account.company.id }
    const { id, name } = signedIn.account
    await recordEvent(
      tx,
      { ...actor, address: place.address, now },
      { kind: 'account.created', subject: { account: { id, name } } },
    )
    const change = { accounts: [found.accountId], devices, what: 'waiting shares found their account' }
    return { signedIn, version: devices.length > 0 ? await recordAccessChange(tx, change) : undefined }
  })
  if (outcome instanceof Fault) throw outcome
  await throttles.addressCode.forget(folded)
  if (outcome.version !== undefined) await waitForEdges(db, context.listener, outcome.version, clock)
  return outcome.signedIn
}

async function mailCode(context: ApiContext, tx: Db, to: { id: string; email: string; name: string }): Promise<void> {
  const code = mintCode(ADDRESS_CODE)
  const expiresAt = new Date(context.clock.now() + ADDRESS_CODE.lifetimeMs)
  await insertEmailCode(tx, { accountId: to.id, purpose: 'verify-address', codeHash: code.hash, expiresAt })
  await postMail(context, tx, context.mails.verify(to, code.text, expiresAt))
}
