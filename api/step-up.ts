// Showing again who is behind a session, so that what is dangerous may be done for ten minutes.
import { type LockedAccount, lockAccount } from '@ridethrough/db/query/account-change.ts'
import { findSecondFactors, hasSecondFactor } from '@ridethrough/db/query/second-factor.ts'
import type { Factor } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { StepUp } from '@ridethrough/protocol/http/security.ts'
import type { z } from 'zod'
import type { ApiContext } from './context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from './event.ts'
import { refused } from './second-factor/passkey.ts'
import { useAnyCode, wrongCode } from './second-factor/proof.ts'
import { budgetOf, showPasskey } from './second-factor/sign-in.ts'
import { renewOwnSession, type StartedSession } from './session-start.ts'
import { provePassword } from './sign-in.ts'
import type { Place } from './whereabouts.ts'

/** The session goes on under a new token; the one that it came with opens nothing any more. */
export async function stepUp(
  context: ApiContext,
  actor: SignedIn,
  proof: z.infer<typeof StepUp>,
  place: Place,
): Promise<StartedSession> {
  const act = { kind: 'session.stepped-up', subject: {} } as const
  return recordingRefusals(context, actor, act, async () => {
    const hash = 'password' in proof ? await ownPassword(context, actor, proof.password, place) : undefined
    const done = await context.db.transaction().execute(async (tx) => {
      const factors =
        'password' in proof
          ? await showCode(context, tx, actor, proof.code, place, hash)
          : await showOwnPasskey(context, tx, actor, proof)
      if (factors instanceof Fault) return factors
      const renewed = await renewOwnSession(context, tx, actor, factors)
      await recordEvent(tx, actor, { kind: act.kind, subject: { factors: [...factors] } })
      return renewed
    })
    if (done instanceof Fault) throw done
    return done
  })
}

/** The hash that the asker's password fitted, under the same limits as signing in. */
export async function ownPassword(
  context: ApiContext,
  actor: SignedIn,
  password: string,
  place: Place,
): Promise<string> {
  const account = await lockAccount(context.db, actor.accountId)
  if (!account) throw gone()
  return (await provePassword(context, actor, account.email, password, place)).passwordHash
}

/** With a second factor, the password alone is not who one is. */
async function showCode(
  context: ApiContext,
  tx: Db,
  actor: SignedIn,
  code: string | undefined,
  place: Place,
  hash: string | undefined,
): Promise<readonly Factor[] | Fault> {
  const account = await lockOwnAccount(tx, actor)
  if (account.passwordHash !== hash) throw gone()
  if (!hasSecondFactor(await findSecondFactors(tx, account.id))) return ['password']
  if (code === undefined) return codeMissing()
  const budget = await budgetOf(tx, account.id, place.address)
  await context.throttles.secondFactor.take(budget, context.clock.now(), tx)
  const factor = await useAnyCode(context, tx, account, code, place)
  if (!factor) return wrongCode()
  await context.throttles.secondFactor.giveBack(budget, tx)
  return ['password', factor]
}

async function showOwnPasskey(
  context: ApiContext,
  tx: Db,
  actor: SignedIn,
  proof: Extract<z.infer<typeof StepUp>, { challenge: string }>,
): Promise<readonly Factor[] | Fault> {
  const shown = await showPasskey(context, tx, proof)
  if (shown instanceof Fault) return shown
  return shown === actor.accountId ? ['passkey'] : refused('it belongs to another account')
}

export async function lockOwnAccount(tx: Db, actor: SignedIn): Promise<LockedAccount> {
  const account = await lockAccount(tx, actor.accountId)
  if (!account) throw gone()
  return account
}

function codeMissing(): Fault {
  const message = 'give a code of your authenticator, or a recovery code'
  return new Fault('second-factor-wrong', 'Give the code of your second factor as well, or use a passkey', {
    fields: [{ path: 'code', message }],
  })
}

function gone(): Fault {
  return new Fault('session-missing', 'The account is no longer there: sign in again')
}
