// Which cases are measured, against whom, and what is asked of each.
import { parseArgs } from 'node:util'
import type { RightsBy } from './mosquitto.ts'
import { SHAPES, type Shape } from './scene.ts'

export type Case = {
  readonly name: string
  readonly shape: Shape
  readonly qos: 0 | 1
  /** Granted to each viewer. */
  readonly devices: number
  /** How many of the granted devices send; `undefined`: all of them, by turns. */
  readonly speaking: number | undefined
  /** Messages in one write; `undefined`: what the plan says. */
  readonly burst: number | undefined
  readonly rivals: readonly RightsBy[]
  readonly hasRelay: boolean
  /** Also at half of what each can do. */
  readonly hasLatency: boolean
}

export type Plan = {
  readonly cases: readonly Case[]
  readonly rounds: number
  readonly seconds: number
  readonly payloadBytes: number
  readonly windowBytes: number
  readonly burst: number
  readonly unanswered: number
  /** Connections that say nothing; 0 leaves this part out. */
  readonly idle: number
  readonly profileFolder: string | undefined
}

/** The aims name this many. */
export const FEW = 10
const ALL_DEVICES = [FEW, 1000, 10_000, 100_000]
const WARM_SPEAKERS = 50

/** What can be said on the command line; `--json FILE` is the bench's own. */
export function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({ args: [...args], strict: false, options: OPTIONS })
  const text = (name: keyof typeof OPTIONS) => (typeof values[name] === 'string' ? values[name] : undefined)
  const number = (name: keyof typeof OPTIONS, otherwise: number) => Number(text(name) ?? otherwise)
  const isQuick = values.quick === true
  const shapes = text('only')?.split(',') ?? Object.keys(SHAPES)
  const devices = text('devices')?.split(',').map(Number) ?? (isQuick ? [FEW, 10_000] : ALL_DEVICES)
  const qos = text('qos')?.split(',').map(Number) ?? [0, 1]
  const rivals = text('rivals')?.split(',') ?? (isQuick ? ['acl_file'] : ['acl_file', 'dynamic-security'])
  const cases = allCases(isQuick).filter((one) => {
    return shapes.includes(one.shape) && devices.includes(one.devices) && qos.includes(one.qos)
  })
  return {
    cases: cases.map((one) => ({
      ...one,
      rivals: one.rivals.filter((rival) => rivals.includes(rival)),
      hasLatency: one.hasLatency && values['full-only'] !== true,
    })),
    rounds: number('rounds', isQuick ? 1 : 3),
    seconds: number('seconds', isQuick ? 2 : 3),
    payloadBytes: number('payload', 200),
    windowBytes: number('window', 192) * 1024,
    burst: number('burst', 16),
    unanswered: number('unanswered', 100),
    idle: number('idle', isQuick ? 1000 : 5000),
    profileFolder: text('profile'),
  }
}

const OPTIONS = {
  only: { type: 'string' },
  devices: { type: 'string' },
  qos: { type: 'string' },
  rivals: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  payload: { type: 'string' },
  window: { type: 'string' },
  burst: { type: 'string' },
  unanswered: { type: 'string' },
  idle: { type: 'string' },
  profile: { type: 'string' },
  json: { type: 'string' },
  quick: { type: 'boolean' },
  /** Leaves out what is measured at half load. */
  'full-only': { type: 'boolean' },
} as const

function allCases(isQuick: boolean): Case[] {
  const both = ['acl_file', 'dynamic-security'] as const
  const base = { rivals: both, hasRelay: false, hasLatency: false, speaking: undefined, burst: undefined }
  const few = (Object.keys(SHAPES) as Shape[]).flatMap((shape) =>
    ([0, 1] as const).map((qos) => ({
      ...base,
      ...{ name: shape, shape, qos, devices: FEW, hasRelay: qos === 0, hasLatency: !isQuick || qos === 0 },
    })),
  )
  const many = ALL_DEVICES.filter((devices) => devices > FEW).flatMap((devices): Case[] => [
    { ...base, name: 'fan-in', shape: 'fan-in', qos: 0, devices },
    { ...base, name: `fan-in, ${WARM_SPEAKERS} speak`, shape: 'fan-in', qos: 0, devices, speaking: WARM_SPEAKERS },
  ])
  // 50 viewers with 10,000 lines each: too long to make for a quick look
  const wide = (isQuick ? [] : [1000, 10_000]).flatMap((devices): Case[] => [
    { ...base, name: 'fan-out', shape: 'fan-out', qos: 0, devices },
    { ...base, name: 'pairs', shape: 'pairs', qos: 0, devices },
  ])
  // Publishers that have no more than one message to say at a time.
  const single = (['fan-in', 'fan-out', 'pairs'] as const).map(
    (shape): Case => ({
      ...base,
      ...{
        name: `${shape}, one per write`,
        shape,
        qos: 0,
        devices: FEW,
        burst: 1,
        hasRelay: true,
        rivals: ['acl_file'],
      },
    }),
  )
  return [
    ...[...few, ...single, ...many, ...wide],
    { ...base, name: 'fan-in', shape: 'fan-in', qos: 1, devices: 10_000 },
  ]
}
