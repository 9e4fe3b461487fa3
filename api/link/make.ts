// Making a link (R22): whoever may share a device may make one, and it never gives more than its maker holds.
import { lockDevices } from '@ridethrough/db/query/device.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { countOpenLinks, findLink, insertLink, type Link } from '@ridethrough/db/query/link.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { mintToken } from '@ridethrough/db/token.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { NewLink } from '@ridethrough/protocol/http/link.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { recordingRefusals, type SignedIn } from '../event.ts'
import { networkOf } from '../refusals.ts'
import { changeTeam, lockOwnPlace } from '../team/change.ts'
import { recordLink } from './event.ts'
import { linkable } from './rules.ts'

/** Of a company, those that have not ended. */
const MOST_LINKS = 1000

export type LinkChanged = { readonly result: Link; readonly access: EdgeReport }

export async function makeLink(
  context: ApiContext,
  actor: SignedIn,
  wanted: z.output<typeof NewLink>,
): Promise<LinkChanged> {
  const deviceIds = [...new Set(wanted.deviceIds)]
  const act = { kind: 'link.made', subject: { name: wanted.name, devices: deviceIds.map((id) => ({ id })) } } as const
  return recordingRefusals(context, actor, act, async () => {
    const { now } = actor
    await context.throttles.linkMaking.take(actor.accountId, now)
    checkPeriod(wanted, now)
    const pinHash = await hashPin(context, actor, wanted.pin)
    return changeTeam(context, async (tx) => {
      const { companyId } = await lockOwnPlace(tx, actor.accountId)
      await lockDevices(tx, deviceIds)
      const sheet = await loadFactsOfDevices(tx, deviceIds)
      const privileges = linkable(sheet, actor, deviceIds, wanted.privileges, now)
      await checkRoom(tx, companyId)
      const { token, hash } = mintToken()
      const id = await insertLink(tx, {
        ...termsOf(wanted),
        ...{ companyId, createdBy: actor.accountId, deviceIds, privileges, pinHash },
        at: new Date(now),
        tokenHash: hash,
        seal: (linkId) => context.linkSecrets.seal(token, linkId),
      })
      const result = await linkOf(tx, id)
      await recordLink(tx, actor, 'link.made', result, { privileges: privilegesOf(privileges) })
      // Nobody has opened it yet: no edge holds anything of it.
      return { result, change: { links: [id], what: 'link made' } }
    })
  })
}

export async function linkOf(db: Db, id: string): Promise<Link> {
  const link = await findLink(db, id)
  if (!link) throw new Error(`the link ${id} that was just written is not there`)
  return link
}

/** Takes its time: before the transaction, never in it. `null`: none. */
export function hashPin(context: ApiContext, actor: SignedIn, pin: string | null): Promise<string | null> {
  return pin === null ? Promise.resolve(null) : context.passwords.hash(pin, networkOf(actor.address))
}

type Period = { readonly from: string | null; readonly until: string | null }

export function checkPeriod({ from, until }: Period, now: number): void {
  if (until === null) return
  if (Date.parse(until) <= now) throw wrongInput('until', 'the end is past already')
  if (from !== null && Date.parse(from) >= Date.parse(until)) {
    throw wrongInput('until', 'the end must come after the start')
  }
}

export function wrongInput(path: string, message: string): Fault {
  return new Fault('input-invalid', `Look again at: ${path} (${message})`, { fields: [{ path, message }] })
}

function termsOf({ name, variables, from, until, windows, maxUses }: z.output<typeof NewLink>) {
  return {
    ...{ name, windows, maxUses, variables: variables && [...new Set(variables)] },
    startsAt: from === null ? null : new Date(from),
    endsAt: until === null ? null : new Date(until),
  }
}

async function checkRoom(tx: Db, companyId: string): Promise<void> {
  if ((await countOpenLinks(tx, companyId)) < MOST_LINKS) return
  throw new Fault('limit-reached', `Your company has ${MOST_LINKS} links already: end some first`)
}
