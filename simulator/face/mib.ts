// A MIB as a table: which objects there are, how each reads from a UPS's state, what writing it does. Pure.
import type { UpsState } from '../model/state.ts'

/** SNMP's syntaxes that our tables use. `ticks` are hundredths of a second. */
export type Syntax = 'integer' | 'gauge' | 'counter' | 'ticks' | 'text' | 'oid'
export type Value = number | string

/** What the tables may know beside the state. */
export type MibContext = {
  /** Milliseconds since 1970 at simulated time 0. */
  readonly startedAt: number
}

/** Why a write is refused, in the words of RFC 3416 section 4.2.5. */
export type WriteRefusal = 'wrongValue' | 'wrongLength' | 'inconsistentValue' | 'resourceUnavailable'

export type Write = (state: UpsState, value: Value, index: number) => UpsState | WriteRefusal

export type MibObject = {
  /** Without the instance. */
  readonly oid: string
  readonly syntax: Syntax
  /** Instances present now, ascending; a scalar has `0`. */
  readonly instances: (state: UpsState) => readonly number[]
  readonly read: (state: UpsState, index: number, context: MibContext) => Value
  readonly write?: Write
}

const SCALAR: readonly number[] = [0]
const scalar = () => SCALAR

export function object(oid: string, syntax: Syntax, read: MibObject['read'], write?: Write): MibObject {
  return { oid, syntax, instances: scalar, read, ...(write ? { write } : {}) }
}

export function column(
  oid: string,
  syntax: Syntax,
  instances: MibObject['instances'],
  read: MibObject['read'],
  write?: Write,
): MibObject {
  return { oid, syntax, instances, read, ...(write ? { write } : {}) }
}

/** A write of one of a few numbers, each with what it does. Others are wrongValue. */
export function oneOf(
  actions: Readonly<Record<number, (state: UpsState, index: number) => UpsState | WriteRefusal>>,
): Write {
  return (state, value, index) =>
    (typeof value === 'number' && Object.hasOwn(actions, value) ? actions[value]?.(state, index) : undefined) ??
    'wrongValue'
}

/** A write of a whole number between two bounds, both allowed. */
export function between(
  low: number,
  high: number,
  write: (state: UpsState, value: number, index: number) => UpsState | WriteRefusal,
): Write {
  return (state, value, index) =>
    typeof value === 'number' && value >= low && value <= high ? write(state, value, index) : 'wrongValue'
}

/** A write of text of at most `length` bytes. */
export function upTo(length: number, write: (state: UpsState, value: string, index: number) => UpsState): Write {
  return (state, value, index) =>
    typeof value === 'string' && Buffer.byteLength(value) <= length ? write(state, value, index) : 'wrongLength'
}

export function setting<K extends keyof UpsState['settings']>(
  state: UpsState,
  key: K,
  value: UpsState['settings'][K],
): UpsState {
  return { ...state, settings: { ...state.settings, [key]: value } }
}

/** A number fit for a 32-bit object: rounded, inside the bounds. */
export function whole(value: number, low = -2147483648, high = 2147483647): number {
  return Math.min(high, Math.max(low, Math.round(value)))
}

export function ticks(seconds: number): number {
  return Math.round(seconds * 100) % 4294967296
}

/** mm/dd/yyyy, as PowerNet's dates are. */
export function date(at: number): string {
  const day = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(day.getUTCMonth() + 1)}/${two(day.getUTCDate())}/${day.getUTCFullYear()}`
}
