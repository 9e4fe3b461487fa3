// One device's objects in the order of SNMP, and what GET, GETNEXT, GETBULK and SET answer over them (RFC 3416). Pure.
import type { UpsState } from '../model/state.ts'
import type { MibContext, MibObject, Syntax, Value, WriteRefusal } from './mib.ts'

export type Found = { readonly kind: 'value'; readonly oid: string; readonly syntax: Syntax; readonly value: Value }
export type Answer = Found | { readonly kind: 'noSuchObject' | 'noSuchInstance' | 'endOfMibView'; readonly oid: string }

export type Ask = { readonly oid: string; readonly syntax: Syntax | 'other'; readonly value: Value }
export type SetRefusal = WriteRefusal | 'notWritable' | 'noCreation' | 'wrongType'
export type SetOutcome =
  | { readonly ok: true; readonly state: UpsState }
  | { readonly ok: false; readonly error: SetRefusal; readonly index: number }

export type Tree = {
  get(state: UpsState, oid: string): Answer
  next(state: UpsState, oid: string): Answer
  /** All or nothing: the first write that is refused leaves the state as it was. `index` counts from 1. */
  set(state: UpsState, asks: readonly Ask[]): SetOutcome
}

type Entry = { readonly object: MibObject; readonly path: readonly number[] }

/** No object may be inside another, and an instance is one number: so columns in order, then instances in order, is the order of the tree. */
export function createTree(objects: readonly MibObject[], context: MibContext): Tree {
  const entries: readonly Entry[] = objects
    .map((object) => ({ object, path: pathOf(object.oid) }))
    .sort((a, b) => compare(a.path, b.path))
  const byOid = new Map(objects.map((object) => [object.oid, object]))

  function found(state: UpsState, object: MibObject, index: number): Found {
    const value = object.read(state, index, context)
    return { kind: 'value', oid: `${object.oid}.${index}`, syntax: object.syntax, value }
  }

  function get(state: UpsState, oid: string): Answer {
    const { object, index } = find(oid)
    if (object && index !== undefined && object.instances(state).includes(index)) return found(state, object, index)
    return { kind: object || isInside(oid) ? 'noSuchInstance' : 'noSuchObject', oid }
  }

  function next(state: UpsState, oid: string): Answer {
    const path = pathOf(oid)
    for (let at = firstFrom(path); at < entries.length; at += 1) {
      const entry = entries[at]
      if (!entry) break
      const index = entry.object.instances(state).find((instance) => compare([...entry.path, instance], path) > 0)
      if (index !== undefined) return found(state, entry.object, index)
    }
    return { kind: 'endOfMibView', oid }
  }

  function set(state: UpsState, asks: readonly Ask[]): SetOutcome {
    let draft = state
    for (const [position, ask] of asks.entries()) {
      const outcome = write(draft, ask)
      if (typeof outcome === 'string') return { ok: false, error: outcome, index: position + 1 }
      draft = outcome
    }
    return { ok: true, state: draft }
  }

  function write(state: UpsState, ask: Ask): UpsState | SetRefusal {
    const { object, index } = find(ask.oid)
    // RFC 3416 section 4.2.5: (2) nothing writable there, (7) an instance that cannot be made, (3) another type.
    if (!object?.write) return 'notWritable'
    if (index === undefined || !object.instances(state).includes(index)) return 'noCreation'
    if (ask.syntax !== object.syntax) return 'wrongType'
    return object.write(state, ask.value, index)
  }

  function find(oid: string): { object: MibObject | undefined; index: number | undefined } {
    const cut = oid.lastIndexOf('.')
    const object = byOid.get(oid.slice(0, cut))
    return { object, index: object ? Number(oid.slice(cut + 1)) : undefined }
  }

  function isInside(oid: string): boolean {
    return objects.some((object) => oid === object.oid || oid.startsWith(`${object.oid}.`))
  }

  // The last object that is not after `path` may still hold instances behind it.
  function firstFrom(path: readonly number[]): number {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(entries[middle]?.path ?? [], path) <= 0) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  return { get, next, set }
}

/** The arcs of an OID; a leading dot is tolerated. */
export function pathOf(oid: string): number[] {
  return oid
    .split('.')
    .filter((arc) => arc !== '')
    .map(Number)
}

export function compare(a: readonly number[], b: readonly number[]): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
