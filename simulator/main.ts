// Starts the simulator: every unit on its wire, the control API, and the time that moves them.
import type { Logger } from 'pino'
import { type Clock, realClock } from './clock.ts'
import { parseConfig, type SimulatorInput, type SnmpAccess, type UnitConfig } from './config.ts'
import type { Face } from './face/face.ts'
import type { MibObject } from './face/mib.ts'
import { POWERNET_OBJECT_ID, powernetMib } from './face/powernet.ts'
import { startSnmpFace } from './face/snmp.ts'
import { systemMib } from './face/system.ts'
import { UPS_MIB_OBJECT_ID, upsMib } from './face/ups-mib.ts'
import { type Control, createHttp } from './http.ts'
import { itemOf } from './item.ts'
import type { GroupSpec, UpsSpec } from './model/state.ts'
import { createUnit, type Unit } from './unit.ts'

/** Where a unit is reached, and with what: enough to configure an agent. */
export type UnitAddress = {
  readonly name: string
  /** As in "snmp-v2c". */
  readonly wire: string
  /** Host and port. */
  readonly address: string
  readonly snmp: SnmpAccess
}

export type Simulator = {
  readonly httpUrl: string
  readonly units: readonly UnitAddress[]
  readonly control: Control
  /** Lets `seconds` of real time pass for every unit, each times its own speed. */
  advance(seconds: number): void
  /** May be called again. */
  stop(): Promise<void>
}

const MIBS: Readonly<Record<UnitConfig['mib'], readonly MibObject[]>> = {
  'ups-mib': [...systemMib(UPS_MIB_OBJECT_ID), ...upsMib],
  powernet: [...systemMib(POWERNET_OBJECT_ID), ...powernetMib],
}

type Running = { readonly unit: Unit; readonly config: UnitConfig; readonly face: Face }

/** Everything binds 127.0.0.1. Throws a Fault `input-invalid` for a wrong configuration, and what binding a port throws. */
export async function startSimulator(input: SimulatorInput, log: Logger, clock: Clock = realClock): Promise<Simulator> {
  const config = parseConfig(input)
  const running: Running[] = []
  const stops: (() => unknown)[] = []
  async function stopAll(): Promise<void> {
    for (const stop of stops.splice(0).reverse()) await stop()
  }

  try {
    for (const unitConfig of config.units) {
      const unit = createUnit({ ...unitOptions(unitConfig), startedAt: clock.now() })
      const { snmp: access, port, mib } = unitConfig
      const face = await startSnmpFace(unit, { access, port, seed: seedOf(unitConfig), objects: MIBS[mib] }, log)
      stops.push(face.stop)
      running.push({ unit, config: unitConfig, face })
    }
    const control = createControl(running)
    const app = createHttp(control, log)
    stops.push(() => app.close())
    const httpUrl = await app.listen({ host: '127.0.0.1', port: config.port })
    const advance = (seconds: number) => {
      for (const { unit } of running) unit.advance(seconds)
    }
    stops.push(clock.every(config.tickMs, advance))
    log.info(
      { url: httpUrl, units: running.map(({ unit, face }) => `${unit.name} ${face.wire} ${face.address}`) },
      'simulator started',
    )
    let stopped: Promise<void> | undefined
    return {
      httpUrl,
      control,
      units: running.map(({ unit, config: { snmp }, face }) => ({
        name: unit.name,
        wire: face.wire,
        address: face.address,
        snmp,
      })),
      advance,
      stop: () => {
        stopped ??= stopAll()
        return stopped
      },
    }
  } catch (error) {
    await stopAll()
    throw error
  }
}

function createControl(running: readonly Running[]): Control {
  const byName = new Map(running.map((entry) => [entry.unit.name, entry]))
  const show = ({ unit, config, face }: Running) =>
    itemOf(unit, { wire: face.wire, address: face.address, mib: config.mib })
  return {
    list: () => running.map(show),
    find: (name) => {
      const entry = byName.get(name)
      return entry ? show(entry) : undefined
    },
    set: (name, change) => {
      const entry = byName.get(name)
      entry?.unit.change(definite(change))
      return entry ? show(entry) : undefined
    },
  }
}

// zod leaves `undefined` where a key was given so; the unit wants such keys gone.
function definite(change: Parameters<Control['set']>[1]): Parameters<Unit['change']>[0] {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

function unitOptions(config: UnitConfig) {
  const { name, location, load, charge, speed } = config
  return { name, spec: specOf(config), settings: { name, location }, load, charge, speed }
}

function specOf(config: UnitConfig): UpsSpec {
  const { nominalWatts, nominalVolts, nominalHertz, batteryMinutes, batteryVolts, mib } = config
  const seed = seedOf(config)
  return {
    manufacturer: config.manufacturer ?? (mib === 'powernet' ? 'APC' : 'Ridethrough Simulator'),
    model: config.model ?? (mib === 'powernet' ? 'Smart-UPS (simulated)' : 'Line UPS (simulated)'),
    serial: config.serial ?? `SIM${String(seed).padStart(8, '0')}`,
    firmware: config.firmware ?? '1.0',
    nominalWatts,
    nominalVa: Math.round(nominalWatts / 0.9),
    nominalVolts,
    nominalHertz,
    batteryMinutes,
    batteryVolts,
    seed,
    groups: groupsOf(config),
  }
}

// FNV-1a: two units of one configuration should not wander in step.
function seedOf({ seed, name }: UnitConfig): number {
  if (seed !== undefined) return seed
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

function groupsOf({ outletGroups }: UnitConfig): GroupSpec[] {
  const given = outletGroups.reduce((sum, group) => sum + (group.share ?? 0), 0)
  const open = outletGroups.filter((group) => group.share === undefined).length
  const each = open > 0 ? (1 - given) / open : 0
  const total = given + each * open
  // Shares that leave a rest are scaled up: the whole load hangs somewhere.
  return outletGroups.map(({ name, main, share }) => ({
    name,
    isMain: main,
    share: total > 0 ? (share ?? each) / total : 0,
  }))
}
