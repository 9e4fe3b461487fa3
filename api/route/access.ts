// Who may do what on a device, and why (R73): answered by the code that enforces it.
import { listPeople } from '@ridethrough/db/query/account.ts'
import { type FactSheet, loadFactsOfDevices, loadPastFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import { findFactsBegin } from '@ridethrough/db/query/facts-past.ts'
import { listLinkNames } from '@ridethrough/db/query/link-name.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { type AccountSubject, type DeviceFact, decide, FULL_SCOPE, type Subject } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { needWay, noDevice, refusal } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { viewerOf } from '../plugin/auth.ts'
import { AccessQuery, AccessView, type PrivilegeAnswer } from '../schema/access.ts'

const DESCRIPTION = `By the memberships, shares, guest entries and links of the company, asked at the instant \`at\` (now, unless it is given).
A past instant is answered from the facts as they were then, a future one from the facts as they are now. Names are those of today.
Facts are kept from \`since\` on; when the device is deleted they stay, but are told only to the company whose device it was, and only
while that company has it registered: nobody learns with whom an earlier company shared it.`

export const accessRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context
  app.get(
    '/devices/:id/access',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'Who may do what, and why, at an instant',
        description: DESCRIPTION,
        params: IdParams,
        querystring: AccessQuery,
        response: { 200: AccessView },
      },
    },
    async (request) => {
      const now = clock.now()
      await needWay(db, viewerOf(request), request.params.id)
      const sheet = await loadFactsOfDevices(db, [request.params.id])
      const device = await askable(db, viewerOf(request), request.params.id, sheet, now)
      const at = request.query.at === undefined ? now : Date.parse(request.query.at)
      const then = at < now ? await loadPastFactsOfDevices(db, [device.id], new Date(at)) : sheet
      return {
        deviceId: device.id,
        at: new Date(at).toISOString(),
        since: ((await findFactsBegin(db, device)) ?? new Date(now)).toISOString(),
        ...(await answersFor(db, device, then, at)),
      }
    },
  )
}

/** Whoever may share it may ask. Knowing who has access is nothing that a plan sells, so the plan is left out of it. */
async function askable(db: Db, asker: AccountSubject, id: string, sheet: FactSheet, now: number): Promise<DeviceFact> {
  const device = sheet.devices[0]
  if (!device) throw noDevice()
  if (!decide(asker, 'share', { ...device, plan: 'advanced' }, sheet.facts, now).allow) {
    throw await refusal(db, asker, 'share', id, now)
  }
  return device
}

async function answersFor(db: Db, today: DeviceFact, { devices, facts }: FactSheet, at: number) {
  const device = devices[0]
  // Before it was registered, or while it was another company's.
  if (device?.companyId !== today.companyId) return { people: [], links: [] }
  const answers = (subject: Subject) => answersOf(subject, device, facts, at)
  const accounts = await listPeople(
    db,
    facts.memberships.map(({ accountId }) => accountId),
  )
  const links = await listLinkNames(
    db,
    facts.links.map(({ id }) => id),
  )
  return {
    people: accounts
      .map((account) => ({
        account: { ...account },
        privileges: answers({ accountId: account.id, scope: FULL_SCOPE }),
      }))
      // Guests whose entry has nothing to do with this device.
      .filter(({ privileges }) => privileges.some(({ why }) => why !== 'no-grant')),
    links: links.map((link) => ({ ...link, privileges: answers({ linkId: link.id, scope: FULL_SCOPE }) })),
  }
}

function answersOf(subject: Subject, device: DeviceFact, facts: FactSheet['facts'], at: number): PrivilegeAnswer[] {
  return PRIVILEGES.map((privilege) => {
    const decision = decide(subject, privilege, device, facts, at)
    const { allow } = decision
    return { privilege, allow, via: decision.allow ? decision.via : null, why: decision.allow ? null : decision.why }
  })
}
