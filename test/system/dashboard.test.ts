// The dashboard and the alerts against what a real broker and a real API show to a real Prometheus.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ShareChangeAnswer } from '@ridethrough/protocol/http/share.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { makeDashboard } from '../../deploy/grafana/dashboard.ts'
import { readMqtt, watchLive } from '../support/caller.ts'
import { makeAuthority } from '../support/certificates.ts'
import { type Prometheus, type Sample, startPrometheus } from '../support/prometheus.ts'
import { type Cloud, startCloud } from '../support/stack.ts'
import { makeAgent, makeDevice, makePerson, makeShare } from '../support/world.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')
const ALERTS = join(DEPLOY, 'prometheus/alerts.yml')

/** Shown by us and on no panel and in no alert, with why. */
const LEFT_OUT: Readonly<Record<string, string>> = {}

/** What Grafana needs of a dashboard, as far as we use it. */
const Uid = z.literal('$datasource')
const Place = z.object({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1).max(24), h: z.int().min(1) })
const Shown = z.object({
  id: z.int(),
  type: z.enum(['stat', 'timeseries']),
  title: z.string().min(1),
  description: z.string().min(20),
  datasource: z.object({ type: z.literal('prometheus'), uid: Uid }),
  gridPos: Place,
  targets: z
    .array(
      z.object({
        refId: z.string().regex(/^[A-Z]$/),
        expr: z.string().min(1),
        datasource: z.object({ type: z.literal('prometheus'), uid: Uid }),
      }),
    )
    .min(1),
  fieldConfig: z.object({
    defaults: z.object({
      unit: z.string().min(1),
      thresholds: z.object({ steps: z.array(z.object({ color: z.string(), value: z.number().nullable() })).min(1) }),
    }),
  }),
})
const RowPanel = z.object({
  id: z.int(),
  type: z.literal('row'),
  title: z.string(),
  collapsed: z.literal(false),
  gridPos: Place,
})
const Dashboard = z.object({
  title: z.string(),
  uid: z.string().max(40),
  schemaVersion: z.int().min(37),
  templating: z.object({
    list: z.tuple([
      z.object({ name: z.literal('datasource'), type: z.literal('datasource'), query: z.literal('prometheus') }),
      z.object({
        name: z.literal('instance'),
        type: z.literal('query'),
        definition: z.string(),
        includeAll: z.literal(true),
      }),
    ]),
  }),
  panels: z.array(z.union([RowPanel, Shown])),
})

const json: unknown = JSON.parse(readFileSync(join(DEPLOY, 'grafana/ridethrough.json'), 'utf8'))
const dashboard = Dashboard.parse(json)
const panels = dashboard.panels.filter((panel) => panel.type !== 'row')

describe('the dashboard', () => {
  test('is what its table of panels makes', () => {
    expect(json).toEqual(makeDashboard())
  })

  test('has panels with ids of their own, each in a place of its own', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const taken = new Set<string>()
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} lies over another`).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
    }
  })

  test('shows only the processes that are chosen', () => {
    // as many choices as there are series
    const choices = panels
      .flatMap(({ targets }) => targets)
      .map(({ expr }) => ({
        expr,
        series: expr.match(/\{/g)?.length,
        chosen: expr.match(/\binstance=~"\$instance"/g)?.length,
      }))
    expect(choices.filter(({ series, chosen }) => series !== chosen)).toEqual([])
  })
})

test('the example configuration, the alerts and what sets them off are as promtool wants them', () => {
  const promtool = (...args: string[]) => execFileSync('/usr/bin/promtool', args, { cwd: join(DEPLOY, 'prometheus') })
  promtool('check', 'config', 'prometheus.yml')
  promtool('check', 'rules', 'alerts.yml')
  promtool('test', 'rules', 'alerts.test.yml')
})

describe('against real metrics', () => {
  let cloud: Cloud
  let prometheus: Prometheus
  const stops: (() => unknown)[] = []

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ridethrough-tls-'))
    stops.push(() => rmSync(folder, { recursive: true, force: true }))
    const { certPath, keyPath } = makeAuthority(folder)
    cloud = await startCloud({}, { TLS_CERT: certPath, TLS_KEY: keyPath, MQTTS_PORT: '0' })
    stops.push(() => cloud.stop())
    prometheus = await startPrometheus({
      targets: { 'ridethrough-broker': new URL(cloud.metrics).host, 'ridethrough-api': new URL(cloud.http).host },
      ruleFiles: [ALERTS],
      intervalMs: 250,
    })
    stops.push(() => prometheus.stop())
    stops.push(await traffic(cloud))
  })

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  /** As Grafana fills them in when all processes are chosen. */
  async function filledIn(expression: string): Promise<string> {
    const instances = (await prometheus.query('{__name__=~"ridethrough_(broker_)?build_info"}')).map(({ labels }) =>
      labels.instance?.replaceAll('.', '\\\\.'),
    )
    return expression.replaceAll('$instance', `(${instances.join('|')})`).replaceAll('$__rate_interval', '5s')
  }

  const isThere = (samples: Sample[]) => samples.length > 0

  test('both processes are scraped', async () => {
    const found = await prometheus.queryUntil(
      '{__name__=~"ridethrough_(broker_)?build_info"}',
      ({ length }) => length === 2,
    )
    expect(found?.map(({ labels }) => labels.job).sort()).toEqual(['ridethrough-api', 'ridethrough-broker'])
  })

  test.each(panels.map((panel) => [panel.title, panel] as const))(
    '%s has something to show',
    async (_, { targets }) => {
      for (const { expr } of targets)
        expect(await prometheus.queryUntil(await filledIn(expr), isThere), expr).toBeDefined()
    },
  )

  test('what happens is seen: samples, deliveries, a change of access, a refusal', async () => {
    const isMore = ([sample]: Sample[]) => Number(sample?.value) > 0
    for (const series of [
      'ridethrough_broker_samples_stored_total',
      'ridethrough_broker_live_total',
      'ridethrough_broker_deliveries_total',
      'ridethrough_broker_received_bytes_total',
      'ridethrough_broker_sent_bytes_total',
      'ridethrough_broker_packets_refused_total{reason="right-missing"}',
      'ridethrough_broker_connects_total{outcome="signed-in"}',
      'ridethrough_broker_connections{kind="agent"}',
      'ridethrough_broker_subscriptions_held',
      'ridethrough_broker_routes',
      'ridethrough_broker_retained_states',
      'ridethrough_broker_access_version',
      'ridethrough_broker_lease_seconds',
      'ridethrough_broker_event_loop_delay_seconds_count',
      'ridethrough_access_change_seconds_count',
      'ridethrough_live_frames_total',
      'process_open_fds',
    ]) {
      expect(await prometheus.queryUntil(series, isMore), series).toBeDefined()
    }
    const { value } = (await prometheus.query('ridethrough_broker_access_lag_seconds'))[0] ?? {}
    expect(Number(value)).toBeLessThan(60)
  })

  test('each alert is understood, silent while all is well, and looks at series that are there', async () => {
    const rules = await prometheus.rules()
    expect(rules.length).toBeGreaterThan(5)
    for (const { name, query } of rules) {
      const compared = /^(.*?)\s*(?:<|>|==)\s*[\d.e+]+$/s.exec(query)?.[1]
      expect(compared, `${name} compares with a number at its end`).toBeDefined()
      expect(await prometheus.queryUntil(compared ?? '', isThere), name).toBeDefined()
      expect(
        (await prometheus.query(query)).map(({ labels }) => labels),
        name,
      ).toEqual([])
    }
    expect((await prometheus.rules()).filter(({ health }) => health === 'err')).toEqual([])
  })

  test('whatever we count is on a panel, in an alert, or left out with a reason', async () => {
    const found = await prometheus.query('count by (__name__) ({__name__=~"ridethrough_.+"})')
    const names = new Set(found.map(({ labels }) => labels.__name__?.replace(/_(bucket|sum|count)$/, '') ?? ''))
    expect(names.size).toBeGreaterThan(40)
    const alerts = (await prometheus.rules()).map(({ query }) => query)
    const text = [...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...alerts].join('\n')
    // {__name__=~"ridethrough_(broker_)?x"} is of both
    const shown = text.replaceAll(/ridethrough_\(broker_\)\?(\w+)/g, 'ridethrough_$1 ridethrough_broker_$1')
    const isShown = (name: string) => new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(shown)
    expect([...names].filter((name) => !isShown(name) && LEFT_OUT[name] === undefined)).toEqual([])
    expect(Object.keys(LEFT_OUT).filter(isShown)).toEqual([])
  })

  test('no series is named by an id, an address or a topic', async () => {
    const KNOWN = /^(__name__|instance|job|le|kind|outcome|reason|answer|what|name|version|node|method|route|status)$/
    const found = await prometheus.query('{__name__=~"ridethrough_.+"}')
    const labels = new Set(found.flatMap((sample) => Object.keys(sample.labels)))
    expect([...labels].filter((label) => !KNOWN.test(label))).toEqual([])
    const values = found.flatMap(({ labels: { instance: _, version: __, node: ___, route: ____, ...rest } }) =>
      Object.values(rest),
    )
    expect(values.filter((value) => /[0-9a-f]{8}-|^v1\/|\d+\.\d+\.\d+|::/.test(value))).toEqual([])
  })
})

/** A little of everything, going on until it is stopped. */
async function traffic({ database: { db }, mqtt: url, http }: Cloud): Promise<() => Promise<void>> {
  const [ann, bob] = [await makePerson(db, 'Ann'), await makePerson(db, 'Bob')]
  const agent = await makeAgent(db)
  const rack = await makeDevice(db, ann, agent, 'Rack')
  const sender = await mqtt.connectAsync(url, {
    username: `agent:${agent.agentId}`,
    password: agent.token,
    clientId: 'traffic',
    reconnectPeriod: 0,
  })
  const reader = await readMqtt(url, ann.token, ['v1/devices/+/state', 'v1/devices/+/live'])
  const viewer = await watchLive(http, ann.token)
  let seq = 0
  const publish = () => {
    seq += 1
    const sample = { kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'battery.charge': 100 } }
    sender.publish(deviceTopic(rack, 'state'), JSON.stringify(sample), { qos: 1 })
    sender.publish(deviceTopic(rack, 'live'), '{"ups.load":12}')
    reader.client.publish('v1/nowhere', 'x')
  }
  publish()
  const timer = setInterval(publish, 50)
  await reader.messages.first(({ topic }) => topic === deviceTopic(rack, 'live'))
  const share = await makeShare(db, ann, bob, [rack])
  const revoked = await fetch(`${http}/api/v1/shares/${share.shareId}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ann.token}` },
  })
  ShareChangeAnswer.parse(await revoked.json())
  return async () => {
    clearInterval(timer)
    await viewer.stop()
    await reader.stop()
    await sender.endAsync(true)
  }
}
