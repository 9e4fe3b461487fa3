// How the model sees the reader and the device that it and the broker disagree about.
import type { Peer } from './peer.ts'
import { type Device, isLive, maySee, type World, waysTo } from './world.ts'

const at = (instant: number | null) => (instant === null ? 'ever' : new Date(instant).toISOString())

export function standingOf(world: World, now: number, peer: Peer | undefined, device: Device | undefined): string[] {
  const lines = [`it is ${at(now)}`]
  if (device) lines.push(`${device.id}: newest ${device.seq}, plan ${device.plan}, zone ${device.zone}`)
  const credential = peer?.credential
  if (!peer || !credential) return lines
  const { kind, id, accountId } = credential
  const filters = [...peer.filters].map(([filter, qos]) => `${filter} (${qos})`)
  lines.push(
    `${peer.name}: ${kind} ${id} of ${accountId}, ${isLive(world, credential, now) ? 'live' : 'over'}`,
    `subscribed to ${filters.join(' ') || 'nothing'}; not sure of ${[...peer.unsure].join(' ') || 'nothing'}`,
  )
  if (!device) return lines
  lines.push(`it may ${maySee(world, credential, device, now) ? '' : 'not '}see the device now; ways to it:`)
  for (const { from, until, windows } of waysTo(world, credential, device)) {
    lines.push(`  from ${at(from)} until ${at(until)}, hours ${JSON.stringify(windows)}`)
  }
  return [...lines, ...peer.tell(device.id)]
}
