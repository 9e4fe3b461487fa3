// R45: the way out when nobody is left in a company who could let anybody in. `ridethrough admin restore-owner`.
import { recordAccessChange, waitForEdges } from '@ridethrough/db/access.ts'
import { systemClock } from '@ridethrough/db/clock.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { findCompany, lockCompanies } from '@ridethrough/db/query/company.ts'
import { appendEvent } from '@ridethrough/db/query/event.ts'
import { findPlaceByAddress, lockPlace, type Place, reactivate, setRole } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import { pino } from 'pino'

/** Throws, in words for the operator, when there is no such account. */
export async function restoreOwner(
  db: Db,
  databaseUrl: string,
  email: string,
  say: (line: string) => void,
): Promise<void> {
  const known = await findPlaceByAddress(db, foldAddress(email))
  if (!known) throw new Error(`no account has proved the address ${email}: whoever it is signs up first`)
  const company = (await findCompany(db, known.companyId))?.name ?? known.companyId
  const version = await db.transaction().execute((tx) => restore(tx, known))
  if (version === undefined) return say(`${known.name} is an active owner of ${company} already: nothing was changed`)
  const listener = await Listener.start(databaseUrl, pino({ name: 'admin', level: 'warn' }))
  try {
    const { edges } = await waitForEdges(db, listener, version, systemClock)
    say(`${known.name} is an active owner of ${company} now${known.active ? '' : ', and can sign in again'}`)
    say(
      `${edges.length} ${edges.length === 1 ? 'server has' : 'servers have'} applied it; the event log says that it was done here`,
    )
  } finally {
    await listener.stop()
  }
}

/** The version of access to wait for; `undefined` when there was nothing to do. */
async function restore(tx: Db, known: Place): Promise<number | undefined> {
  await lockCompanies(tx, [known.companyId])
  const place = await lockPlace(tx, known.accountId)
  if (place?.companyId !== known.companyId) throw new Error('the account has just changed its company: try again')
  if (place.role === 'owner' && place.active) return undefined
  await setRole(tx, place.accountId, 'owner')
  if (!place.active) await reactivate(tx, place.accountId)
  const { accountId, companyId, name, role, active } = place
  await appendEvent(tx, {
    at: new Date(),
    companyId,
    // Nobody who is signed in: the operator, on the server itself.
    ...{ accountId: null, credentialId: null, address: '' },
    kind: 'owner.restored',
    outcome: 'done',
    subject: { member: { id: accountId, name }, before: { role, active } },
  })
  return recordAccessChange(tx, { accounts: [accountId], what: 'owner.restored' })
}
