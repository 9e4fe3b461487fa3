// Is what we know of a device fresh, and if not, why not (R90)? Pure: time is a parameter.
import type { DeviceStatus } from '@ridethrough/db/query/device.ts'
import type { StateView } from '@ridethrough/protocol/http/device.ts'

type Silence = NonNullable<StateView['silence']>

/** A sample may be this late, beyond three poll intervals, before silence is a fact. */
const GRACE_MS = 5000

/** Milliseconds without a sample after which a device counts as silent. */
export function silentAfterMs(status: DeviceStatus): number {
  return 3 * status.agent.intervalS * 1000 + GRACE_MS
}

/** Arrival counts, on our own clock, rather than the agent's time: an agent whose clock is wrong is not a silent one. */
export function silenceOf(status: DeviceStatus, now: number): Silence | null {
  const last = status.receivedAt ?? status.claimedAt
  if (!status.agent.online) {
    const since = Math.max(status.agent.seenAt, status.claimedAt)
    return silence('link-lost', since, 'The agent that reads this device cannot be reached')
  }
  if (status.problem !== null) {
    const said =
      status.problem === 'no-answer'
        ? 'The agent gets no answer from the device'
        : 'The device gives the agent answers that make no sense'
    const detail = status.problemDetail ? `${said}: ${status.problemDetail}` : said
    return silence('device-not-answering', status.problemSince ?? last, detail)
  }
  if (now - last >= silentAfterMs(status)) {
    return silence('unknown', last, 'The agent is connected, but nothing has come from this device')
  }
  return null
}

export function stateView(deviceId: string, status: DeviceStatus, now: number): StateView {
  const silent = silenceOf(status, now)
  return {
    deviceId,
    seq: status.seq,
    at: isoOf(status.at),
    status: status.status,
    variables: { ...status.variables },
    stale: silent !== null || status.at === null,
    problem: status.problem,
    silence: silent,
  }
}

function silence(reason: Silence['reason'], since: number, detail: string): Silence {
  return { reason, since: new Date(since).toISOString(), detail }
}

function isoOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
