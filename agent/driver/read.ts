// One poll: from what a device answers to NUT's variables and status, or to the reason why there are none.
import { formatStatus, type StatusWord } from '@ridethrough/protocol/status.ts'
import type { SnmpReader } from '../transport/snmp.ts'
import type { SnmpValue } from '../transport/varbind.ts'
import type { AlarmTable, FlagsRow, SnmpDriver, StatusRow, TotalRow } from './define.ts'
import type { Plan } from './inspect.ts'
import { isPlausible } from './plausible.ts'

export type Reading =
  | {
      readonly kind: 'values'
      readonly status: string
      readonly variables: Readonly<Record<string, number | string>>
      /** Variables that were left out because what the device said of them cannot be. */
      readonly senseless: readonly string[]
    }
  | { readonly kind: 'problem'; readonly problem: 'no-answer' | 'nonsense'; readonly detail: string }

type Values = ReadonlyMap<string, SnmpValue>
type State = { readonly words: StatusWord[]; readonly alarms: string[] }

/** @throws {SnmpError} when the device does not answer. */
export async function readDevice(reader: SnmpReader, plan: Plan): Promise<Reading> {
  const { driver } = plan
  const values = await reader.get(plan.oids)
  if (values.size === 0) return nonsense('the device answers, but has none of the objects it had before')
  if (driver.lost && values.get(driver.lost.oid) === driver.lost.value) {
    return { kind: 'problem', problem: 'no-answer', detail: driver.lost.detail }
  }
  const { variables, senseless } = readVariables(plan, values)
  if (senseless.length * 4 > Object.keys(variables).length + senseless.length) {
    return nonsense(`${senseless.length} values cannot be: ${senseless.slice(0, 4).join(', ')}`)
  }
  const active = driver.alarms ? await readAlarms(reader, driver.alarms, values) : []
  const state = readState(driver, values, active)
  if (typeof state === 'string') return nonsense(state)

  const alarms = [...new Set(state.alarms)].map((alarm) => `[${alarm}]`).join(' ')
  const words: string[] = alarms === '' ? state.words : ['ALARM', ...state.words]
  const status = formatStatus(words)
  const all = { ...variables, 'ups.status': status, ...(alarms !== '' && { 'ups.alarm': alarms.slice(0, 1024) }) }
  return { kind: 'values', status, variables: all, senseless }
}

function nonsense(detail: string): Reading {
  return { kind: 'problem', problem: 'nonsense', detail }
}

function readVariables({ driver, reads }: Plan, values: Values) {
  const variables: Record<string, number | string> = { ...driver.constants }
  const senseless: string[] = []
  for (const [variable, ...sources] of reads) {
    const converted = sources.flatMap(([oid, convert]) => {
      const raw = values.get(oid)
      const value = raw === undefined ? undefined : convert(raw)
      return value === undefined ? [] : [value]
    })
    const value = converted.find((one) => one !== null && isPlausible(variable, one))
    if (value !== undefined && value !== null) variables[variable] = value
    else if (converted.length > 0) senseless.push(variable)
  }
  for (const row of driver.totals) addTotal(row, variables)
  return { variables, senseless }
}

function addTotal([variable, how, ofEach]: TotalRow, variables: Record<string, number | string>): void {
  if (variables[variable] !== undefined) return
  const each = [1, 2, 3].flatMap((line) => {
    const value = variables[ofEach.replace('{n}', String(line))]
    return typeof value === 'number' ? [value] : []
  })
  if (each.length === 0) return
  variables[variable] = how === 'max' ? Math.max(...each) : each.reduce((sum, value) => sum + value, 0)
}

/** The words and alarms that the device shows, or a sentence on why they cannot be told. */
function readState(driver: SnmpDriver, values: Values, active: readonly number[]): State | string {
  const state: State = { words: [], alarms: [] }
  const [first, ...rest] = driver.status
  const source = values.get(first.oid)
  if (source === undefined) return `the status object ${first.oid} has no value`
  if (!isListed(first, source)) return `the status object ${first.oid} reads ${shown(source)}`
  for (const row of [first, ...rest.filter((one) => !one.fallback)]) addStatus(row, values, state)
  for (const number of active) {
    const known = driver.alarms?.known[number]
    state.words.push(...(known?.words ?? []))
    if (known?.text) state.alarms.push(known.text)
    if (!known) state.alarms.push(`Alarm ${number}`)
  }
  if (driver.flags) addFlags(driver.flags, values, state)
  for (const row of rest) if (row.fallback && !tellsMains(state.words)) addStatus(row, values, state)
  if (!tellsMains(state.words)) return 'no object tells whether the UPS is on line or on battery'
  if (state.words.includes('OB')) state.words.push('DISCHRG')
  return state
}

function tellsMains(words: readonly StatusWord[]): boolean {
  return words.includes('OL') || words.includes('OB') || words.includes('OFF')
}

function isListed(row: StatusRow, value: SnmpValue): boolean {
  return row.otherwise !== undefined || row.words[Number(value)] !== undefined
}

function addStatus(row: StatusRow, values: Values, state: State): void {
  const value = values.get(row.oid)
  if (value === undefined) return
  const isCount = Number.isInteger(Number(value)) && Number(value) >= 0
  state.words.push(...(row.words[Number(value)] ?? (isCount ? row.otherwise : undefined) ?? []))
  const alarm = row.alarms?.[Number(value)]
  if (alarm) state.alarms.push(alarm)
}

function addFlags(row: FlagsRow, values: Values, state: State): void {
  const flags = String(values.get(row.oid) ?? '')
  // "UNKNOWN" is what a card says while it has not heard from the UPS.
  if (!/^[01]+$/.test(flags)) return
  const isSet = (position: string) => flags[Number(position) - 1] === '1'
  const wordsOf = (table: FlagsRow['words']) => Object.entries(table).flatMap(([at, words]) => (isSet(at) ? words : []))
  state.words.push(...wordsOf(row.words))
  state.alarms.push(...Object.entries(row.alarms).flatMap(([at, alarm]) => (isSet(at) ? [alarm] : [])))
  if (!tellsMains(state.words)) state.words.push(...wordsOf(row.fallbackWords))
}

/** The well-known numbers of the alarms that are up; the table is walked only while the count says that there are any. */
async function readAlarms(reader: SnmpReader, table: AlarmTable, values: Values): Promise<number[]> {
  if (!(Number(values.get(table.count)) > 0)) return []
  const rows = await reader.column(table.column)
  return [...rows.values()].flatMap((oid) => {
    const number = Number(String(oid).split('.').at(-1))
    return Number.isInteger(number) ? [number] : []
  })
}

function shown(value: SnmpValue): string {
  return JSON.stringify(value).slice(0, 40)
}
