// Who may do what on a device, and why: `GET /devices/{id}/access`.
import { Instant } from '@ridethrough/protocol/http/common.ts'
import { REFUSALS } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { z } from 'zod'

export const AccessQuery = z.object({ at: Instant.optional() })

export const AccessView = z.object({
  deviceId: z.uuid(),
  at: Instant,
  people: z.array(
    z.object({
      account: z.object({ id: z.uuid(), name: z.string(), email: z.string() }),
      privileges: z.array(
        z.object({
          privilege: z.enum(PRIVILEGES),
          allow: z.boolean(),
          /** `owner`, `member` or `share:{id}` where allowed; the nearest miss where not. */
          via: z.string().nullable(),
          why: z.enum(REFUSALS).nullable(),
        }),
      ),
    }),
  ),
})
export type AccessView = z.infer<typeof AccessView>
