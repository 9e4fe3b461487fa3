// NUT's variables that we carry (RFC 9271 section 5.1, NUT's nut-names): unit, kind and label of each. `{n}` stands for a number.

export type VariableKind = 'number' | 'text' | 'word'

export type VariableFact = {
  readonly name: string
  readonly kind: VariableKind
  /** Unit as shown; '' for none. NUT's units: V, A, W, VA, Hz, %, °C and seconds everywhere. */
  readonly unit: '' | 'V' | 'A' | 'W' | 'VA' | 'Hz' | '%' | '°C' | 's' | 'kWh'
  readonly label: string
}

type Row = readonly [name: string, kind: VariableKind, unit: VariableFact['unit'], label: string]

const ROWS: readonly Row[] = [
  ['device.mfr', 'text', '', 'Manufacturer'],
  ['device.model', 'text', '', 'Model'],
  ['device.serial', 'text', '', 'Serial number'],
  ['device.type', 'text', '', 'Kind of device'],
  ['device.part', 'text', '', 'Part number'],
  ['device.location', 'text', '', 'Location'],
  ['device.uptime', 'number', 's', 'Uptime'],
  ['ups.status', 'text', '', 'Status'],
  ['ups.alarm', 'text', '', 'Alarms'],
  ['ups.mfr', 'text', '', 'Manufacturer'],
  ['ups.model', 'text', '', 'Model'],
  ['ups.serial', 'text', '', 'Serial number'],
  ['ups.id', 'text', '', 'Name'],
  ['ups.firmware', 'text', '', 'Firmware'],
  ['ups.firmware.aux', 'text', '', 'Firmware of the card'],
  ['ups.mfr.date', 'text', '', 'Made on'],
  ['ups.load', 'number', '%', 'Load'],
  ['ups.power', 'number', 'VA', 'Apparent power'],
  ['ups.power.nominal', 'number', 'VA', 'Rated apparent power'],
  ['ups.realpower', 'number', 'W', 'Power'],
  ['ups.realpower.nominal', 'number', 'W', 'Rated power'],
  ['ups.efficiency', 'number', '%', 'Efficiency'],
  ['ups.temperature', 'number', '°C', 'Temperature'],
  ['ups.delay.shutdown', 'number', 's', 'Delay before shutdown'],
  ['ups.delay.start', 'number', 's', 'Delay before start'],
  ['ups.delay.reboot', 'number', 's', 'Duration of a reboot'],
  ['ups.timer.shutdown', 'number', 's', 'Time until shutdown'],
  ['ups.timer.start', 'number', 's', 'Time until start'],
  ['ups.timer.reboot', 'number', 's', 'Time until reboot'],
  ['ups.test.result', 'text', '', 'Result of the last test'],
  ['ups.test.date', 'text', '', 'Date of the last test'],
  ['ups.beeper.status', 'word', '', 'Beeper'],
  ['ups.start.auto', 'word', '', 'Starts by itself'],
  ['input.voltage', 'number', 'V', 'Input voltage'],
  ['input.voltage.nominal', 'number', 'V', 'Rated input voltage'],
  ['input.voltage.minimum', 'number', 'V', 'Lowest input voltage'],
  ['input.voltage.maximum', 'number', 'V', 'Highest input voltage'],
  ['input.current', 'number', 'A', 'Input current'],
  ['input.frequency', 'number', 'Hz', 'Input frequency'],
  ['input.frequency.nominal', 'number', 'Hz', 'Rated input frequency'],
  ['input.realpower', 'number', 'W', 'Input power'],
  ['input.phases', 'number', '', 'Input phases'],
  ['input.quality', 'text', '', 'Quality of the input'],
  ['input.sensitivity', 'word', '', 'Sensitivity'],
  ['input.transfer.low', 'number', 'V', 'Goes to battery below'],
  ['input.transfer.high', 'number', 'V', 'Goes to battery above'],
  ['input.transfer.reason', 'text', '', 'Reason of the last transfer'],
  ['input.bypass.voltage', 'number', 'V', 'Bypass voltage'],
  ['input.bypass.current', 'number', 'A', 'Bypass current'],
  ['input.bypass.frequency', 'number', 'Hz', 'Bypass frequency'],
  ['input.bypass.phases', 'number', '', 'Bypass phases'],
  ['output.voltage', 'number', 'V', 'Output voltage'],
  ['output.voltage.nominal', 'number', 'V', 'Rated output voltage'],
  ['output.current', 'number', 'A', 'Output current'],
  ['output.frequency', 'number', 'Hz', 'Output frequency'],
  ['output.frequency.nominal', 'number', 'Hz', 'Rated output frequency'],
  ['output.power', 'number', 'VA', 'Output apparent power'],
  ['output.realpower', 'number', 'W', 'Output power'],
  ['output.phases', 'number', '', 'Output phases'],
  ['output.energy', 'number', 'kWh', 'Energy delivered'],
  ['battery.charge', 'number', '%', 'Battery charge'],
  ['battery.charge.low', 'number', '%', 'Low-battery charge'],
  ['battery.charge.restart', 'number', '%', 'Charge needed to restart'],
  ['battery.runtime', 'number', 's', 'Runtime left'],
  ['battery.runtime.low', 'number', 's', 'Low-battery runtime'],
  ['battery.runtime.elapsed', 'number', 's', 'Time on battery'],
  ['battery.voltage', 'number', 'V', 'Battery voltage'],
  ['battery.voltage.nominal', 'number', 'V', 'Rated battery voltage'],
  ['battery.current', 'number', 'A', 'Battery current'],
  ['battery.temperature', 'number', '°C', 'Battery temperature'],
  ['battery.date', 'text', '', 'Battery replaced on'],
  ['battery.packs', 'number', '', 'Battery packs'],
  ['battery.packs.bad', 'number', '', 'Bad battery packs'],
  ['ambient.temperature', 'number', '°C', 'Ambient temperature'],
  ['ambient.humidity', 'number', '%', 'Ambient humidity'],
  ['outlet.count', 'number', '', 'Outlets'],
  ['outlet.{n}.id', 'text', '', 'Outlet'],
  ['outlet.{n}.desc', 'text', '', 'Outlet name'],
  ['outlet.{n}.status', 'word', '', 'Outlet'],
  ['outlet.{n}.switchable', 'word', '', 'Can be switched'],
  ['outlet.{n}.current', 'number', 'A', 'Outlet current'],
  ['outlet.{n}.realpower', 'number', 'W', 'Outlet power'],
  ['outlet.group.count', 'number', '', 'Outlet groups'],
  ['outlet.group.{n}.name', 'text', '', 'Outlet group'],
  ['outlet.group.{n}.status', 'word', '', 'Outlet group'],
  ['outlet.group.{n}.type', 'text', '', 'Kind of outlet group'],
]

const LINES = ['L1', 'L2', 'L3', 'N', 'L1-N', 'L2-N', 'L3-N', 'L1-L2', 'L2-L3', 'L3-L1'] as const
const PER_LINE: readonly Row[] = [
  ['voltage', 'number', 'V', 'voltage'],
  ['current', 'number', 'A', 'current'],
  ['frequency', 'number', 'Hz', 'frequency'],
  ['realpower', 'number', 'W', 'power'],
  ['power', 'number', 'VA', 'apparent power'],
  ['power.percent', 'number', '%', 'load'],
]

/** Every variable we know, three-phase ones written out (`output.L2.power.percent`). */
export const VARIABLES: readonly VariableFact[] = [
  ...ROWS.map(toFact),
  ...(['input', 'output', 'input.bypass'] as const).flatMap((domain) =>
    LINES.flatMap((line) =>
      PER_LINE.map(([name, kind, unit, label]) =>
        toFact([`${domain}.${line}.${name}`, kind, unit, `${capital(domain)} ${line} ${label}`]),
      ),
    ),
  ),
]

const BY_NAME = new Map(VARIABLES.map((fact) => [fact.name, fact]))

/** The facts of a variable as it stands on the wire: `outlet.3.status` finds `outlet.{n}.status`. */
export function findVariable(name: string): VariableFact | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(name.replace(/(?<=\.)\d+(?=\.)/, '{n}'))
}

/** NUT's form of a name: lower-case words and phase marks joined by dots. What matches it is carried even when we don't know it. */
export const VARIABLE_NAME = /^[a-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+){1,7}$/

function toFact([name, kind, unit, label]: Row): VariableFact {
  return { name, kind, unit, label }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
