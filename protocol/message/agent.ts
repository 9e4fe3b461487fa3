// Payloads of `v1/agents/{agentId}/…`: who an agent is, what it found, and what the cloud tells it.
import { z } from 'zod'
import { isLevel } from '../topic.ts'

/** Opaque id chosen by the agent (uuid); lower-case because it becomes a topic level. */
export const Id = z.uuid().toLowerCase().refine(isLevel)

/** Birth message and last will, retained. `interval` is the poll interval in seconds: what tells fresh from stale. */
export const AgentStatus = z.strictObject({
  online: z.boolean(),
  version: z.string().max(64),
  interval: z.number().positive().max(86_400),
  at: z.int().nonnegative(),
})
export type AgentStatus = z.infer<typeof AgentStatus>

/** SHA-256 of a claim code, hex: the cloud never sees a code before somebody types it. */
const ClaimHash = z.string().regex(/^[0-9a-f]{64}$/)

export const InventoryDevice = z.strictObject({
  deviceId: Id,
  /** Name in the agent's configuration. */
  name: z.string().min(1).max(64),
  driver: z.string().max(64),
  mfr: z.string().max(128),
  model: z.string().max(128),
  serial: z.string().max(128),
  firmware: z.string().max(128),
  /** NUT's names of the commands and of the writable variables that the driver found on this device. */
  commands: z.array(z.string().max(128)).max(512),
  settings: z.array(z.string().max(128)).max(512),
  /** Present while the device may be claimed; `expiresAt` in milliseconds since 1970. */
  claim: z.strictObject({ hash: ClaimHash, expiresAt: z.int().positive() }).optional(),
})
export type InventoryDevice = z.infer<typeof InventoryDevice>

/** SHA-256 in hex of the token, or of the public key (SPKI, DER) of the certificate, that the agent will show from its next connection on. */
export const NextIdentity = z.strictObject({
  kind: z.enum(['token', 'certificate']),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
})
export type NextIdentity = z.infer<typeof NextIdentity>

export const MAX_INVENTORY_DEVICES = 512
/** Acknowledged when it is stored: then `nextIdentity` may be used, and takes the place of the present one by being used. */
export const Inventory = z.strictObject({
  devices: z.array(InventoryDevice).max(MAX_INVENTORY_DEVICES),
  nextIdentity: NextIdentity.optional(),
})
export type Inventory = z.infer<typeof Inventory>

/**
 * What the cloud sends on `v1/agents/{agentId}/commands`. `registered` answers an inventory and follows every claim or
 * deletion: the devices that have an owner, with the highest sequence stored, so that an agent that lost its journal
 * goes on above it. An agent reports samples of registered devices only.
 */
export const AgentCommand = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('registered'),
    devices: z.array(z.strictObject({ deviceId: Id, seq: z.int().nonnegative() })),
  }),
])
export type AgentCommand = z.infer<typeof AgentCommand>
