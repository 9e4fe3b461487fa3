// The figures as tables for people.
import { printTable } from '../figures.ts'
import { cpuEach, figure, perSecond, type Verdict } from './aims.ts'
import type { IdleRuns } from './idle.ts'
import type { RunResult } from './job.ts'
import { type Measured, median, type Runs, type TargetName } from './measure.ts'

const NEAR_LIMIT = 0.85

const NAMES: readonly TargetName[] = ['ours', 'acl_file', 'dynamic-security', 'relay']

export function printFull(measured: readonly Measured[]): void {
  if (measured.length === 0) return
  console.log('\nAs fast as it goes; median of the rounds (least to most)')
  printTable([
    [
      ...['case', 'QoS', 'granted', 'broker', 'messages/s', '(spread)', 'ours is', 'CPU us/message', 'broker CPU'],
      ...['load CPU', 'lost', 'out of order', 'cut'],
    ],
    ...measured.flatMap((one) => presentIn(one.full).map((name) => fullRow(one, name, one.full[name] ?? []))),
  ])
  sayShareOfLoad(measured)
}

/** With a core of its own, whoever makes the load is no limit while it has time to spare. */
function sayShareOfLoad(measured: readonly Measured[]): void {
  const busy = measured.flatMap(({ case: { name, qos }, granted, full }) =>
    presentIn(full)
      .filter((broker) => broker !== 'relay')
      .map((broker) => {
        const share = median((full[broker] ?? []).map(({ loadCpuSeconds, seconds }) => loadCpuSeconds / seconds))
        return { share, what: `${name}, QoS ${qos}, ${granted} devices, ${broker}` }
      }),
  )
  const [most] = busy.toSorted((a, b) => b.share - a.share)
  const near = busy.filter(({ share }) => share > NEAR_LIMIT).map(({ what }) => what)
  if (most) console.log(`the load itself took at most ${share(most.share)} of a core (${most.what})`)
  if (near.length > 0) console.log(`it may have been the limit in: ${near.join('; ')}`)
}

function fullRow(one: Measured, name: TargetName, results: readonly RunResult[]): (string | number)[] {
  const rates = results.map(perSecond)
  const of = (what: (result: RunResult) => number) => median(results.map(what))
  const sum = (what: (result: RunResult) => number) => results.reduce((total, result) => total + what(result), 0)
  const ratio = figure(one, 'ours', perSecond) / of(perSecond)
  return [
    ...[one.case.name, String(one.case.qos), one.granted, name, Math.round(of(perSecond))],
    `${thousands(Math.min(...rates))}-${thousands(Math.max(...rates))}`,
    name === 'ours' || !Number.isFinite(ratio) ? '' : `${ratio.toFixed(2)}x`,
    of(cpuEach).toFixed(2),
    share(of(({ brokerCpuSeconds, seconds }) => brokerCpuSeconds / seconds)),
    share(of(({ loadCpuSeconds, seconds }) => loadCpuSeconds / seconds)),
    ...[sum(({ lost }) => lost), sum(({ outOfOrder }) => outOfOrder), sum(({ cut }) => cut)],
  ]
}

export function printLatency(measured: readonly Measured[]): void {
  const timed = measured.filter(({ atTheirHalf }) => presentIn(atTheirHalf).length > 0)
  if (timed.length === 0) return
  console.log(
    '\nFrom the socket of the publisher to that of the viewer, at half of what mosquitto can do, and of what ours can',
  )
  printTable([
    [
      'case',
      'QoS',
      'broker',
      'at half of',
      'messages/s',
      'p50 ms',
      'p99 ms',
      '(spread)',
      'samples',
      'held back',
      'lost',
    ],
    ...timed.flatMap((one) => [
      ...presentIn(one.atTheirHalf).map((name) => latencyRow(one, name, 'acl_file', one.atTheirHalf[name] ?? [])),
      ...presentIn(one.atOurHalf).map((name) => latencyRow(one, name, 'ours', one.atOurHalf[name] ?? [])),
    ]),
  ])
}

function latencyRow(one: Measured, name: string, of: string, results: readonly RunResult[]): (string | number)[] {
  const p99 = results.map(({ latencyMs }) => latencyMs.p99)
  const sum = (what: (result: RunResult) => number) => results.reduce((total, result) => total + what(result), 0)
  return [
    ...[one.case.name, String(one.case.qos), name, of, Math.round(median(results.map(perSecond)))],
    median(results.map(({ latencyMs }) => latencyMs.p50)).toFixed(2),
    median(p99).toFixed(2),
    `${Math.min(...p99).toFixed(2)}-${Math.max(...p99).toFixed(2)}`,
    ...[sum(({ latencyMs }) => latencyMs.samples), sum(({ heldBack }) => heldBack), sum(({ lost }) => lost)],
  ]
}

export function printIdle(idle: IdleRuns): void {
  console.log('\nConnections that say nothing (CONNECT to CONNACK with credentials checked, 64 at once; then idle)')
  printTable([
    [
      'broker',
      'connections',
      'refused',
      'connects/s',
      '(spread)',
      'p50 ms',
      'p99 ms',
      'CPU us each',
      'KB each',
      '(spread)',
    ],
    ...(['ours', 'acl_file'] as const).map((name) => {
      const results = idle[name]
      const rates = results.map((result) => result.connectsPerSecond)
      const sizes = results.map((result) => result.bytesEach / 1024)
      return [
        ...[name, median(results.map(({ connected }) => connected))],
        results.reduce((sum, { refused }) => sum + refused, 0),
        Math.round(median(rates)),
        `${Math.round(Math.min(...rates))}-${Math.round(Math.max(...rates))}`,
        median(results.map(({ p50Ms }) => p50Ms)).toFixed(1),
        median(results.map(({ p99Ms }) => p99Ms)).toFixed(1),
        Math.round(median(results.map(({ brokerCpuMicrosEach }) => brokerCpuMicrosEach))),
        median(sizes).toFixed(1),
        `${Math.min(...sizes).toFixed(1)}-${Math.max(...sizes).toFixed(1)}`,
      ]
    }),
  ])
}

export function printVerdicts(verdicts: readonly Verdict[]): void {
  console.log('\nAims, against mosquitto with acl_file')
  const said = (isReached: boolean | undefined) =>
    isReached === undefined ? '' : isReached ? 'reached' : 'NOT REACHED'
  printTable([
    ['aim', 'wanted', 'found', ''],
    ...verdicts.map(({ aim, wanted, found, isReached }) => [aim, wanted, found ?? 'not measured', said(isReached)]),
  ])
}

function presentIn(runs: Runs): TargetName[] {
  return NAMES.filter((name) => (runs[name]?.length ?? 0) > 0)
}

const thousands = (value: number) => (value < 10_000 ? value.toFixed(0) : `${Math.round(value / 1000)}k`)
const share = (value: number) => `${Math.round(value * 100)} %`
