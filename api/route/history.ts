// The past of a device as charts need it: numbers over time, with the gaps left visible.
import { findDevice } from '@ridethrough/db/query/device.ts'
import { type HistoryPoint, readHistory } from '@ridethrough/db/query/history.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { HistoryQuery, HistoryView } from '@ridethrough/protocol/http/device.ts'
import { type Grant, viaOf } from '@ridethrough/protocol/policy.ts'
import { mayOn, type Rights, variablesOn } from '@ridethrough/protocol/rights.ts'
import { VARIABLE_NAME } from '@ridethrough/protocol/variable.ts'
import { mergeSpans, openWithin, type Span } from '@ridethrough/protocol/window-span.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { refusal } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { silentAfterMs } from '../freshness.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'

const DAY_MS = 24 * 3_600_000
const LONGEST_RANGE_MS = 400 * DAY_MS
const MOST_VARIABLES = 20

export const historyRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context
  app.get(
    '/devices/:id/history',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['devices'],
        summary: 'Past values of numeric variables, averaged to at most `points` points',
        description:
          'Oldest first; a point without a value marks a gap. A recipient sees the past only inside their own period.',
        params: IdParams,
        querystring: HistoryQuery,
        response: { 200: HistoryView },
      },
    },
    async (request) => {
      const { id } = request.params
      const { rights } = principalOf(request)
      const now = clock.now()
      const past = await readPast(context, rights, id, request.query, now)
      if (!past) throw await refusal(db, viewerOf(request), 'history', id, now)
      return past
    },
  )
}

/** As these rights show it at `now`; `undefined` when they show nothing of it. */
export async function readPast(
  { db }: Pick<ApiContext, 'db'>,
  rights: Rights,
  id: string,
  query: z.output<typeof HistoryQuery>,
  now: number,
): Promise<z.input<typeof HistoryView> | undefined> {
  const variables = parseNames(query.variables)
  const range = parseRange(query, now)
  if (mayOn(rights, 'history', id, now) === undefined) return undefined
  const device = await findDevice(db, id)
  if (!device) return undefined
  const allowed = variablesOn(rights, 'history', id, now)
  const beyond = variables.find((name) => allowed !== null && !allowed.has(name))
  if (beyond !== undefined) throw new Fault('right-missing', `You may not see ${beyond} of this device`)
  const within = spansWithin(rights.byDevice.get(id) ?? [], device.timeZone, range, now)
  // Buckets no narrower than the poll interval: else every other one would be empty.
  const stepMs = Math.max((range.to - range.from) / query.points, device.status.agent.intervalS * 1000)
  const series = await readHistory(db, { deviceId: id, variables, ...range, within, stepMs })
  const gapMs = silentAfterMs(device.status) + stepMs
  return {
    deviceId: id,
    from: new Date(range.from).toISOString(),
    to: new Date(range.to).toISOString(),
    series: [...series].map(([variable, points]) => ({ variable, points: withGaps(points, gapMs) })),
  }
}

/**
 * R64: what of the past may be seen through those grants that hold now: what lies inside the period and the windows of
 * one of them. Ascending, apart from each other.
 */
export function spansWithin(grants: readonly Grant[], timeZone: string, range: Span, now: number): Span[] {
  const live = grants.filter((grant) => viaOf([grant], 'history', now) !== undefined)
  return mergeSpans(live.flatMap((grant) => spansOf(grant, timeZone, range)))
}

function spansOf({ periods, windows }: Grant, timeZone: string, range: Span): Span[] {
  const from = Math.max(range.from, ...periods.map((period) => period.from ?? Number.NEGATIVE_INFINITY))
  const to = Math.min(range.to, ...periods.map((period) => period.until ?? Number.POSITIVE_INFINITY))
  return openWithin(windows, timeZone, { from, to })
}

/** Puts a null where nothing came for longer than `gapMs`, so that a chart does not draw a line across. */
export function withGaps(points: readonly HistoryPoint[], gapMs: number): [string, number | null][] {
  const result: [string, number | null][] = []
  let before: HistoryPoint | undefined
  for (const point of points) {
    if (before && point.at - before.at > gapMs) result.push([iso((before.at + point.at) / 2), null])
    result.push([iso(point.at), point.value])
    before = point
  }
  return result
}

function iso(at: number): string {
  return new Date(Math.round(at)).toISOString()
}

function parseNames(text: string): string[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '')
  if (names.length === 0 || names.length > MOST_VARIABLES) {
    throw wrongInput('variables', `name one to ${MOST_VARIABLES} variables, separated by commas`)
  }
  const wrong = names.find((name) => !VARIABLE_NAME.test(name))
  if (wrong !== undefined) throw wrongInput('variables', 'names look like battery.charge')
  return names
}

function parseRange({ from, to }: { from?: string | undefined; to?: string | undefined }, now: number) {
  const end = to === undefined ? now : Date.parse(to)
  const start = from === undefined ? end - DAY_MS : Date.parse(from)
  if (start >= end) throw wrongInput('from', 'the start must come before the end')
  if (end - start > LONGEST_RANGE_MS) throw wrongInput('from', 'ask for 400 days at most')
  return { from: start, to: end }
}

function wrongInput(path: string, message: string): Fault {
  return new Fault('input-invalid', `Look again at: ${path}`, { fields: [{ path, message }] })
}
