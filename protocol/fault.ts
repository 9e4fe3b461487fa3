// What can go wrong, by name. Codes are stable: programs match on them, people read the detail.

/** Each code with the HTTP status and the title it has as problem+json (RFC 9457). */
export const FAULTS = {
  'body-malformed': [400, 'The request is not understood'],
  'session-missing': [401, 'Sign in first'],
  'credentials-wrong': [401, 'E-mail address or password is wrong'],
  'origin-refused': [403, 'The request came from another site'],
  'second-factor-wrong': [401, 'The code of the second factor is wrong'],
  'second-factor-required': [403, 'Your company asks for a second factor'],
  'step-up-needed': [403, 'Sign in again to do this'],
  'token-refused': [403, 'An API token may not do this'],
  'owner-needed': [403, 'Only an owner of the company may do this'],
  'right-missing': [403, 'You may not do this'],
  'address-other': [403, 'This invitation is for another address'],
  'not-found': [404, 'Not found'],
  'method-unknown': [405, 'Not possible here'],
  'not-acceptable': [406, 'No such representation'],
  'address-taken': [409, 'This address has an account already'],
  'already-invited': [409, 'This address is invited already'],
  'already-member': [409, 'This person is in the company already'],
  'last-owner': [409, 'The company would have no active owner'],
  'company-occupied': [409, 'Your own company still holds something'],
  'invitation-ended': [409, 'The invitation has ended'],
  'setup-needed': [409, 'The installation waits for its operator'],
  'setup-done': [409, 'The installation has an operator already'],
  'authenticator-known': [409, 'There is an authenticator already'],
  'limit-reached': [409, 'There are as many as there can be'],
  'passkey-known': [409, 'This passkey is registered already'],
  'device-taken': [409, 'The device is registered already'],
  'share-limit': [409, 'The device is shared with five people already'],
  'share-exists': [409, 'Shared with this address already'],
  'share-self': [409, 'You cannot share with yourself'],
  'share-ended': [409, 'The share has ended'],
  'share-pending': [409, 'The share was not accepted yet'],
  'role-in-use': [409, 'The role is in use'],
  'name-taken': [409, 'There is one of this name already'],
  'link-used-up': [410, 'The link was opened as often as it may be'],
  'link-ended': [410, 'The link has ended'],
  'link-not-yet': [403, 'The link does not open yet'],
  'link-outside-hours': [403, 'The link does not open at this hour'],
  'link-suspended': [403, 'The link is stopped for the time being'],
  'pin-needed': [401, 'The link asks for its PIN'],
  'pin-wrong': [401, 'The PIN is wrong'],
  'code-used': [409, 'The code was used already'],
  'plan-too-low': [409, 'The plan of the device does not include this'],
  'code-expired': [410, 'The code has expired'],
  'body-too-large': [413, 'The request is too large'],
  'media-type-unknown': [415, 'Send JSON'],
  'code-wrong': [422, 'The code is wrong'],
  'passkey-refused': [422, 'The passkey was not accepted'],
  'password-common': [422, 'This password is among the most guessed ones'],
  'input-invalid': [422, 'Something is filled in wrongly'],
  'too-many-tries': [429, 'Too many tries'],
  internal: [500, 'Something went wrong on our side'],
  'edges-unsettled': [503, 'The change is stored, but not every server has confirmed it'],
  'store-unavailable': [503, 'The database does not answer'],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type FaultCode = keyof typeof FAULTS

/** A surprise or a refusal with a stable code. `message` says what happened and what to do; it never holds a secret. */
export class Fault extends Error {
  readonly code: FaultCode
  /** Fields at fault, each with its own sentence; only for `input-invalid` and `body-malformed`. */
  readonly fields: readonly { readonly path: string; readonly message: string }[]
  /** Seconds to wait before another try; only for `too-many-tries` and links that open later. */
  readonly retryAfter: number | undefined

  constructor(
    code: FaultCode,
    message: string,
    options: { cause?: unknown; fields?: Fault['fields']; retryAfter?: number } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.fields = options.fields ?? []
    this.retryAfter = options.retryAfter
  }
}
