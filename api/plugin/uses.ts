// Which answers make use of what somebody was lent: noted for the ledger of both sides.
import type { Uses } from '@ridethrough/db/uses.ts'
import type { Privilege } from '@ridethrough/protocol/privilege.ts'
import { mayOn } from '@ridethrough/protocol/rights.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiContext } from '../context.ts'

type Told = { readonly privilege: Privilege; readonly ids: readonly string[] }

type Teller = (request: FastifyRequest, payload: unknown) => Told

/** After `authenticateRequests`, so that what may not be answered any more is not counted either. */
export function noteUses(app: FastifyInstance, { uses, clock }: Pick<ApiContext, 'clock'> & { uses: Uses }): void {
  app.addHook('preSerialization', async (request, reply, payload) => {
    const { principal } = request
    const tell = tellerOf(request.routeOptions.url ?? '')
    if (!principal || !tell || reply.statusCode >= 400) return payload
    const now = clock.now()
    const { privilege, ids } = tell(request, payload)
    for (const id of ids) {
      const via = mayOn(principal.rights, privilege, id, now)
      if (via !== undefined) uses.note(principal.credentialId, via, id, now)
    }
    return payload
  })
}

const API = '/api/v1'

function tellerOf(url: string): Teller | undefined {
  return TELLERS.get(url) ?? (url.startsWith(`${API}/devices/:id`) ? ofOneDevice : undefined)
}

const ofOneDevice: Teller = ({ params }) => ({ privilege: 'monitor', ids: textAt(params, 'id') })

/** Addresses under /devices/{id} are about that device; these are about others, or under another privilege. */
const TELLERS: ReadonlyMap<string, Teller> = new Map<string, Teller>([
  [`${API}/devices`, (_request, payload) => ({ privilege: 'monitor', ids: idsIn(payload, 'items') })],
  [`${API}/devices/:id/history`, ({ params }) => ({ privilege: 'history', ids: textAt(params, 'id') })],
  [`${API}/devices/:id/events`, ({ params }) => ({ privilege: 'history', ids: textAt(params, 'id') })],
  [`${API}/link`, (_request, payload) => ({ privilege: 'monitor', ids: idsIn(payload, 'devices') })],
  [`${API}/link/history`, ({ query }) => ({ privilege: 'history', ids: textAt(query, 'deviceId') })],
])

function textAt(value: unknown, name: string): string[] {
  const found = Object(value)[name] as unknown
  return typeof found === 'string' ? [found] : []
}

function idsIn(payload: unknown, list: string): string[] {
  const found = Object(payload)[list] as unknown
  return Array.isArray(found) ? found.flatMap((one) => textAt(one, 'id')) : []
}
