// Changes of access as the API makes them, and refusals in words.
import { type AccessChange, recordAccessChange, waitForEdges } from '@ridethrough/db/access.ts'
import { loadFactsOfAccounts } from '@ridethrough/db/query/facts.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { type AccountSubject, decide, grantsOn, privilegesAt } from '@ridethrough/protocol/policy.ts'
import { NO_PRIVILEGES, PRIVILEGE_TEXT, type Privilege } from '@ridethrough/protocol/privilege.ts'
import type { ApiContext } from './context.ts'
import { gatheringEvents } from './event.ts'

/**
 * Makes a change and resolves only when no edge serves anything under the rights before it. A Fault that is returned
 * (not thrown) lets what `make` wrote stand, such as a counted try, and is thrown after the commit.
 */
export async function changeAccess<T>(
  { db, listener, clock, metrics }: ApiContext,
  make: (tx: Db) => Promise<{ readonly result: T; readonly change: AccessChange } | Fault>,
): Promise<{ readonly result: T; readonly access: EdgeReport }> {
  const made = await db.transaction().execute(async (tx) => {
    const outcome = await gatheringEvents(tx, () => make(tx))
    if (outcome instanceof Fault) return outcome
    return { result: outcome.result, version: await recordAccessChange(tx, outcome.change) }
  })
  if (made instanceof Fault) throw made
  metrics.accessWaiting.inc()
  try {
    const access = await waitForEdges(db, listener, made.version, clock)
    metrics.accessChange.observe(access.ms / 1000)
    return { result: made.result, access }
  } finally {
    metrics.accessWaiting.dec()
  }
}

/** Why this asker may not do that. To somebody who sees nothing of the device, it is not there. */
export async function refusal(
  db: Db,
  asker: AccountSubject,
  privilege: Privilege,
  deviceId: string,
  now: number,
): Promise<Fault> {
  const { devices, facts } = await loadFactsOfAccounts(db, [asker.accountId])
  const device = devices.find((one) => one.id === deviceId)
  if (!device || privilegesAt(grantsOn(asker, device, facts), now) === NO_PRIVILEGES) return noDevice()
  const decision = decide(asker, privilege, device, facts, now)
  if (!decision.allow && decision.why === 'plan') {
    return new Fault(
      'plan-too-low',
      `The device is on ${device.plan}: to ${PRIVILEGE_TEXT[privilege]} takes a higher plan`,
    )
  }
  if (!decision.allow && decision.why === 'scope') {
    return new Fault('right-missing', `This API token was not made to ${PRIVILEGE_TEXT[privilege]}`)
  }
  return new Fault('right-missing', `You may see this device, but not ${PRIVILEGE_TEXT[privilege]}: ask its owner`)
}

/**
 * Throws unless some way, open or not, leads from the asker to the device. Read by the asker and never by the device: before
 * anything is, so that somebody else's device takes no longer than none.
 */
export async function needWay(db: Db, asker: AccountSubject, deviceId: string): Promise<void> {
  const { devices } = await loadFactsOfAccounts(db, [asker.accountId])
  if (!devices.some(({ id }) => id === deviceId)) throw noDevice()
}

/** The same for "not yours" and "not there". */
export function noDevice(): Fault {
  return new Fault('not-found', 'There is no such device, or it is not shared with you')
}
