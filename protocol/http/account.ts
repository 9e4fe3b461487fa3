// Accounts and sessions: `/accounts`, `/accounts/verify`, `/sessions`.
import { z } from 'zod'
import { EmailAddress, Instant } from './common.ts'

/** NIST SP 800-63B: length is what counts; no composition rules. Long ones are allowed (pass phrases). */
export const NewPassword = z.string().min(10, 'use at least 10 characters').max(256, 'use at most 256 characters')

export const NewAccount = z.strictObject({
  email: EmailAddress,
  password: NewPassword,
  name: z.string().trim().min(1, 'say how others should see you').max(100),
})
export type NewAccount = z.infer<typeof NewAccount>

/** Answer to signing up: the same whether or not the address has an account. */
export const SignUpAnswer = z.object({ email: z.string(), state: z.literal('code-sent') })

export const Verification = z.strictObject({ email: EmailAddress, code: z.string().min(1).max(64) })

export const Credentials = z.strictObject({ email: EmailAddress, password: z.string().min(1).max(256) })
export type Credentials = z.infer<typeof Credentials>

export const AccountView = z.object({
  id: z.uuid(),
  email: z.string(),
  name: z.string(),
  company: z.object({ id: z.uuid(), name: z.string() }),
  role: z.enum(['owner', 'member']),
  /** A share from somebody whose share was accepted before is accepted by itself. */
  acceptsFromKnown: z.boolean(),
  createdAt: Instant,
})
export type AccountView = z.infer<typeof AccountView>

/** `token` is a bearer token and MQTT password (`rt_…`); browsers get the same session as a cookie. */
export const SessionAnswer = z.object({ token: z.string(), account: AccountView, expiresAt: Instant })
export type SessionAnswer = z.infer<typeof SessionAnswer>
