// What is known of every device now, fed by the live stream; each row of the console listens to its own device only.
import type { DeviceView, StateView } from '@ridethrough/protocol/http/device.ts'
import type { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { conditionOf, type Tone } from './condition.ts'
import { isShared } from './may.ts'

export type Section = 'mine' | 'shared'

export type Tones = Readonly<Partial<Record<Tone, number>>>
/** What the account sees as a guest of a company (R35). */
export type HostPart = { readonly ids: readonly string[]; readonly tones: Tones }

/** Ids by section, what matters first; the same object until an order, a name or a tone changes. */
export type Overview = {
  readonly ids: Readonly<Record<Section, readonly string[]>>
  /** Of the sections; devices of host companies are counted there only. */
  readonly tones: Tones
  /** By the company's id. */
  readonly hosts: Readonly<Record<string, HostPart>>
  /** False until the first list has come, from wherever. */
  readonly isFilled: boolean
}

type Listener = () => void

export type LiveStore = {
  readonly device: (id: string) => DeviceView | undefined
  readonly overview: () => Overview
  readonly subscribeDevice: (id: string, listener: Listener) => () => void
  readonly subscribeOverview: (listener: Listener) => () => void
  readonly apply: (event: LiveEvent) => void
  /** What a list over HTTP brought; `isWhole` forgets devices that it does not name. */
  readonly fill: (devices: readonly DeviceView[], isWhole: boolean) => void
  readonly put: (device: DeviceView) => void
  readonly remove: (id: string) => void
  readonly clear: () => void
}

const EMPTY: Overview = { ids: { mine: [], shared: [] }, tones: {}, hosts: {}, isFilled: false }

/** `schedule` runs a flush soon: many changes within one frame reach React once. */
export function createLiveStore(schedule: (flush: () => void) => void = soon): LiveStore {
  const devices = new Map<string, DeviceView>()
  const deviceListeners = new Map<string, Set<Listener>>()
  const overviewListeners = new Set<Listener>()
  const dirty = new Set<string>()
  let overview = EMPTY
  let isOrderDirty = false
  let isFilled = false
  let isScheduled = false

  function put(next: DeviceView): void {
    const before = devices.get(next.id)
    const device = before ? { ...next, state: newer(before.state, next.state) } : next
    devices.set(device.id, device)
    touch(device.id, !before || placeOf(before) !== placeOf(device))
  }

  function remove(id: string): void {
    if (devices.delete(id)) touch(id, true)
  }

  function fill(list: readonly DeviceView[], isWhole: boolean): void {
    isFilled = true
    const named = new Set(list.map((device) => device.id))
    if (isWhole) for (const id of devices.keys()) if (!named.has(id)) remove(id)
    for (const device of list) put(device)
    touch(undefined, true)
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'snapshot') fill(event.devices, true)
    else if (event.type === 'device') put(event.device)
    else if (event.type === 'gone') remove(event.deviceId)
    else if (event.type === 'state') {
      const before = devices.get(event.state.deviceId)
      const state = before && newer(before.state, event.state)
      if (before && state && state !== before.state) put({ ...before, state })
    }
  }

  function touch(id: string | undefined, isOrder: boolean): void {
    if (id !== undefined) dirty.add(id)
    isOrderDirty ||= isOrder
    if (isScheduled) return
    isScheduled = true
    schedule(flush)
  }

  function flush(): void {
    isScheduled = false
    const ids = [...dirty]
    dirty.clear()
    const isOrder = isOrderDirty
    isOrderDirty = false
    if (isOrder) overview = arrange([...devices.values()], isFilled)
    for (const id of ids) for (const listener of [...(deviceListeners.get(id) ?? [])]) listener()
    if (isOrder) for (const listener of [...overviewListeners]) listener()
  }

  return {
    device: (id) => devices.get(id),
    overview: () => overview,
    subscribeDevice: (id, listener) => {
      const listeners = deviceListeners.get(id) ?? new Set()
      deviceListeners.set(id, listeners.add(listener))
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) deviceListeners.delete(id)
      }
    },
    subscribeOverview: (listener) => {
      overviewListeners.add(listener)
      return () => overviewListeners.delete(listener)
    },
    apply,
    fill,
    put,
    remove,
    clear: () => {
      for (const id of devices.keys()) dirty.add(id)
      devices.clear()
      isFilled = false
      touch(undefined, true)
    },
  }
}

/** The later of two states. The same sequence may come again with other marks (it went stale): the later word counts. */
export function newer(known: StateView, next: StateView): StateView {
  return known.seq !== null && (next.seq === null || next.seq < known.seq) ? known : next
}

/** Urgent first, then by name the way people count: Rack 2 before Rack 10. */
export function arrange(devices: readonly DeviceView[], isFilled: boolean): Overview {
  const placed = devices.map((device) => ({ device, condition: conditionOf(device.state) }))
  placed.sort((a, b) => a.condition.rank - b.condition.rank || compareNames(a.device, b.device))
  const ids: Record<Section, string[]> = { mine: [], shared: [] }
  const tones: Counts = {}
  const hosts: Record<string, { ids: string[]; tones: Counts }> = {}
  for (const { device, condition } of placed) {
    const hostId = hostOf(device)
    if (hostId === undefined) {
      ids[isShared(device) ? 'shared' : 'mine'].push(device.id)
      count(tones, condition.tone)
    } else {
      hosts[hostId] ??= { ids: [], tones: {} }
      hosts[hostId].ids.push(device.id)
      count(hosts[hostId].tones, condition.tone)
    }
  }
  return { ids, tones, hosts, isFilled }
}

type Counts = Partial<Record<Tone, number>>

function count(tones: Counts, tone: Tone): void {
  tones[tone] = (tones[tone] ?? 0) + 1
}

/** The company as whose guest the viewer sees it; `undefined` for one's own and what is shared. */
export function hostOf(device: DeviceView): string | undefined {
  return device.via === 'guest' ? device.company?.id : undefined
}

function placeOf(device: DeviceView): string {
  const { rank, tone } = conditionOf(device.state)
  return `${rank} ${tone} ${isShared(device)} ${hostOf(device)} ${device.name}`
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

function compareNames(a: DeviceView, b: DeviceView): number {
  return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1)
}

function soon(flush: () => void): void {
  setTimeout(flush, 30)
}
