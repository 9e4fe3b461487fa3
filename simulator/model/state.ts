// What a simulated UPS is (spec), what is done to it (inputs), and all that it remembers (state). Plain values.
import type { BatterySpec } from './battery.ts'

export type GroupSpec = {
  readonly name: string
  /** The main group feeds the switched ones: when it is off, they are. At most one. */
  readonly isMain: boolean
  /** Share of the whole load that hangs on this group; the shares of all groups add up to 1. */
  readonly share: number
}

export type UpsSpec = BatterySpec & {
  readonly manufacturer: string
  readonly model: string
  readonly serial: string
  readonly firmware: string
  readonly nominalVa: number
  readonly nominalVolts: number
  readonly nominalHertz: number
  readonly seed: number
  readonly groups: readonly GroupSpec[]
}

/** What the world does: changed by the control API, never by the UPS. */
export type Inputs = {
  readonly mains: boolean
  /** Volts at the socket while there is mains: below or above the rated ones it sags or swells. */
  readonly mainsVolts: number
  /** Percent of the rated power that is plugged in, all outlet groups on. */
  readonly load: number
  readonly isBatteryWorn: boolean
}

export const BEEPERS = ['disabled', 'enabled', 'muted'] as const
export const SENSITIVITIES = ['auto', 'low', 'medium', 'high'] as const

/** What is set on the UPS and kept. Volts, seconds, percent. */
export type Settings = {
  readonly name: string
  readonly attached: string
  readonly contact: string
  readonly location: string
  readonly transferLow: number
  readonly transferHigh: number
  readonly outputVolts: number
  readonly sensitivity: (typeof SENSITIVITIES)[number]
  readonly beeper: (typeof BEEPERS)[number]
  /** PowerNet's finer word for when the beeper sounds: 1 timed, 2 at low battery, 3 never, 4 mute. */
  readonly alarmMode: number
  readonly autoRestart: boolean
  readonly shutdownType: 'output' | 'system'
  readonly lowRuntime: number
  readonly minReturnCharge: number
  readonly shutdownDelay: number
  readonly returnDelay: number
  readonly sleepTime: number
  readonly batteryDate: string
  readonly testSchedule: number
}

/** Where the output gets its power from. */
export type Source = 'mains' | 'boost' | 'trim' | 'battery' | 'none'

/** What follows once the output is off: it stays so, waits for mains, waits only if mains is gone now, or returns after `seconds`. */
export type After =
  | { readonly kind: 'stay' }
  | { readonly kind: 'mains' }
  | { readonly kind: 'auto' }
  | { readonly kind: 'reboot'; readonly seconds: number; readonly needsMains: boolean }

export type Output = {
  readonly on: boolean
  /** Off, and will start by itself once mains is good and the battery has enough. */
  readonly awaitsMains: boolean
  readonly rebooting: boolean
  readonly shutdownIn: number | null
  readonly after: After
  readonly startIn: number | null
}

export const TEST_KINDS = ['general', 'quick', 'deep'] as const
export type TestKind = (typeof TEST_KINDS)[number]
export type TestResult = 'pass' | 'warning' | 'error' | 'aborted' | 'refused'
export type Test = {
  readonly kind: TestKind
  /** Simulated time of the start, and seconds that it has run or ran. */
  readonly startedAt: number
  readonly elapsed: number
  readonly lowestVolts: number
  /** `null` while it runs. */
  readonly result: TestResult | null
  readonly detail: string
}

export type Group = {
  readonly name: string
  /** As commanded; without the main group or the output there is no power all the same. */
  readonly on: boolean
  readonly pending: { readonly action: GroupAction; readonly seconds: number } | null
  readonly onDelay: number
  readonly offDelay: number
  readonly rebootDuration: number
}
export type GroupAction = 'on' | 'off' | 'reboot'

export const TRANSFER_CAUSES = ['none', 'high', 'brownout', 'blackout', 'self-test'] as const
export type TransferCause = (typeof TRANSFER_CAUSES)[number]

/** `code` counts RFC 1628's well-known alarms (upsAlarmBatteryBad is 1); `since` is simulated time. */
export type Alarm = { readonly id: number; readonly code: number; readonly since: number }

export type UpsState = {
  readonly spec: UpsSpec
  readonly inputs: Inputs
  readonly settings: Settings
  /** Simulated seconds since the UPS was made. */
  readonly at: number
  readonly charge: number
  readonly batteryVolts: number
  readonly temperature: number
  readonly source: Source
  readonly output: Output
  readonly groups: readonly Group[]
  readonly test: Test | null
  readonly testLock: number
  /** Seconds that a commanded power failure goes on. */
  readonly failFor: number
  readonly onBatteryFor: number
  readonly lineBads: number
  readonly transferCause: TransferCause
  readonly alarms: readonly Alarm[]
  readonly nextAlarmId: number
  /** Lowest and highest input volts of the running minute. */
  readonly minute: { readonly number: number; readonly low: number; readonly high: number }
  /** Joules since the start: taken from the mains, delivered to the load. */
  readonly energy: { readonly input: number; readonly output: number }
}
