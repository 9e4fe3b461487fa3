// The event log: pages of it, and exports that leave nothing out.
import { Readable } from 'node:stream'
import { findAccount } from '@ridethrough/db/query/account.ts'
import { type EventFilter, type EventReader, type LoggedEvent, listEvents } from '@ridethrough/db/query/event-list.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { EVENT_KINDS, EventPage, EventQuery } from '@ridethrough/protocol/http/event.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { CSV_TYPE, csvRecord } from '../csv.ts'
import { eventView, parseSeq } from '../event-view.ts'
import { viewerOf } from '../plugin/auth.ts'

const ExportQuery = EventQuery.omit({ cursor: true, limit: true })
type Filters = z.infer<typeof ExportQuery>

const ROWS_AT_ONCE = 500
/** An export reads the whole log. */
const EXPORTS = { max: 20, timeWindow: 60_000 } as const

export const eventRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/events',
    {
      config: { needs: 'rights' },
      schema: {
        tags: ['events'],
        summary: 'Who did what, when and from where, refused attempts too; the newest first',
        description: 'Owners see what concerns their company, everybody what they did themselves.',
        querystring: EventQuery,
        response: { 200: EventPage },
      },
    },
    async (request) => {
      const { cursor, limit, ...filters } = request.query
      const reader = await readerOf(context, request)
      const filter = { ...filterOf(filters), before: parseSeq(cursor) }
      const found = await listEvents(context.db, reader, filter, limit + 1)
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { items: page.map(eventView), next: last ? String(last.seq) : null }
    },
  )

  const exports = [
    { path: '/events.csv', type: CSV_TYPE, head: csvRecord(COLUMNS.map(([name]) => name)), line: csvLine },
    { path: '/events.jsonl', type: 'application/jsonl; charset=utf-8', head: '', line: jsonLine },
  ] as const
  for (const { path, type, head, line } of exports) {
    app.get(
      path,
      {
        config: { needs: 'rights', rateLimit: EXPORTS },
        schema: {
          tags: ['events'],
          summary: `All of the event log that the asker sees, as ${path.replace('/events.', '').toUpperCase()}`,
          description: path.endsWith('jsonl')
            ? 'Each line carries `row`, the text that is hashed: SHA-256 over the bytes of `before` and of `row` gives `hash`, and `before` is the `hash` of the row whose `seq` is one less.'
            : 'RFC 4180, with a header; what begins like a formula is quoted with an apostrophe.',
          querystring: ExportQuery,
          response: {
            200: { description: 'The rows', content: { [type.split(';')[0] ?? type]: { schema: z.string() } } },
          },
        },
      },
      async (request, reply) => {
        const reader = await readerOf(context, request)
        const rows = allEvents(context, reply, reader, filterOf(request.query))
        const day = new Date(request.receivedAt).toISOString().slice(0, 10)
        reply.header('content-disposition', `attachment; filename="${path.slice(1).replace('.', `-${day}.`)}"`)
        return sendFile(reply, type, texts(head, rows, line))
      },
    )
  }
}

/** As it is read, so that a log of any length takes no memory. */
function sendFile(reply: FastifyReply, type: string, parts: AsyncGenerator<string>): FastifyReply {
  return reply
    .type(type)
    .header('cache-control', 'no-store')
    .send(Readable.from(parts, { objectMode: false }))
}

async function readerOf({ db }: ApiContext, request: FastifyRequest): Promise<EventReader> {
  const account = await findAccount(db, viewerOf(request).accountId)
  if (!account) throw new Fault('session-missing', 'The account is no longer there: sign in again')
  return { accountId: account.id, companyId: account.role === 'owner' ? account.company.id : null }
}

/** Page after page; whoever loses their rights or their session meanwhile gets no further. */
async function* allEvents(
  { db, reads, edge }: ApiContext,
  reply: FastifyReply,
  reader: EventReader,
  filter: EventFilter,
): AsyncGenerator<readonly LoggedEvent[]> {
  let before: number | undefined
  for (;;) {
    const rows = await listEvents(db, reader, { ...filter, before }, ROWS_AT_ONCE)
    if (!reads.mayAnswer(reply) || !edge.isServing()) {
      throw new Fault(
        'store-unavailable',
        'This server cannot confirm rights at the moment: try again in a few seconds',
      )
    }
    yield rows
    before = rows.at(-1)?.seq
    if (rows.length < ROWS_AT_ONCE) return
  }
}

async function* texts(
  head: string,
  pages: AsyncGenerator<readonly LoggedEvent[]>,
  line: (event: LoggedEvent) => string,
): AsyncGenerator<string> {
  yield head
  for await (const rows of pages) yield rows.map(line).join('')
}

function filterOf({ kind, outcome, accountId, from, to }: Filters): EventFilter {
  return { kind, outcome, accountId, from: from ? new Date(from) : undefined, to: to ? new Date(to) : undefined }
}

const COLUMNS: readonly (readonly [name: string, of: (event: LoggedEvent) => string])[] = [
  ['seq', ({ seq }) => String(seq)],
  ['at', ({ at }) => at.toISOString()],
  ['kind', ({ kind }) => kind],
  ['what', ({ kind }) => EVENT_KINDS[kind]],
  ['outcome', ({ outcome }) => outcome],
  ['code', ({ outcome, subject }) => (outcome === 'refused' ? String(subject.code ?? '') : '')],
  ['who', ({ account }) => account?.name ?? ''],
  ['account', ({ account }) => account?.id ?? ''],
  ['credential', ({ credentialId }) => credentialId ?? ''],
  ['address', ({ address }) => address],
  ['subject', ({ subject }) => JSON.stringify(subject)],
]

function csvLine(event: LoggedEvent): string {
  return csvRecord(COLUMNS.map(([, of]) => of(event)))
}

function jsonLine(event: LoggedEvent): string {
  const { canonical, before, hash } = event
  const proof = { row: canonical, before: before.toString('hex'), hash: hash.toString('hex') }
  return `${JSON.stringify({ ...eventView(event), ...proof })}\n`
}
