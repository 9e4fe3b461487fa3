// Links as those see them who make them.
import type { Link } from '@ridethrough/db/query/link.ts'
import type { LinkView } from '@ridethrough/protocol/http/link.ts'
import { LINKABLE, privilegesOf } from '@ridethrough/protocol/privilege.ts'
import type { ApiContext } from '../context.ts'
import { showLink } from './token.ts'

export async function linkView(context: ApiContext, link: Link): Promise<LinkView> {
  return {
    ...{ id: link.id, name: link.name, state: stateOf(link, context.clock.now()) },
    ...(await showLink(context, link)),
    createdBy: { name: link.createdBy.name },
    devices: link.devices.map((device) => ({ ...device })),
    privileges: privilegesOf(link.privileges & LINKABLE),
    variables: link.variables && [...link.variables],
    from: link.startsAt?.toISOString() ?? null,
    until: link.endsAt?.toISOString() ?? null,
    windows: [...link.windows],
    maxUses: link.maxUses,
    uses: link.uses,
    hasPin: link.pinHash !== null,
    createdAt: link.createdAt.toISOString(),
    lastUsedAt: link.lastUsedAt?.toISOString() ?? null,
    endedAt: link.endedAt?.toISOString() ?? null,
  }
}

/** One after the other: see `showLink`. */
export async function linkViews(context: ApiContext, links: readonly Link[]): Promise<LinkView[]> {
  const views: LinkView[] = []
  for (const link of links) views.push(await linkView(context, link))
  return views
}

/** For people to read; whether it opens is asked of the policy. */
function stateOf(link: Link, now: number): LinkView['state'] {
  if (link.endedAt) return 'ended'
  if (link.endsAt && link.endsAt.getTime() <= now) return 'expired'
  if (link.suspendedAt) return 'suspended'
  if (link.startsAt && link.startsAt.getTime() > now) return 'not-yet'
  return link.maxUses !== null && link.uses >= link.maxUses ? 'used-up' : 'active'
}
