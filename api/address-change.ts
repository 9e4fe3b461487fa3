// Signing in with another address: both the old and the new one must be shown to be one's own.
import { dropPendingAccounts, findAccountByAddress, lockAddress } from '@ridethrough/db/query/account.ts'
import { type LockedAccount, setAddress } from '@ridethrough/db/query/account-change.ts'
import { countWrongCodesOf, deleteEmailCodes, findCodeOf, insertEmailCode } from '@ridethrough/db/query/email-code.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { AddressChangeProof } from '@ridethrough/protocol/http/security.ts'
import type { z } from 'zod'
import { changeAccess } from './access.ts'
import { ADDRESS_CODE, CODE_TRIES, hashCode, mintCode } from './code.ts'
import type { ApiContext } from './context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from './event.ts'
import { bindGuestEntries } from './guest/ending.ts'
import { postMail } from './mail/post.ts'
import { sendNotice } from './session-start.ts'
import { bindShares } from './share/waiting.ts'
import { lockOwnAccount } from './step-up.ts'
import type { Place } from './whereabouts.ts'

const PURPOSES = ['change-address-old', 'change-address-new'] as const

/** One code to each address. Somebody who has the new one already is told by mail; the answer is the same. */
export async function beginAddressChange(context: ApiContext, actor: SignedIn, email: string): Promise<void> {
  const folded = foldAddress(email)
  await context.throttles.changeMail.take(actor.accountId, actor.now)
  await context.throttles.addressMail.take(folded, actor.now)
  await context.db.transaction().execute(async (tx) => {
    const account = await lockOwnAccount(tx, actor)
    if (account.folded === folded) throw wrongInput('this is the address that you have')
    const [oldCode, newCode] = [mintCode(ADDRESS_CODE), mintCode(ADDRESS_CODE)]
    const expiresAt = new Date(actor.now + ADDRESS_CODE.lifetimeMs)
    const common = { accountId: account.id, expiresAt, newEmail: email }
    await insertEmailCode(tx, { ...common, purpose: PURPOSES[0], codeHash: oldCode.hash })
    await insertEmailCode(tx, { ...common, purpose: PURPOSES[1], codeHash: newCode.hash })
    await postMail(context, tx, context.mails.addressOld(account, email, oldCode.text, expiresAt))
    const taken = await findAccountByAddress(tx, folded)
    await postMail(
      context,
      tx,
      taken ? context.mails.registered(taken) : context.mails.addressNew({ email }, newCode.text, expiresAt),
    )
  })
  await context.throttles.changeCode.forget(actor.accountId)
}

/** What was shared with the new address while nobody had it is this account's now. The old address is told. */
export async function confirmAddressChange(
  context: ApiContext,
  actor: SignedIn,
  proof: z.infer<typeof AddressChangeProof>,
  place: Place,
): Promise<void> {
  const act = { kind: 'address.changed', subject: {} } as const
  await recordingRefusals(context, actor, act, async () => {
    await context.throttles.changeCode.take(actor.accountId, actor.now)
    const wanted = await findCodeOf(context.db, actor.accountId, PURPOSES[1])
    if (!wanted?.newEmail) throw noChange()
    const email = wanted.newEmail
    const folded = foldAddress(email)
    await changeAccess(context, async (tx) => {
      // Before the account, as at a sign-up: nobody proves this address beside us.
      await lockAddress(tx, folded)
      const account = await lockOwnAccount(tx, actor)
      const fault = await checkCodes(tx, account, email, proof, actor.now)
      if (fault) return fault
      if (await findAccountByAddress(tx, folded))
        throw new Fault('address-taken', 'This address has an account already')
      await dropPendingAccounts(tx, folded)
      await setAddress(tx, account.id, email, folded)
      await deleteEmailCodes(tx, account.id, [...PURPOSES, 'reset-password'])
      const devices = await bindShares(context, tx, folded, account.id)
      await bindGuestEntries(context, tx, actor, folded, account.id)
      await sendNotice(context, tx, account, 'addressChanged', place, email)
      await recordEvent(tx, actor, { kind: act.kind, subject: { from: account.email, to: email } })
      return { result: undefined, change: { accounts: [account.id], devices, what: 'address changed' } }
    })
    await context.throttles.changeCode.forget(actor.accountId)
  })
}

/** What is wrong, or nothing. Which of the two it was is not said. */
async function checkCodes(
  tx: Db,
  account: LockedAccount,
  email: string,
  { oldCode, newCode }: z.infer<typeof AddressChangeProof>,
  now: number,
): Promise<Fault | undefined> {
  const codes = [await findCodeOf(tx, account.id, PURPOSES[0]), await findCodeOf(tx, account.id, PURPOSES[1])]
  if (codes.some((code) => code?.newEmail !== email)) return noChange()
  if (codes.some((code) => (code?.tries ?? 0) >= CODE_TRIES)) {
    return new Fault('too-many-tries', 'Too many wrong codes: begin anew')
  }
  const given = [hashCode(oldCode), hashCode(newCode)]
  if (!codes.every((code, index) => code?.hash.equals(given[index] ?? Buffer.alloc(0)))) {
    await countWrongCodesOf(tx, account.id, PURPOSES)
    return new Fault('code-wrong', 'One of the codes is wrong: each address has got its own')
  }
  if (codes.some((code) => (code?.expiresAt.getTime() ?? 0) <= now)) {
    return new Fault('code-expired', 'The codes are too old: begin anew')
  }
  return undefined
}

function noChange(): Fault {
  return new Fault('code-expired', 'No change of address is under way: begin anew')
}

function wrongInput(message: string): Fault {
  return new Fault('input-invalid', 'Look again at: email', { fields: [{ path: 'email', message }] })
}
