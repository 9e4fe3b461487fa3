// Devices over HTTP: lists, one device, claiming, renaming, deleting, history.
import {
  type DeviceChange,
  type DeviceClaim,
  DevicePage,
  DeviceView,
  HistoryView,
} from '@ridethrough/protocol/http/device.ts'
import { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { queryOptions } from '@tanstack/react-query'
import { z } from 'zod'
import { request } from './request.ts'

/** All devices that the account may see, its own and shared ones, page by page. */
export async function listDevices(signal?: AbortSignal): Promise<DeviceView[]> {
  const devices: DeviceView[] = []
  let cursor: string | null = null
  do {
    const query: string = new URLSearchParams({ limit: '500', ...(cursor === null ? {} : { cursor }) }).toString()
    const page: z.infer<typeof DevicePage> = await request(`/devices?${query}`, DevicePage, signal ? { signal } : {})
    devices.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return devices
}

export function getDevice(id: string, signal?: AbortSignal): Promise<DeviceView> {
  return request(`/devices/${id}`, DeviceView, signal ? { signal } : {})
}

export function claimDevice(claim: z.infer<typeof DeviceClaim>): Promise<DeviceView> {
  return request('/devices/claim', DeviceView, { method: 'POST', body: claim })
}

export function changeDevice(id: string, change: z.infer<typeof DeviceChange>): Promise<DeviceView> {
  return request(`/devices/${id}`, DeviceView, { method: 'PATCH', body: change })
}

/** What it did at the edges: everybody that the device was shared with has lost it when this is answered. */
export async function deleteDevice(id: string): Promise<z.infer<typeof EdgeReport>> {
  const { access } = await request(`/devices/${id}`, DeviceDeletion, { method: 'DELETE' })
  return access
}

const DeviceDeletion = z.object({ access: EdgeReport })

/** Asks for what was recorded: `query` names the variables, the range and how many points. */
export type ReadPast = (query: URLSearchParams, signal: AbortSignal) => Promise<HistoryView>

export const readPastOf =
  (id: string): ReadPast =>
  (query, signal) =>
    request(`/devices/${id}/history?${query}`, HistoryView, { signal })

/** The last `span` milliseconds of some variables. `epoch` changes when the live stream was away, so that its gap is filled. */
export const historyQuery = (id: string, variables: readonly string[], span: number, epoch: number, read: ReadPast) =>
  queryOptions({
    queryKey: ['history', id, variables, span, epoch],
    queryFn: ({ signal }) => {
      const to = Date.now()
      const query = new URLSearchParams({
        variables: variables.join(','),
        from: new Date(to - span).toISOString(),
        to: new Date(to).toISOString(),
        points: '600',
      })
      return read(query, signal)
    },
    // The live stream goes on from here: asking again would only bring the same points.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
