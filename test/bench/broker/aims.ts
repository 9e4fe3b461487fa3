// What the figures are held against.
import type { IdleRuns } from './idle.ts'
import type { RunResult } from './job.ts'
import { type Measured, median, type TargetName } from './measure.ts'
import { FEW } from './plan.ts'
import type { Shape } from './scene.ts'

export type Verdict = {
  readonly aim: string
  readonly wanted: string
  /** `undefined`: it was not measured this time. */
  readonly found: string | undefined
  readonly isReached: boolean | undefined
}

const OF_SHAPE: Readonly<Record<Shape, number>> = { 'fan-in': 4, 'fan-in-1000': 4, 'fan-out': 10, pairs: 6 }
const QOS_1 = 2
const AT_10_000 = 60
const FALLS_BY = 0.1
const CPU_SHARE = 0.25
const CONNECTS_SHARE = 0.5
const IDLE_BYTES = 15 * 1024

export function verdicts(measured: readonly Measured[], idle: IdleRuns | undefined): Verdict[] {
  const few = measured.filter(({ case: { devices, burst } }) => devices === FEW && burst === undefined)
  return [
    ...few.map((one) => {
      const { qos, name, shape } = one.case
      const ratio = figure(one, 'ours', perSecond) / figure(one, 'acl_file', perSecond)
      return atLeast(
        `${name}, QoS ${qos}, ${one.granted} devices: messages/s`,
        ratio,
        qos === 1 ? QOS_1 : OF_SHAPE[shape],
      )
    }),
    ...measured
      .filter(({ case: { shape, qos, devices } }) => shape === 'fan-in' && qos === 0 && devices === 10_000)
      .map((one) => {
        const ratio = figure(one, 'ours', perSecond) / figure(one, 'acl_file', perSecond)
        return atLeast(`${one.case.name}, QoS 0, 10,000 devices: messages/s`, ratio, AT_10_000)
      }),
    ...falls(measured),
    ...few.map((one) => {
      const share = figure(one, 'ours', cpuEach) / figure(one, 'acl_file', cpuEach)
      return atMost(`${one.case.name}, QoS ${one.case.qos}: processor time per message`, share, CPU_SHARE, times)
    }),
    ...few
      .filter(({ atTheirHalf }) => atTheirHalf.ours)
      .map((one) => {
        const p99 = (name: TargetName) => median((one.atTheirHalf[name] ?? []).map(({ latencyMs }) => latencyMs.p99))
        const [ours, theirs] = [p99('ours'), p99('acl_file')]
        return atMost(`${one.case.name}, QoS ${one.case.qos}: p99 at half of their load`, ours, theirs, milliseconds)
      }),
    ...ofIdle(idle),
  ]
}

/** From 10 to 100,000 granted devices, by the same number of devices that send, and with all of them sending. */
function falls(measured: readonly Measured[]): Verdict[] {
  const ofFanIn = measured.filter(({ case: { shape, qos, burst } }) => {
    return shape === 'fan-in' && qos === 0 && burst === undefined
  })
  const least = ofFanIn.find(({ case: { devices } }) => devices === FEW)
  const most = ofFanIn.filter(({ case: { devices } }) => devices === 100_000)
  return most.map((one) => {
    const fall = 1 - figure(one, 'ours', perSecond) / (least ? figure(least, 'ours', perSecond) : Number.NaN)
    return atMost(`${one.case.name}, from ${FEW} to 100,000 devices: ours falls by`, fall, FALLS_BY, percent)
  })
}

function ofIdle(idle: IdleRuns | undefined): Verdict[] {
  if (!idle) return []
  const of = (name: 'ours' | 'acl_file', what: 'connectsPerSecond' | 'bytesEach') =>
    median(idle[name].map((result) => result[what]))
  const connects = of('ours', 'connectsPerSecond') / of('acl_file', 'connectsPerSecond')
  return [
    atLeast('connects/s', connects, CONNECTS_SHARE),
    atMost('memory of a connection that says nothing', of('ours', 'bytesEach'), IDLE_BYTES, kilobytes),
  ]
}

export const perSecond = (result: RunResult) => result.deliveredPerSecond
export const cpuEach = (result: RunResult) => result.cpuMicrosPerMessage

export function figure(one: Measured, name: TargetName, of: (result: RunResult) => number): number {
  return median((one.full[name] ?? []).map(of))
}

const times = (value: number) => `${value.toFixed(2)}x`
const percent = (value: number) => `${(value * 100).toFixed(1)} %`
const milliseconds = (value: number) => `${value.toFixed(2)} ms`
const kilobytes = (value: number) => `${(value / 1024).toFixed(1)} KB`

function atLeast(aim: string, value: number, wanted: number): Verdict {
  const isKnown = Number.isFinite(value)
  return {
    ...{ aim, wanted: `>= ${times(wanted)}`, found: isKnown ? times(value) : undefined },
    isReached: isKnown ? value >= wanted : undefined,
  }
}

function atMost(aim: string, value: number, wanted: number, say: (value: number) => string): Verdict {
  const isKnown = Number.isFinite(value) && Number.isFinite(wanted)
  return {
    ...{ aim, wanted: `<= ${say(wanted)}`, found: isKnown ? say(value) : undefined },
    isReached: isKnown ? value <= wanted : undefined,
  }
}
