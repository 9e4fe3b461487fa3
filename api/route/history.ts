// The past of a device as charts need it: numbers over time, with the gaps left visible.
import { findDevice } from '@ridethrough/db/query/device.ts'
import { type HistoryPoint, readHistory } from '@ridethrough/db/query/history.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { HistoryQuery, HistoryView } from '@ridethrough/protocol/http/device.ts'
import { type Grant, viaOf } from '@ridethrough/protocol/policy.ts'
import { VARIABLE_NAME } from '@ridethrough/protocol/variable.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { noDevice, refusal } from '../access.ts'
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
      const principal = principalOf(request)
      const now = clock.now()
      const variables = parseNames(request.query.variables)
      const range = parseRange(request.query, now)
      const bounds = boundsOf(principal.rights.byDevice.get(id) ?? [], now)
      if (!bounds) throw await refusal(db, viewerOf(request), 'history', id, now)
      const device = await findDevice(db, id)
      if (!device) throw noDevice()
      const from = Math.max(range.from, bounds.from)
      const to = Math.min(range.to, bounds.to)
      // Buckets no narrower than the poll interval: else every other one would be empty.
      const stepMs = Math.max((range.to - range.from) / request.query.points, device.status.agent.intervalS * 1000)
      const series =
        from < to
          ? await readHistory(db, { deviceId: id, variables, from, to, stepMs })
          : new Map(variables.map((name) => [name, []]))
      const gapMs = silentAfterMs(device.status) + stepMs
      return {
        deviceId: id,
        from: new Date(range.from).toISOString(),
        to: new Date(range.to).toISOString(),
        series: [...series].map(([variable, points]) => ({ variable, points: withGaps(points, gapMs) })),
      }
    },
  )
}

/** R64: what of the past may be seen through those grants that hold now; `undefined`: nothing. */
export function boundsOf(grants: readonly Grant[], now: number): { from: number; to: number } | undefined {
  const live = grants.filter((grant) => viaOf([grant], 'history', now) !== undefined)
  if (live.length === 0) return undefined
  const windows = live.map(({ periods }) => ({
    from: Math.max(...periods.map((period) => period.from ?? Number.NEGATIVE_INFINITY)),
    to: Math.min(...periods.map((period) => period.until ?? Number.POSITIVE_INFINITY)),
  }))
  // Each of them holds now, so together they are one window.
  return { from: Math.min(...windows.map((one) => one.from)), to: Math.max(...windows.map((one) => one.to)) }
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
