// The invitation that a mail's link brought, kept while its reader signs in or signs up, perhaps in another tab.
import { z } from 'zod'

const KEY = 'ridethrough.invitation'
const KEPT_MS = 3 * 24 * 3_600_000

const Pending = z.object({
  id: z.uuid(),
  code: z.string().min(1).max(64),
  /** What it invites to: devices that are shared, or a company's team. */
  to: z.enum(['devices', 'company']).default('devices'),
  at: z.number(),
})
export type Pending = z.infer<typeof Pending>

export function rememberInvitation({ id, code, to }: Omit<Pending, 'at'>, now: number): void {
  localStorage.setItem(KEY, JSON.stringify({ id, code, to, at: now } satisfies Pending))
}

export function pendingInvitation(now: number): Pending | undefined {
  const stored = localStorage.getItem(KEY)
  if (stored === null) return undefined
  const parsed = Pending.safeParse(parseJson(stored))
  if (parsed.success && now - parsed.data.at < KEPT_MS) return parsed.data
  localStorage.removeItem(KEY)
  return undefined
}

export function forgetInvitation(id: string, now: number): void {
  if (pendingInvitation(now)?.id === id) localStorage.removeItem(KEY)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
