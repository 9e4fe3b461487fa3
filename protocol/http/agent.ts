// The agents of a company: `/agents`.
import { z } from 'zod'
import { Instant } from './common.ts'
import { EdgeReport } from './share.ts'

export const AgentView = z.object({
  id: z.uuid(),
  version: z.string(),
  online: z.boolean(),
  /** When it was last heard of. */
  seenAt: Instant,
  /** Its devices that the asker may see. */
  devices: z.array(z.object({ id: z.uuid(), name: z.string() })),
  /** `null` for an agent that is known by a token. */
  certificateExpiresAt: Instant.nullable(),
  /** When it was revoked: it never signs in again, and its devices stay silent. */
  revokedAt: Instant.nullable(),
})
export type AgentView = z.infer<typeof AgentView>
export const AgentList = z.object({ items: z.array(AgentView) })

/** `DELETE /agents/{id}`: its connection was cut before this was answered. */
export const AgentRevoked = z.object({ access: EdgeReport })
