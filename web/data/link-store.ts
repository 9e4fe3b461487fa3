// What is known of the devices that a link shows, fed by its stream.
import type { LinkDeviceView, LinkEvent } from '@ridethrough/protocol/http/link.ts'
import { newer } from './live-store.ts'

export type LinkStore = {
  /** By name; the same object until something changes; `undefined` until the first list has come. */
  readonly devices: () => readonly LinkDeviceView[] | undefined
  readonly subscribe: (listener: () => void) => () => void
  readonly apply: (event: LinkEvent) => void
  /** What a request brought, where the stream does not run. */
  readonly fill: (devices: readonly LinkDeviceView[]) => void
}

export function createLinkStore(): LinkStore {
  const listeners = new Set<() => void>()
  let devices: readonly LinkDeviceView[] | undefined

  function set(next: readonly LinkDeviceView[]): void {
    devices = next.toSorted((a, b) => collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1))
    for (const listener of [...listeners]) listener()
  }

  function latest(device: LinkDeviceView): LinkDeviceView {
    const before = devices?.find(({ id }) => id === device.id)
    return before ? { ...device, state: newer(before.state, device.state) } : device
  }

  function apply(event: LinkEvent): void {
    const known = devices ?? []
    if (event.type === 'snapshot') set(event.devices.map(latest))
    else if (event.type === 'device') set([...known.filter(({ id }) => id !== event.device.id), latest(event.device)])
    else if (event.type === 'gone') set(known.filter(({ id }) => id !== event.deviceId))
    else if (event.type === 'state') {
      const { state } = event
      set(known.map((one) => (one.id === state.deviceId ? { ...one, state: newer(one.state, state) } : one)))
    }
  }

  return {
    devices: () => devices,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    apply,
    fill: (list) => set(list.map(latest)),
  }
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })
