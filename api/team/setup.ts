// The first start of a real installation: no default password, the first account is made with a code that the server prints.
import { insertPendingAccount, lockAddress, proveAddress } from '@ridethrough/db/query/account.ts'
import {
  countWrongOperatorCode,
  lockSetup,
  needsOperator,
  setOperator,
  setOperatorCode,
} from '@ridethrough/db/query/setup.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { Operator } from '@ridethrough/protocol/http/company.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import { CODE_TRIES, hashCode, mintCode, OPERATOR_CODE } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { type Actor, recordEvent, recordingRefusals } from '../event.ts'
import { checkNewPassword } from '../password-policy.ts'
import { type StartedSession, startSession } from '../session-start.ts'
import type { Place } from '../whereabouts.ts'

type Installation = Pick<ApiContext, 'db' | 'clock' | 'settings'>

/** Whether nobody may sign up yet. With SETUP=open an installation never waits. */
export async function waitsForOperator({ db, settings }: Pick<Installation, 'db' | 'settings'>): Promise<boolean> {
  return settings.setup === 'code' && (await needsOperator(db))
}

/** The code of this start, to be shown to whoever starts the server; those of earlier starts are void. */
export async function prepareSetup({ db, clock, settings }: Installation): Promise<string | undefined> {
  if (!(await waitsForOperator({ db, settings }))) return undefined
  const code = mintCode(OPERATOR_CODE)
  await setOperatorCode(db, code.hash, new Date(clock.now() + OPERATOR_CODE.lifetimeMs))
  return code.text
}

/** Before an operator is there, the first to come must not be somebody else. */
export async function refuseBeforeSetup(context: Pick<ApiContext, 'db' | 'settings'>): Promise<void> {
  if (!(await waitsForOperator(context))) return
  throw new Fault('setup-needed', 'The installation is new: its operator has to make the first account')
}

/** The first account: verified at once, since the code proves more than a mail could, and owner of its company. */
export async function makeOperator(
  context: ApiContext,
  actor: Actor,
  wanted: z.infer<typeof Operator>,
  place: Place,
): Promise<StartedSession> {
  const act = { kind: 'operator.made', subject: {}, companyId: null } as const
  return recordingRefusals(context, actor, act, async () => {
    if (!(await waitsForOperator(context))) throw setupDone()
    checkNewPassword(wanted.password, wanted)
    const made = await context.db.transaction().execute(async (tx) => {
      const refused = await checkOperatorCode(context, tx, hashCode(wanted.code), actor.now)
      if (refused) return refused
      const accountId = await insertOperator(context, tx, wanted, actor.now)
      const signedIn = await startSession(context, tx, accountId, place, ['password'])
      const subject = { account: { id: accountId, name: wanted.name } }
      await recordEvent(tx, { ...actor, accountId }, { kind: act.kind, subject })
      return signedIn
    })
    if (made instanceof Fault) throw made
    return made
  })
}

async function checkOperatorCode(
  { settings }: ApiContext,
  tx: Db,
  hash: Buffer,
  now: number,
): Promise<Fault | undefined> {
  const { codeHash, codeTries, codeExpiresAt } = await lockSetup(tx)
  if (!(await waitsForOperator({ db: tx, settings }))) return setupDone()
  const restart = 'restart the server, which prints another one'
  if (!codeHash || codeTries >= CODE_TRIES) return new Fault('too-many-tries', `Too many wrong codes: ${restart}`)
  if (!codeHash.equals(hash)) {
    await countWrongOperatorCode(tx)
    return new Fault(
      'code-wrong',
      'The code is wrong: read it again where the server was started; a restart makes another',
    )
  }
  if (codeExpiresAt && codeExpiresAt.getTime() <= now)
    return new Fault('code-expired', `The code is too old: ${restart}`)
  return undefined
}

async function insertOperator(
  { passwords }: ApiContext,
  tx: Db,
  { email, name, password }: z.infer<typeof Operator>,
  now: number,
): Promise<string> {
  const folded = foldAddress(email)
  await lockAddress(tx, folded)
  const account = await insertPendingAccount(
    tx,
    { email, folded, name, passwordHash: await passwords.hash(password), memberPrivileges: BUILT_IN_ROLES.operator },
    new Date(now),
  )
  if (!account) throw new Fault('too-many-tries', 'Others sign up with this address: take another, or wait an hour')
  await proveAddress(tx, account.id, folded, new Date(now))
  await setOperator(tx, account.id)
  return account.id
}

function setupDone(): Fault {
  return new Fault('setup-done', 'The installation has an operator already: sign up, or ask to be invited')
}
