// A passkey's device in software: answers WebAuthn's options as a browser with a security key does, rightly or not.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

type Json = Record<string, unknown>

export type Answering = {
  readonly origin: string
  readonly rpId: string
  /** Whether a PIN, a finger or a face was shown. */
  readonly isVerified: boolean
}

/** Flags of WebAuthn section 6.1. */
const USER_PRESENT = 0x01
const USER_VERIFIED = 0x04
const ATTESTED_DATA = 0x40

export class SoftAuthenticator {
  readonly id = randomBytes(32)
  counter = 0
  userHandle: string | undefined
  readonly #privateKey: KeyObject
  readonly #publicKey: KeyObject
  readonly #site: Answering

  constructor(site: Omit<Answering, 'isVerified'>) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#privateKey = privateKey
    this.#publicKey = publicKey
    this.#site = { ...site, isVerified: true }
  }

  /** navigator.credentials.create */
  register(options: Json, lies: Partial<Answering> = {}): Json {
    this.userHandle = (options.user as { id: string }).id
    const { authData, clientData } = this.#sealed('webauthn.create', options, lies, this.#attested())
    const attestationObject = Buffer.concat([
      Buffer.from('a363666d74646e6f6e656761747453746d74a068617574684461746159', 'hex'),
      uint16(authData.length),
      authData,
    ])
    return this.#answer({
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['usb', 'made-up'],
    })
  }

  /** navigator.credentials.get */
  authenticate(options: Json, lies: Partial<Answering> & { readonly counter?: number } = {}): Json {
    this.counter = lies.counter ?? this.counter + 1
    const { authData, clientData } = this.#sealed('webauthn.get', options, lies, Buffer.alloc(0))
    const signed = Buffer.concat([authData, createHash('sha256').update(clientData).digest()])
    return this.#answer({
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: sign('sha256', signed, this.#privateKey).toString('base64url'),
      userHandle: this.userHandle ?? null,
    })
  }

  #sealed(type: string, options: Json, lies: Partial<Answering>, attested: Buffer) {
    const { origin, rpId, isVerified } = { ...this.#site, ...lies }
    const flags = USER_PRESENT | (isVerified ? USER_VERIFIED : 0) | (attested.length > 0 ? ATTESTED_DATA : 0)
    const count = Buffer.alloc(4)
    count.writeUInt32BE(this.counter)
    const authData = Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.of(flags), count, attested])
    const clientData = Buffer.from(JSON.stringify({ type, challenge: options.challenge, origin, crossOrigin: false }))
    return { authData, clientData }
  }

  /** No model, the credential's id, and the public key as COSE: ES256 on P-256 (RFC 9053 section 7.1). */
  #attested(): Buffer {
    const { x = '', y = '' } = this.#publicKey.export({ format: 'jwk' })
    return Buffer.concat([
      Buffer.alloc(16),
      uint16(this.id.length),
      this.id,
      Buffer.from('a5010203262001215820', 'hex'),
      Buffer.from(x, 'base64url'),
      Buffer.from('225820', 'hex'),
      Buffer.from(y, 'base64url'),
    ])
  }

  #answer(response: Json): Json {
    const id = this.id.toString('base64url')
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
  }
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
