// What a driver is: a table from a device's objects to NUT's variables, status words, commands and settings.
import type { StatusWord } from '@ridethrough/protocol/status.ts'
import type { SnmpValue } from '../transport/varbind.ts'

/**
 * From what the device answered to what NUT calls it, in NUT's unit. `undefined`: the device says that it has no such
 * value. `null`: the answer makes no sense here.
 */
export type Convert = (raw: SnmpValue) => number | string | undefined | null

/** Where a value stands and how it reads. */
export type Source = readonly [oid: string, convert: Convert]

/** A variable and its sources, best first: the first that answers with a value counts. */
export type ReadRow = readonly [variable: string, ...sources: Source[]]

/**
 * A table with a row per line (phase). One row gives `single`, several give `each` with `{n}` for the line's number;
 * `null` leaves that out. `count` says how many rows are real: some cards pad with zeros.
 */
export type LineTable = {
  readonly count?: string
  /** Which line a row belongs to, by what follows the column's OID; `undefined`: not a row of this table. */
  readonly lineOf: (suffix: string) => number | undefined
  readonly columns: readonly (readonly [single: string | null, each: string | null, oid: string, convert: Convert])[]
}

/** Over the lines of a several-phase device: power adds up, load is that of the line which overloads first. */
export type TotalRow = readonly [variable: string, how: 'sum' | 'max', ofEach: string]

/** A table with a row per outlet group; `{n}` in variables, commands and their OIDs is the row's index. */
export type GroupTable = {
  readonly column: string
  readonly reads: readonly ReadRow[]
  readonly commands: Readonly<Record<string, CommandRow>>
}

/** `words` by the object's value; a value that is not listed makes no sense. `fallback`: only when nothing above told the state of the mains. */
export type StatusRow = {
  readonly oid: string
  readonly words: Readonly<Record<number, readonly StatusWord[]>>
  /** For any value that is not listed. */
  readonly otherwise?: readonly StatusWord[]
  readonly alarms?: Readonly<Record<number, string>>
  readonly fallback?: true
}

/** A text of '0' and '1' whose nth character (from 1) is a state. */
export type FlagsRow = {
  readonly oid: string
  readonly words: Readonly<Record<number, readonly StatusWord[]>>
  /** Counts only when nothing before told the state of the mains. */
  readonly fallbackWords: Readonly<Record<number, readonly StatusWord[]>>
  readonly alarms: Readonly<Record<number, string>>
}

/** A table that grows a row per alarm, each naming a well-known OID: the last number says which. */
export type AlarmTable = {
  readonly count: string
  readonly column: string
  readonly known: Readonly<Record<number, { readonly text?: string; readonly words?: readonly StatusWord[] }>>
}

export type SetValue = {
  readonly oid: string
  readonly type: 'integer' | 'oid' | 'text'
  readonly value: number | string
}

/** All in one packet. `lock`: a TestAndIncr that goes first, with the value just read (RFC 1628 upsTestSpinLock). */
export type CommandRow = { readonly set: readonly SetValue[]; readonly lock?: string }

/** A writable variable; `encode` gives what is sent, `undefined` for a value that the device does not take. */
export type SettingRow = {
  readonly oid: string
  readonly type: 'integer' | 'text' | 'ticks'
  readonly encode: (value: number | string) => number | string | undefined
  readonly choices?: readonly string[]
}

export type SnmpDriver = {
  readonly name: string
  /** Prefixes of sysObjectID that belong to this driver. */
  readonly sysObjectIds: readonly string[]
  /** An object that every device of this kind has. */
  readonly probe: string
  /** What is so for every device of this kind. */
  readonly constants: Readonly<Record<string, string>>
  readonly read: readonly ReadRow[]
  readonly lines: readonly LineTable[]
  readonly totals: readonly TotalRow[]
  readonly groups: readonly GroupTable[]
  /** The first row is the one that must make sense. */
  readonly status: readonly [StatusRow, ...StatusRow[]]
  readonly flags?: FlagsRow
  readonly alarms?: AlarmTable
  /** The card answers for a UPS that it cannot reach itself. */
  readonly lost?: { readonly oid: string; readonly value: number; readonly detail: string }
  readonly commands: Readonly<Record<string, CommandRow>>
  readonly settings: Readonly<Record<string, SettingRow>>
}

// Conversions. A number counts as one whatever type it was declared with, also inside a text.

export const whole: Convert = (raw) => {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : null
  if (raw === '') return undefined
  return /^\s*[+-]?\d+(\.\d+)?\s*$/.test(raw) ? Number(raw) : null
}

export const tenths: Convert = (raw) => scaled(raw, 1, 10)
export const hundredths: Convert = (raw) => scaled(raw, 1, 100)
export const minutes: Convert = (raw) => scaled(raw, 60, 1)
/** TimeTicks, hundredths of a second, to seconds. */
export const ticks: Convert = (raw) => scaled(raw, 1, 100)

export const text: Convert = (raw) => {
  const words = String(raw).trim().slice(0, 128)
  return words === '' ? undefined : words
}

/** The first group of the pattern. */
export const part =
  (pattern: RegExp): Convert =>
  (raw) =>
    pattern.exec(String(raw))?.[1]

/** Values by which a device says "I have none". */
export const unless =
  (absent: readonly number[], convert: Convert): Convert =>
  (raw) =>
    absent.includes(Number(raw)) ? undefined : convert(raw)

/** Objects that are never negative: a negative number is a code for "unsupported". */
export const positive =
  (convert: Convert): Convert =>
  (raw) =>
    Number(raw) < 0 ? undefined : convert(raw)

export const oneOf =
  (words: Readonly<Record<number, string>>): Convert =>
  (raw) =>
    words[Number(raw)] ?? null

// Encodings of settings: the other way round.

export const asWhole: SettingRow['encode'] = (value) => asNumber(value, 1, 1)
export const asTenths: SettingRow['encode'] = (value) => asNumber(value, 10, 1)
export const asMinutes: SettingRow['encode'] = (value) => asNumber(value, 1, 60)
export const asTicks: SettingRow['encode'] = (value) => asNumber(value, 100, 1)
export const asText: SettingRow['encode'] = (value) => String(value)

export const asOneOf =
  (words: Readonly<Record<number, string>>): SettingRow['encode'] =>
  (value) => {
    const found = Object.entries(words).find(([, word]) => word === value)
    return found && Number(found[0])
  }

function scaled(raw: SnmpValue, times: number, by: number): number | undefined | null {
  const value = whole(raw)
  if (typeof value !== 'number') return value === null ? null : undefined
  // One division keeps 499 tenths at 49.9 rather than 49.900000000000006.
  return (value * times) / by
}

function asNumber(value: number | string, times: number, by: number): number | undefined {
  const number = Number(value)
  return Number.isFinite(number) && value !== '' ? Math.round((number * times) / by) : undefined
}
