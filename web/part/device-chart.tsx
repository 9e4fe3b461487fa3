// The chart on a device's page: what it shows is part of the address, so that a link shows the same.
import type { DeviceView } from '@ridethrough/protocol/http/device.ts'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { readPastOf } from '../data/device.ts'
import { hindranceTo } from '../data/may.ts'
import { HistoryChart } from './history-chart.tsx'

const ROUTE = '/signed-in/devices/$id'

export function DeviceChart({ device }: { readonly device: DeviceView }) {
  const { range = '1h', show } = useSearch({ from: ROUTE })
  const navigate = useNavigate({ from: '/devices/$id' })
  const read = useMemo(() => readPastOf(device.id), [device.id])
  return (
    <HistoryChart
      past={{ state: device.state, isHindered: hindranceTo('history', device) !== undefined, read }}
      range={range}
      show={show}
      onRange={(next) => void navigate({ search: (before) => ({ ...before, range: next }), replace: true })}
      onShow={(names) => void navigate({ search: (before) => ({ ...before, show: names }), replace: true })}
    />
  )
}
