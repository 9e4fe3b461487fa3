// Who may do what on a device at an instant, and why (R73).
import { Instant } from '@ridethrough/protocol/http/common.ts'
import { REFUSALS } from '@ridethrough/protocol/policy.ts'
import { PRIVILEGES, type Privilege } from '@ridethrough/protocol/privilege.ts'
import { queryOptions } from '@tanstack/react-query'
import { z } from 'zod'
import { searchOf } from './paging.ts'
import { request } from './request.ts'

const Answers = z.array(
  z.object({
    privilege: z.enum(PRIVILEGES),
    allow: z.boolean(),
    via: z.string().nullable(),
    why: z.enum(REFUSALS).nullable(),
  }),
)
type Answers = z.infer<typeof Answers>

const AccessView = z.object({
  at: Instant,
  since: Instant,
  people: z.array(
    z.object({
      account: z.object({ id: z.uuid(), name: z.string(), email: z.string() }),
      privileges: Answers,
    }),
  ),
  links: z.array(z.object({ id: z.uuid(), name: z.string(), privileges: Answers })),
})
export type AccessView = z.infer<typeof AccessView>

/** `at`: milliseconds since 1970; `null`: now. */
export const accessQuery = (deviceId: string, at: number | null) =>
  queryOptions({
    queryKey: ['access', deviceId, at],
    queryFn: ({ signal }) => {
      const query = searchOf({ at: at === null ? undefined : new Date(at).toISOString() })
      return request(`/devices/${deviceId}/access?${query}`, AccessView, { signal })
    },
    staleTime: 0,
    ...(at === null ? { refetchInterval: 30_000 } : {}),
  })

export type Way = { readonly via: string; readonly privileges: readonly Privilege[] }

/** What is allowed, by the way that allows it, and the nearest reasons where nothing is. */
export function waysIn(answers: Answers): {
  readonly ways: readonly Way[]
  readonly why: (typeof REFUSALS)[number] | null
} {
  const byVia = new Map<string, Privilege[]>()
  for (const { privilege, allow, via } of answers) {
    if (!allow || via === null) continue
    byVia.set(via, [...(byVia.get(via) ?? []), privilege])
  }
  const reasons = new Set(answers.map(({ why }) => why))
  const why = byVia.size > 0 ? null : (REFUSALS.find((reason) => reasons.has(reason) && reason !== 'too-weak') ?? null)
  return { ways: [...byVia].map(([via, privileges]) => ({ via, privileges })), why }
}
