// One simulated UPS while it runs: its state, what is wrong with its wire, how fast its time goes. Faces read and write it.
import { abortTest } from './model/selftest.ts'
import type { Inputs, Settings, UpsSpec, UpsState } from './model/state.ts'
import { createUps, step } from './model/ups.ts'

/** What can be wrong: no answer at all, answers without sense, a worn-out battery. */
export const UNIT_FAULTS = ['silent', 'garbage', 'replace-battery'] as const
export type UnitFault = (typeof UNIT_FAULTS)[number]

/** What the world does to a unit. `charge` is set as it stands, without the time it would take. */
export type UnitChange = {
  readonly mains?: boolean
  /** Volts at the socket while there is mains. */
  readonly inputVoltage?: number
  readonly load?: number
  readonly charge?: number
  readonly fault?: UnitFault | null
  readonly speed?: number
}

export type Unit = {
  readonly name: string
  /** Milliseconds since 1970 at simulated time 0: dates are counted from there. */
  readonly startedAt: number
  state(): UpsState
  fault(): UnitFault | null
  speed(): number
  change(change: UnitChange): void
  /** What a face does to it: the state that a command left behind, applied without time passing. */
  write(state: UpsState): void
  /** Lets `seconds` of real time pass, times the unit's speed. */
  advance(seconds: number): void
}

export type UnitOptions = {
  readonly name: string
  readonly spec: UpsSpec
  readonly settings: Partial<Settings>
  readonly load: number
  readonly charge: number
  readonly speed: number
  readonly startedAt: number
}

export function createUnit(options: UnitOptions): Unit {
  const { name, spec, settings, startedAt } = options
  let speed = options.speed
  let fault: UnitFault | null = null
  let inputs: Inputs = { mains: true, mainsVolts: spec.nominalVolts, load: options.load, isBatteryWorn: false }
  let state = step({ ...createUps(spec, inputs, settings), charge: options.charge }, 0, inputs)

  function change(wanted: UnitChange): void {
    if (wanted.fault !== undefined) fault = wanted.fault
    if (wanted.speed !== undefined) speed = wanted.speed
    inputs = {
      mains: wanted.mains ?? inputs.mains,
      mainsVolts: wanted.inputVoltage ?? inputs.mainsVolts,
      load: wanted.load ?? inputs.load,
      isBatteryWorn: fault === 'replace-battery',
    }
    // A test that was judging another charge would say nothing about this one.
    const from = wanted.charge === undefined ? state : { ...abortTest(state), charge: wanted.charge }
    state = step(from, 0, inputs)
  }

  return {
    name,
    startedAt,
    state: () => state,
    fault: () => fault,
    speed: () => speed,
    change,
    write: (next) => {
      state = step(next, 0, inputs)
    },
    advance: (seconds) => {
      state = step(state, seconds * speed, inputs)
    },
  }
}
