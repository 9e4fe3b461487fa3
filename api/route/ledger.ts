// The ledgers of shares, links and guest entries: how often and when last, and all that became of them.
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { LedgerView } from '@ridethrough/protocol/http/share.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import { type Asker, guestLedger, linkLedger, shareLedger } from '../ledger.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'

type Read = (context: ApiContext, asker: Asker, id: string) => Promise<LedgerView>

const LEDGERS: readonly { path: string; tag: string; summary: string; read: Read }[] = [
  {
    path: '/shares/:id/ledger',
    tag: 'shares',
    summary: 'What was made of a share, and what became of it (both sides)',
    read: shareLedger,
  },
  {
    path: '/share-links/:id/ledger',
    tag: 'links',
    summary: 'What was made of a link, and what became of it (those who manage it)',
    read: linkLedger,
  },
  {
    path: '/company/guests/:id/ledger',
    tag: 'guests',
    summary: 'What was made of a guest entry, and what became of it (owners, and the guest)',
    read: guestLedger,
  },
]

const DESCRIPTION =
  'A use is a connection that was shown the device or delivered to, or an answer about it; the same credential counts once a minute at most. `lastAt` goes on with what goes on.'

export const ledgerRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  for (const { path, tag, summary, read } of LEDGERS) {
    app.get(
      path,
      {
        config: { needs: 'rights' },
        schema: { tags: [tag], summary, description: DESCRIPTION, params: IdParams, response: { 200: LedgerView } },
      },
      (request) => {
        const { rights } = principalOf(request)
        return read(context, { ...viewerOf(request), rights }, request.params.id)
      },
    )
  }
}
