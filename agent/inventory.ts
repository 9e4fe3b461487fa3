// What the agent tells the cloud of its devices: found out by polling, kept in the journal so that a restart beside a silent device knows it still.
import type { Inventory, InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import { z } from 'zod'
import { hashCode } from './claim-codes.ts'
import type { Journal } from './journal.ts'

const DeviceFacts = z.strictObject({
  driver: z.string(),
  mfr: z.string(),
  model: z.string(),
  serial: z.string(),
  firmware: z.string(),
  /** NUT's names of what the device really has. */
  commands: z.array(z.string()),
  settings: z.array(z.string()),
})
export type DeviceFacts = z.infer<typeof DeviceFacts>

const NOTHING_FOUND: DeviceFacts = {
  driver: '',
  mfr: '',
  model: '',
  serial: '',
  firmware: '',
  commands: [],
  settings: [],
}

/** The hash of a claim code goes along while it holds and the device has no owner. */
export function inventoryOf(
  devices: readonly { readonly name: string; readonly deviceId: string }[],
  journal: Journal,
  now: number,
): Inventory {
  return { devices: devices.map(({ name, deviceId }) => describe(name, deviceId, journal, now)) }
}

function describe(name: string, deviceId: string, journal: Journal, now: number): InventoryDevice {
  const facts = parseFacts(journal.facts(deviceId))
  const claim = journal.isRegistered(deviceId) === true ? undefined : journal.claim(deviceId)
  if (!claim || claim.expiresAt <= now) return { deviceId, name, ...facts }
  return { deviceId, name, ...facts, claim: { hash: hashCode(claim.code), expiresAt: claim.expiresAt } }
}

/** Facts that another version of the agent has kept are not worth the trouble: the device is asked again anyway. */
function parseFacts(text: string | undefined): DeviceFacts {
  const parsed = text === undefined ? undefined : DeviceFacts.safeParse(JSON.parse(text))
  return parsed?.success ? parsed.data : NOTHING_FOUND
}
