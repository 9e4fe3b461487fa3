// How a lead-acid battery behaves: how fast a load drains it, what voltage it shows, how it takes charge.

/** What the battery of one UPS is built from. Minutes are from full charge at the rated load. */
export type BatterySpec = {
  readonly nominalWatts: number
  readonly batteryMinutes: number
  /** Rated voltage of the whole string: a multiple of 12. */
  readonly batteryVolts: number
}

const INVERTER_EFFICIENCY = 0.9
// What the inverter itself takes, as a share of the rated power: the reason why an unloaded UPS runs out too.
const IDLE_SHARE = 0.015
// Peukert: beyond this share of the rated load each watt costs more charge than it delivers. Below it costs nothing
// extra, so that no load ever gets more energy out than was stored.
const GENTLE_SHARE = 0.1
const PEUKERT = 0.15

/** A worn-out battery holds this much of what a new one does. */
export const WORN_HEALTH = 0.35
const WORN_RESISTANCE = 3

const CHARGE_EFFICIENCY = 0.88
const BULK_HOURS = 4
const TAPER_FROM = 80
const TAPER_FLOOR = 0.04

// Open-circuit volts of a rested 12 V block by charge.
const OPEN_CIRCUIT: readonly (readonly [charge: number, volts: number])[] = [
  [0, 11.4],
  [5, 11.62],
  [10, 11.8],
  [20, 11.98],
  [40, 12.22],
  [60, 12.42],
  [80, 12.62],
  [100, 12.85],
]
const CHARGING_BULK_VOLTS = 1.15
const FLOAT_VOLTS = 13.6
const SAG_VOLTS = 0.75

/** Watts taken out of the battery to deliver `watts` to the load. */
export function drain(spec: BatterySpec, watts: number): number {
  const share = Math.max(0, watts / spec.nominalWatts)
  const penalty = Math.max(1, (share / GENTLE_SHARE) ** PEUKERT)
  return ((watts + spec.nominalWatts * IDLE_SHARE) / INVERTER_EFFICIENCY) * penalty
}

/** Joules in a full battery; less when it is worn out. */
export function capacity(spec: BatterySpec, isWorn: boolean): number {
  return drain(spec, spec.nominalWatts) * spec.batteryMinutes * 60 * (isWorn ? WORN_HEALTH : 1)
}

/** Seconds until the battery is empty at this load. */
export function runtime(spec: BatterySpec, charge: number, watts: number, isWorn: boolean): number {
  return ((charge / 100) * capacity(spec, isWorn)) / drain(spec, watts)
}

/** Watts going into the battery: full power up to 80 %, then tapering, then nothing. */
export function intake(spec: BatterySpec, charge: number): number {
  if (charge >= 100) return 0
  const bulk = (capacity(spec, false) * TAPER_FROM) / 100 / (BULK_HOURS * 3600)
  const taper = (100 - charge) / (100 - TAPER_FROM)
  return bulk * Math.min(1, Math.max(TAPER_FLOOR, taper))
}

/** Watts that the charger takes from the mains to put `watts` into the battery. */
export function chargerInput(watts: number): number {
  return watts / CHARGE_EFFICIENCY
}

export type BatteryUse = 'discharging' | 'charging' | 'resting'

/** Volts of the whole string once it has settled: open-circuit voltage, less the sag of the load or plus the charger's push. */
export function settledVolts(
  spec: BatterySpec,
  charge: number,
  use: BatteryUse,
  watts: number,
  isWorn: boolean,
): number {
  const blocks = spec.batteryVolts / 12
  const rested = openCircuit(charge)
  if (use === 'resting') return blocks * rested
  if (use === 'charging') return blocks * Math.min(FLOAT_VOLTS, rested + CHARGING_BULK_VOLTS)
  // Inner resistance rises as the acid thins out, and with age.
  const resistance = (1 + ((100 - charge) / 100) * 0.6) * (isWorn ? WORN_RESISTANCE : 1)
  return blocks * Math.max(8, rested - SAG_VOLTS * (watts / spec.nominalWatts) * resistance)
}

function openCircuit(charge: number): number {
  let [below, belowVolts] = OPEN_CIRCUIT[0] ?? [0, 0]
  for (const [above, aboveVolts] of OPEN_CIRCUIT) {
    if (charge <= above) {
      const part = above === below ? 0 : (charge - below) / (above - below)
      return belowVolts + (aboveVolts - belowVolts) * Math.max(0, part)
    }
    ;[below, belowVolts] = [above, aboveVolts]
  }
  return belowVolts
}
