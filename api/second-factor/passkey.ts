// WebAuthn (Level 3): what browsers are asked, and whether what they answer is right.
import { isIP } from 'node:net'
import type { Passkey } from '@ridethrough/db/query/passkey.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { z } from 'zod'

/** What people have to answer. */
export const CHALLENGE_MS = 5 * 60_000
const NAME = 'Ridethrough'
const TRANSPORTS = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'] as const
type Transport = (typeof TRANSPORTS)[number]

const Base64url = z
  .string()
  .regex(/^[\w-]+$/)
  .max(4096)
const Outer = z.object({ id: Base64url, rawId: Base64url, type: z.literal('public-key') })
const Assertion = Outer.extend({
  response: z.object({
    clientDataJSON: Base64url,
    authenticatorData: Base64url,
    signature: Base64url,
    userHandle: Base64url.nullish(),
  }),
})
const Attestation = Outer.extend({
  response: z.object({
    clientDataJSON: Base64url,
    attestationObject: z
      .string()
      .regex(/^[\w-]+$/)
      .max(32_768),
    transports: z.array(z.string()).max(10).optional(),
  }),
})
export type Assertion = z.infer<typeof Assertion>

export type RelyingParty = { readonly id: string; readonly origins: readonly string[] }

/** Throws where browsers would refuse: passkeys belong to a name, not to an IP address. */
export function relyingPartyOf(publicUrl: string): RelyingParty {
  const { hostname, origin, port, protocol } = new URL(publicUrl)
  const name = hostname.replace(/^\[|\]$/g, '')
  if (name === '127.0.0.1' || name === '::1') {
    // The same machine by the name that browsers take.
    return { id: 'localhost', origins: [`${protocol}//localhost${port === '' ? '' : `:${port}`}`] }
  }
  if (isIP(name) !== 0) throw refused('passkeys need a name: open the console by it, and set PUBLIC_URL to it')
  return { id: hostname, origins: [origin] }
}

export function registrationOptions(
  party: RelyingParty,
  account: { readonly id: string; readonly email: string; readonly name: string },
  known: readonly Passkey[],
) {
  return generateRegistrationOptions({
    rpName: NAME,
    rpID: party.id,
    userID: handleOf(account.id),
    userName: account.email,
    userDisplayName: account.name,
    timeout: CHALLENGE_MS,
    attestationType: 'none',
    excludeCredentials: known.map(descriptorOf),
    // Discoverable and with a PIN, a finger or a face: so it signs in by itself.
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  })
}

/** Without `known` the browser offers whatever it has for us. */
export function authenticationOptions(party: RelyingParty, known: readonly Passkey[] = []) {
  return generateAuthenticationOptions({
    rpID: party.id,
    allowCredentials: known.map(descriptorOf),
    timeout: CHALLENGE_MS,
    userVerification: 'required',
  })
}

export type NewCredential = Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'transports'>

/** Throws `passkey-refused`. */
export async function verifyRegistration(
  party: RelyingParty,
  challenge: string,
  json: unknown,
): Promise<NewCredential> {
  const { data } = Attestation.safeParse(json)
  if (!data) throw refused('what the browser sent is no new passkey')
  const { transports = [], ...response } = data.response
  const result = await asRefusal(() =>
    verifyRegistrationResponse({
      response: {
        ...data,
        response: { ...response, transports: transports.filter(isTransport) },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: true,
    }),
  )
  if (!result.verified) throw refused('it could not be verified')
  const { credential } = result.registrationInfo
  return {
    credentialId: credential.id,
    publicKey: Buffer.from(credential.publicKey),
    counter: credential.counter,
    transports: transports.filter(isTransport),
  }
}

/** Throws `passkey-refused`. */
export function parseAssertion(json: unknown): Assertion {
  const { data } = Assertion.safeParse(json)
  if (!data) throw refused('what the browser sent is no answer of a passkey')
  return data
}

/** The authenticator's counter. Throws `passkey-refused` when it is another key, site or challenge, or has not grown. */
export async function verifyAssertion(
  party: RelyingParty,
  challenge: string,
  { response: { userHandle, ...response }, ...outer }: Assertion,
  passkey: Passkey,
): Promise<number> {
  if (userHandle && userHandle !== Buffer.from(handleOf(passkey.accountId)).toString('base64url')) {
    throw refused('it belongs to another account')
  }
  const result = await asRefusal(() =>
    verifyAuthenticationResponse({
      response: { ...outer, response, clientExtensionResults: {} },
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(passkey.publicKey),
        counter: passkey.counter,
        transports: passkey.transports.filter(isTransport),
      },
      requireUserVerification: true,
    }),
  )
  if (!result.verified) throw refused('its signature is not right')
  return result.authenticationInfo.newCounter
}

export function refused(why: string, cause?: unknown): Fault {
  return new Fault('passkey-refused', `The passkey was not accepted: ${why}`, { cause })
}

/** The library throws for everything that is not right, in words for programmers. */
async function asRefusal<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify()
  } catch (cause) {
    throw refused('it does not fit this site, this request or this account', cause)
  }
}

function descriptorOf({ credentialId, transports }: Passkey) {
  return { id: credentialId, transports: transports.filter(isTransport) }
}

function isTransport(text: string): text is Transport {
  return (TRANSPORTS as readonly string[]).includes(text)
}

/** WebAuthn's user handle: the id of the account, which tells nothing of the person (section 14.6.1). */
function handleOf(accountId: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(accountId.replaceAll('-', ''), 'hex'))
}
