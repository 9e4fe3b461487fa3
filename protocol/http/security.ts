// How an account is kept safe: second factors, sessions, passwords, addresses, API tokens.
import { z } from 'zod'
import { NewPassword, SessionAnswer } from './account.ts'
import { EmailAddress, Instant, PrivilegeList } from './common.ts'

const Code = z.string().trim().min(1).max(64)
/** What @simplewebauthn/browser makes; checked by @simplewebauthn/server, passed through here. */
const WebAuthnJson = z.record(z.string(), z.unknown())

export const SECOND_FACTORS = ['totp', 'passkey', 'recovery'] as const
export type SecondFactor = (typeof SECOND_FACTORS)[number]

/** 202 of `POST /sessions`: the password was right; `pending` goes with the second factor, `passkey` holds WebAuthn's options. */
export const SecondFactorNeeded = z.object({
  pending: z.string(),
  methods: z.array(z.enum(SECOND_FACTORS)),
  passkey: WebAuthnJson.nullable(),
  expiresAt: Instant,
})
export type SecondFactorNeeded = z.infer<typeof SecondFactorNeeded>

/** `POST /sessions/second-factor`, answered as a sign-in is. */
export const SecondFactorProof = z.discriminatedUnion('method', [
  z.strictObject({ pending: z.string().max(200), method: z.enum(['totp', 'recovery']), code: Code }),
  z.strictObject({ pending: z.string().max(200), method: z.literal('passkey'), response: WebAuthnJson }),
])
export type SecondFactorProof = z.infer<typeof SecondFactorProof>

/** `POST /sessions/passkey/options` answers it; `POST /sessions/passkey` and `POST /account/passkeys` send it back. */
export const PasskeyOptions = z.object({ challenge: z.string(), options: WebAuthnJson })
export const PasskeyProof = z.strictObject({ challenge: z.string().max(200), response: WebAuthnJson })
export const NewPasskey = z.strictObject({
  challenge: z.string().max(200),
  response: WebAuthnJson,
  name: z.string().trim().min(1, 'give it a name').max(64),
})

/** `POST /sessions/current/step-up`: shows again that it is you; one of them. */
export const StepUp = z.union([
  z.strictObject({ password: z.string().min(1).max(256), code: Code.optional() }),
  z.strictObject({ challenge: z.string().max(200), response: WebAuthnJson }),
])

export const SessionView = z.object({
  id: z.uuid(),
  isCurrent: z.boolean(),
  kind: z.enum(['browser', 'program']),
  address: z.string(),
  /** For people: "Firefox on Linux". */
  device: z.string(),
  factors: z.array(z.string()),
  createdAt: Instant,
  lastUsedAt: Instant,
  expiresAt: Instant,
})
export type SessionView = z.infer<typeof SessionView>
export const SessionList = z.object({ items: z.array(SessionView) })

export const PasswordReset = z.strictObject({ email: EmailAddress })
/** Answered the same whether or not the address has an account. */
export const CodeSent = z.object({ email: z.string(), state: z.literal('code-sent') })
export const PasswordResetProof = z.strictObject({ email: EmailAddress, code: Code, password: NewPassword })
export const PasswordChange = z.strictObject({ current: z.string().min(1).max(256), password: NewPassword })

/** `POST /account/email`, then `POST /account/email/confirm` with the codes mailed to both addresses. */
export const AddressChange = z.strictObject({ email: EmailAddress })
export const AddressChangeProof = z.strictObject({ oldCode: Code, newCode: Code })

/** What is left out stays. */
export const AccountChange = z.strictObject({
  name: z.string().trim().min(1).max(100).optional(),
  acceptsFromKnown: z.boolean().optional(),
})
export const AccountDeletion = z.strictObject({ password: z.string().min(1).max(256) })

/** `GET /account/security`. */
export const SecurityView = z.object({
  totp: z.object({ confirmedAt: Instant }).nullable(),
  recoveryCodesLeft: z.int(),
  passkeys: z.array(z.object({ id: z.uuid(), name: z.string(), createdAt: Instant, lastUsedAt: Instant.nullable() })),
  passwordChangedAt: Instant.nullable(),
  companyRequiresSecondFactor: z.boolean(),
  /** Until when this session may do what asks for a recent sign-in. */
  recentUntil: Instant.nullable(),
})
export type SecurityView = z.infer<typeof SecurityView>

/** `POST /account/totp`: shown once; `svg` is the QR of `uri` (otpauth://). Confirmed by a first code. */
export const TotpOffer = z.object({ secret: z.string(), uri: z.string(), svg: z.string() })
export const TotpProof = z.strictObject({ code: Code })
/** Shown once; each works once. */
export const RecoveryCodes = z.object({ codes: z.array(z.string()) })

/**
 * `POST /account/totp/confirm` and `POST /account/passkeys`: the session goes on under a new token. The codes come with the
 * first second factor; later the list is empty.
 */
export const SecondFactorAdded = RecoveryCodes.extend({ session: SessionAnswer })
export type SecondFactorAdded = z.infer<typeof SecondFactorAdded>

/** `DELETE /sessions`: all but the one that asks, or that one too. */
export const SessionsEnd = z.object({ scope: z.enum(['others', 'all']).default('others') })

export const NewToken = z.strictObject({
  name: z.string().trim().min(1, 'give it a name').max(64),
  privileges: PrivilegeList.min(1, 'tick at least one privilege'),
  /** Left out: every device that the account may see. */
  deviceIds: z.array(z.uuid().toLowerCase()).min(1).max(500).optional(),
  expiresAt: Instant,
})
export const TokenView = z.object({
  id: z.uuid(),
  name: z.string(),
  privileges: PrivilegeList,
  deviceIds: z.array(z.uuid()).nullable(),
  createdAt: Instant,
  expiresAt: Instant,
  lastUsedAt: Instant.nullable(),
})
export type TokenView = z.infer<typeof TokenView>
export const TokenList = z.object({ items: z.array(TokenView) })
/** `token` is shown this once. It is the bearer token and the MQTT password. */
export const TokenAnswer = z.object({ token: z.string(), view: TokenView })
