// Who may do what on a device, and why: `GET /devices/{id}/access`.
import { Instant } from '@ridethrough/protocol/http/common.ts'
import { REFUSALS } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { z } from 'zod'

export const AccessQuery = z.object({ at: Instant.optional() })

const PrivilegeAnswer = z.object({
  privilege: z.enum(PRIVILEGES),
  allow: z.boolean(),
  /** `owner`, `member`, `share:{id}`, `guest:{id}` or `link:{id}` where allowed. */
  via: z.string().nullable(),
  /** The nearest miss where not. */
  why: z.enum(REFUSALS).nullable(),
})
export type PrivilegeAnswer = z.infer<typeof PrivilegeAnswer>

export const AccessView = z.object({
  deviceId: z.uuid(),
  at: Instant,
  /** From here on the company's facts about the device are known; earlier instants name nobody. */
  since: Instant,
  people: z.array(
    z.object({
      account: z.object({ id: z.uuid(), name: z.string(), email: z.string() }),
      privileges: z.array(PrivilegeAnswer),
    }),
  ),
  /** What whoever opens each of the links may do. */
  links: z.array(z.object({ id: z.uuid(), name: z.string(), privileges: z.array(PrivilegeAnswer) })),
})
export type AccessView = z.infer<typeof AccessView>
