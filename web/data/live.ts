// The live store and its link as React sees them.
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { createContext, useContext, useSyncExternalStore } from 'react'
import type { Connection, LiveLink } from './live-link.ts'
import type { LiveStore, Overview } from './live-store.ts'

/** Of whatever is said on it. */
type AnyLink = Pick<LiveLink, 'connection' | 'subscribe' | 'start' | 'stop' | 'hurry'>

export type Live = { readonly store: LiveStore; readonly link: AnyLink }

const LiveContext = createContext<Live | undefined>(undefined)
export const LiveProvider = LiveContext.Provider

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('LiveProvider is missing above this component')
  return live
}

/** Renders again when this device changes, and for no other. */
export function useLiveDevice(id: string): DeviceView | undefined {
  const { store } = useLive()
  return useSyncExternalStore(
    (listener) => store.subscribeDevice(id, listener),
    () => store.device(id),
  )
}

export function useOverview(): Overview {
  const { store } = useLive()
  return useSyncExternalStore(store.subscribeOverview, store.overview)
}

export function useConnection(): Connection {
  const { link } = useLive()
  return useSyncExternalStore(link.subscribe, link.connection)
}
