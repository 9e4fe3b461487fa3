// How devices are put to somebody: what people see differs from what whoever opened a link sees.
import type { Device } from '@ridethrough/db/query/device.ts'
import type { DeviceView, StateView } from '@ridethrough/protocol/http/device.ts'
import type { LinkDeviceView } from '@ridethrough/protocol/http/link.ts'
import type { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import type { Rights } from '@ridethrough/protocol/rights.ts'
import { stateView } from '../freshness.ts'
import { deviceView } from '../view.ts'

export type ShownDevice = DeviceView | LinkDeviceView

/** The frames of `/live` and of `/link/live`. */
export type Frame =
  | LiveEvent
  | { readonly type: 'snapshot'; readonly devices: readonly ShownDevice[] }
  | { readonly type: 'device'; readonly device: ShownDevice }

export type Face = {
  /** `state` does not depend on the rights: one text will do for everybody. */
  readonly isForAll: boolean
  /** `undefined` when the device may not be seen at this instant. */
  device(
    device: Device,
    rights: Rights,
    sharers: ReadonlyMap<string, { readonly name: string; readonly email: string }>,
    now: number,
  ): ShownDevice | undefined
  state(device: Device, rights: Rights, now: number): StateView
}

/** For people who are signed in: all there is. */
export const PERSON: Face = {
  isForAll: true,
  device: deviceView,
  state: (device, _rights, now) => stateView(device.id, device.status, now),
}
