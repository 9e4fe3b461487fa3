// APC's PowerNet MIB over the model: identity, battery, input, output, settings, commands, tests, state.
// Coarse objects are whole numbers, their high-precision twins tenths, times hundredths of a second.
import { inputVolts, read } from '../model/reading.ts'
import { SENSITIVITIES, type TransferCause, type UpsState } from '../model/state.ts'
import { between, date, type MibObject, object, setting, ticks, upTo, whole } from './mib.ts'
import { powernetControl } from './powernet-control.ts'
import { outletGroups } from './powernet-outlet.ts'
import { basicOutputStatus, stateFlags } from './powernet-state.ts'

const U = '1.3.6.1.4.1.318.1.1.1'

/** sysObjectID of the Smart-UPS family. */
export const POWERNET_OBJECT_ID = '1.3.6.1.4.1.318.1.3.27'

// upsAdvInputLineFailCause
const CAUSES: Readonly<Record<TransferCause, number>> = { none: 1, high: 2, brownout: 3, blackout: 4, 'self-test': 9 }

const tenths = (value: number) => whole(value * 10, 0)

const ident: readonly MibObject[] = [
  object(`${U}.1.1.1`, 'text', (state) => state.spec.model),
  object(
    `${U}.1.1.2`,
    'text',
    (state) => state.settings.name,
    upTo(63, (state, value) => setting(state, 'name', value)),
  ),
  object(`${U}.1.2.1`, 'text', (state) => state.spec.firmware),
  object(`${U}.1.2.2`, 'text', (_state, _index, context) => date(context.startedAt - 400 * 86_400_000)),
  object(`${U}.1.2.3`, 'text', (state) => state.spec.serial),
  object(`${U}.1.2.5`, 'text', (state) => state.spec.model.replaceAll(/[^A-Za-z0-9]/g, '').toUpperCase()),
]

const battery: readonly MibObject[] = [
  object(`${U}.2.1.1`, 'integer', (state) => (read(state).isLow ? 3 : 2)),
  object(`${U}.2.1.2`, 'ticks', (state) => ticks(state.onBatteryFor)),
  object(
    `${U}.2.1.3`,
    'text',
    (state, _index, context) => state.settings.batteryDate || date(context.startedAt - 400 * 86_400_000),
    upTo(10, (state, value) => setting(state, 'batteryDate', value)),
  ),
  object(`${U}.2.2.1`, 'gauge', (state) => whole(state.charge, 0)),
  object(`${U}.2.2.2`, 'gauge', (state) => whole(state.temperature, 0)),
  object(`${U}.2.2.3`, 'ticks', (state) => ticks(read(state).runtime)),
  object(`${U}.2.2.4`, 'integer', (state) => (state.inputs.isBatteryWorn ? 2 : 1)),
  object(`${U}.2.2.5`, 'integer', () => 0),
  object(`${U}.2.2.6`, 'integer', (state) => (state.inputs.isBatteryWorn ? 1 : 0)),
  object(`${U}.2.2.7`, 'integer', (state) => state.spec.batteryVolts),
  object(`${U}.2.2.8`, 'integer', (state) => whole(state.batteryVolts)),
  object(`${U}.2.2.9`, 'integer', (state) => whole(read(state).batteryAmps)),
  object(`${U}.2.3.1`, 'gauge', (state) => tenths(state.charge)),
  object(`${U}.2.3.2`, 'gauge', (state) => tenths(state.temperature)),
  object(`${U}.2.3.3`, 'integer', (state) => tenths(state.spec.batteryVolts)),
  object(`${U}.2.3.4`, 'integer', (state) => tenths(state.batteryVolts)),
  object(`${U}.2.3.5`, 'integer', (state) => whole(read(state).batteryAmps * 10)),
]

const input: readonly MibObject[] = [
  object(`${U}.3.1.1`, 'integer', () => 1),
  object(`${U}.3.2.1`, 'gauge', (state) => whole(inputVolts(state), 0)),
  object(`${U}.3.2.2`, 'gauge', (state) => whole(state.minute.high, 0)),
  object(`${U}.3.2.3`, 'gauge', (state) => whole(state.minute.low, 0)),
  object(`${U}.3.2.4`, 'gauge', (state) => whole(read(state).inputHertz, 0)),
  object(`${U}.3.2.5`, 'integer', (state) => CAUSES[state.transferCause]),
  object(`${U}.3.3.1`, 'gauge', (state) => tenths(inputVolts(state))),
  object(`${U}.3.3.2`, 'gauge', (state) => tenths(state.minute.high)),
  object(`${U}.3.3.3`, 'gauge', (state) => tenths(state.minute.low)),
  object(`${U}.3.3.4`, 'gauge', (state) => tenths(read(state).inputHertz)),
]

const output: readonly MibObject[] = [
  object(`${U}.4.1.1`, 'integer', basicOutputStatus),
  object(`${U}.4.1.2`, 'integer', () => 1),
  object(`${U}.4.2.1`, 'gauge', (state) => whole(read(state).outputVolts, 0)),
  object(`${U}.4.2.2`, 'gauge', (state) => whole(read(state).outputHertz, 0)),
  object(`${U}.4.2.3`, 'gauge', (state) => whole(read(state).load, 0)),
  object(`${U}.4.2.4`, 'gauge', (state) => whole(read(state).outputAmps, 0)),
  object(`${U}.4.2.8`, 'integer', (state) => whole(read(state).watts)),
  object(`${U}.4.2.9`, 'integer', (state) => whole(read(state).va)),
  object(`${U}.4.2.12`, 'gauge', (state) => whole(kilowattHours(state), 0)),
  object(`${U}.4.3.1`, 'gauge', (state) => tenths(read(state).outputVolts)),
  object(`${U}.4.3.2`, 'gauge', (state) => tenths(read(state).outputHertz)),
  object(`${U}.4.3.3`, 'gauge', (state) => tenths(read(state).load)),
  object(`${U}.4.3.4`, 'gauge', (state) => tenths(read(state).outputAmps)),
  object(`${U}.4.3.6`, 'gauge', (state) => whole(kilowattHours(state) * 100, 0)),
]

const config: readonly MibObject[] = [
  object(
    `${U}.5.2.1`,
    'integer',
    (state) => state.settings.outputVolts,
    between(100, 260, (state, volts) => setting(state, 'outputVolts', volts)),
  ),
  // The card rounds a voltage that it cannot have; it does not refuse it.
  object(
    `${U}.5.2.2`,
    'integer',
    (state) => state.settings.transferHigh,
    between(0, 1000, (state, volts) =>
      setting(state, 'transferHigh', nearest(volts, state.spec.nominalVolts * 1.1, state.spec.nominalVolts * 1.2)),
    ),
  ),
  object(
    `${U}.5.2.3`,
    'integer',
    (state) => state.settings.transferLow,
    between(0, 1000, (state, volts) =>
      setting(state, 'transferLow', nearest(volts, state.spec.nominalVolts * 0.74, state.spec.nominalVolts * 0.91)),
    ),
  ),
  object(`${U}.5.2.4`, 'integer', (state) => state.settings.alarmMode, between(1, 4, setAlarm)),
  object(
    `${U}.5.2.6`,
    'integer',
    (state) => state.settings.minReturnCharge,
    between(0, 100, (state, percent) => setting(state, 'minReturnCharge', percent)),
  ),
  object(
    `${U}.5.2.7`,
    'integer',
    (state) => SENSITIVITIES.indexOf(state.settings.sensitivity) + 1,
    between(1, 4, (state, value) => setting(state, 'sensitivity', SENSITIVITIES[value - 1] ?? 'high')),
  ),
  object(
    `${U}.5.2.8`,
    'ticks',
    (state) => ticks(state.settings.lowRuntime),
    between(0, 720_000, (state, value) => setting(state, 'lowRuntime', value / 100)),
  ),
  object(
    `${U}.5.2.9`,
    'ticks',
    (state) => ticks(state.settings.returnDelay),
    between(0, 60_000, (state, value) => setting(state, 'returnDelay', value / 100)),
  ),
  object(
    `${U}.5.2.10`,
    'ticks',
    (state) => ticks(state.settings.shutdownDelay),
    between(0, 60_000, (state, value) => setting(state, 'shutdownDelay', value / 100)),
  ),
  object(
    `${U}.5.2.11`,
    'ticks',
    (state) => ticks(state.settings.sleepTime),
    between(0, 129_600_000, (state, value) => setting(state, 'sleepTime', value / 100)),
  ),
]

/** In the order of the tree, as a walk meets them. */
export const powernetMib: readonly MibObject[] = [
  ...ident,
  ...battery,
  ...input,
  ...output,
  ...config,
  ...powernetControl,
  object(`${U}.8.1`, 'integer', () => 1),
  object(`${U}.11.1.1`, 'text', stateFlags),
  ...outletGroups,
]

function setAlarm(state: UpsState, value: number): UpsState {
  const beeper = value === 4 ? 'muted' : value === 3 ? 'disabled' : 'enabled'
  return setting(setting(state, 'alarmMode', value), 'beeper', beeper)
}

function nearest(volts: number, low: number, high: number): number {
  return Math.round(Math.min(high, Math.max(low, volts)))
}

function kilowattHours(state: UpsState): number {
  return state.energy.output / 3_600_000
}
