// The second step of signing in, and signing in by a passkey alone.
import { type LockedAccount, lockAccount } from '@ridethrough/db/query/account-change.ts'
import {
  type Challenge,
  countWrongChallenge,
  endChallenge,
  findChallengeOwner,
  insertChallenge,
  lockChallenge,
} from '@ridethrough/db/query/challenge.ts'
import { listPasskeys } from '@ridethrough/db/query/passkey.ts'
import { isKnownNetwork } from '@ridethrough/db/query/place.ts'
import type { SecondFactors } from '@ridethrough/db/query/second-factor.ts'
import type { Factor } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type {
  PasskeyOptions,
  PasskeyProof,
  SecondFactorNeeded,
  SecondFactorProof,
} from '@ridethrough/protocol/http/security.ts'
import type { z } from 'zod'
import { CODE_TRIES } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { type Actor, recordingRefusals } from '../event.ts'
import { type StartedSession, startSession } from '../session-start.ts'
import { neighbourhoodOf, type Place } from '../whereabouts.ts'
import { authenticationOptions, CHALLENGE_MS, parseAssertion, refused, relyingPartyOf } from './passkey.ts'
import { passkeyOf, useAssertion, useRecovery, useTotp, wrongCode } from './proof.ts'

/** What is to be shown after the right password. */
export async function beginSecondStep(
  context: ApiContext,
  tx: Db,
  { id }: LockedAccount,
  { totpConfirmedAt, recoveryCodesLeft, passkeys }: SecondFactors,
  { address }: Place,
): Promise<SecondFactorNeeded> {
  const at = new Date(context.clock.now())
  const expiresAt = new Date(at.getTime() + CHALLENGE_MS)
  const options = passkeys > 0 ? await optionsFor(context, tx, id) : null
  const pending = await insertChallenge(tx, {
    ...{ accountId: id, purpose: 'second-factor', webauthn: options?.challenge ?? null },
    ...{ address, at, expiresAt },
  })
  return {
    pending,
    methods: [
      ...(totpConfirmedAt ? (['totp'] as const) : []),
      ...(options ? (['passkey'] as const) : []),
      ...(recoveryCodesLeft > 0 ? (['recovery'] as const) : []),
    ],
    passkey: options && { ...options },
    expiresAt: expiresAt.toISOString(),
  }
}

/** `null` where passkeys cannot be used, because the console is open by an IP address. */
async function optionsFor({ settings }: ApiContext, tx: Db, accountId: string) {
  try {
    return await authenticationOptions(relyingPartyOf(settings.publicUrl()), await listPasskeys(tx, accountId))
  } catch (error) {
    if (error instanceof Fault) return null
    throw error
  }
}

export async function finishSecondStep(
  context: ApiContext,
  actor: Actor,
  proof: SecondFactorProof,
  place: Place,
): Promise<StartedSession> {
  const now = new Date(context.clock.now())
  const accountId = await findChallengeOwner(context.db, proof.pending, 'second-factor', now)
  const act = { kind: 'session.started', subject: { method: proof.method } } as const
  return recordingRefusals(context, { ...actor, accountId: accountId ?? null }, act, async () => {
    const done = await context.db.transaction().execute(async (tx) => {
      const account = accountId === undefined ? undefined : await lockAccount(tx, accountId)
      const challenge = await lockChallenge(tx, proof.pending, 'second-factor', now)
      if (!account || !challenge) throw tooLate()
      const wrong = await checkTries(context, tx, challenge, account, place)
      if (wrong) return wrong
      const factor = await show(context, tx, account, challenge, proof, place)
      if (factor instanceof Fault) {
        await countWrongChallenge(tx, challenge.id)
        return factor
      }
      await endChallenge(tx, challenge.id, now)
      return startSession(context, tx, account.id, place, ['password', factor])
    })
    if (done instanceof Fault) throw done
    return done
  })
}

/** Counted before the outcome is known, for the challenge and for the account: signing in anew gives no new tries. */
async function checkTries(
  { throttles, clock }: ApiContext,
  tx: Db,
  challenge: Challenge,
  account: LockedAccount,
  { address }: Place,
): Promise<Fault | undefined> {
  if (challenge.tries >= CODE_TRIES) {
    await endChallenge(tx, challenge.id, new Date(clock.now()))
    return new Fault('too-many-tries', 'Too many wrong codes: sign in with your password again')
  }
  await throttles.secondFactor.take(await budgetOf(tx, account.id, address), clock.now(), tx)
  return undefined
}

/** As for passwords: who comes from where they have been before is not held up by others. */
export async function budgetOf(db: Db, accountId: string, address: string): Promise<string> {
  const network = neighbourhoodOf(address)
  return (await isKnownNetwork(db, { accountId }, network)) ? `${accountId} ${network}` : accountId
}

async function show(
  context: ApiContext,
  tx: Db,
  account: LockedAccount,
  challenge: Challenge,
  proof: SecondFactorProof,
  place: Place,
): Promise<Factor | Fault> {
  const isShown = await asFault(async () => {
    if (!('response' in proof)) {
      const isTotp = proof.method === 'totp'
      return isTotp
        ? useTotp(context, tx, account.id, proof.code)
        : useRecovery(context, tx, account, proof.code, place)
    }
    const assertion = parseAssertion(proof.response)
    const passkey = await passkeyOf(tx, assertion)
    if (passkey.accountId !== account.id || challenge.webauthn === null) throw refused('it belongs to another account')
    await useAssertion(context, tx, passkey, challenge.webauthn, assertion)
    return true
  })
  if (isShown instanceof Fault) return isShown
  if (!isShown) return wrongCode()
  await context.throttles.secondFactor.giveBack(await budgetOf(tx, account.id, place.address), tx)
  return proof.method
}

export async function beginPasskey(context: ApiContext, { address }: Place): Promise<z.infer<typeof PasskeyOptions>> {
  const at = new Date(context.clock.now())
  const options = await authenticationOptions(relyingPartyOf(context.settings.publicUrl()))
  const challenge = await insertChallenge(context.db, {
    ...{ accountId: null, purpose: 'passkey-sign-in', webauthn: options.challenge },
    ...{ address, at, expiresAt: new Date(at.getTime() + CHALLENGE_MS) },
  })
  return { challenge, options: { ...options } }
}

/** Possession and a PIN, a finger or a face: two factors in one. */
export async function signInByPasskey(
  context: ApiContext,
  actor: Actor,
  proof: z.infer<typeof PasskeyProof>,
  place: Place,
): Promise<StartedSession> {
  const act = { kind: 'session.started', subject: { method: 'passkey' } } as const
  return recordingRefusals(context, actor, act, async () => {
    const done = await context.db.transaction().execute(async (tx) => {
      const shown = await showPasskey(context, tx, proof)
      if (shown instanceof Fault) return shown
      return startSession(context, tx, shown, place, ['passkey'])
    })
    if (done instanceof Fault) throw done
    return done
  })
}

/** Whose passkey it is. The challenge is used up either way. */
export async function showPasskey(
  context: ApiContext,
  tx: Db,
  proof: z.infer<typeof PasskeyProof>,
): Promise<string | Fault> {
  return asFault(async () => {
    const now = new Date(context.clock.now())
    const assertion = parseAssertion(proof.response)
    const { accountId } = await passkeyOf(tx, assertion)
    const account = await lockAccount(tx, accountId)
    const challenge = await lockChallenge(tx, proof.challenge, 'passkey-sign-in', now)
    if (!account || !challenge?.webauthn) throw tooLate()
    await endChallenge(tx, challenge.id, now)
    // Read again now that the account is locked: the counter, and whether it is still registered.
    await useAssertion(context, tx, await passkeyOf(tx, assertion), challenge.webauthn, assertion)
    return account.id
  })
}

/** What was written until then stands, such as a challenge that is used up. */
async function asFault<T>(run: () => Promise<T>): Promise<T | Fault> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

function tooLate(): Fault {
  return new Fault('code-expired', 'This took too long, or was used already: begin anew')
}
