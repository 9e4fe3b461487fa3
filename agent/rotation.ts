// The change from one secret to the next, safe against a stop at any point: written down, announced, shown, and only then the old one is forgotten.
import type { NextIdentity } from '@ridethrough/protocol/message/agent.ts'
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import { type Identity, saveIdentity } from './identity.ts'
import { hashOfSecret, isDue, isUsableAt, makeSecret, type Secret, type SecretKind } from './secret.ts'

export type RotationOptions = {
  readonly stateDir: string
  readonly identity: Identity
  readonly url: string
  /** What the configuration asks for; the present secret may be of the other kind. */
  readonly kind: SecretKind
  readonly lifeMs: number
  readonly clock: Clock
  readonly log: Logger
  /** There is something to announce. */
  readonly onChange: () => void
}

const LOOK_EVERY_MS = 3_600_000

export class Rotation {
  readonly #options: RotationOptions
  readonly #stopping = new AbortController()
  #identity: Identity
  /** On the monotonic clock: what the server refused is not announced again before. */
  #heldUntil = Number.NEGATIVE_INFINITY
  #running: Promise<void> = Promise.resolve()

  constructor(options: RotationOptions) {
    this.#options = options
    this.#identity = options.identity
  }

  get agentId(): string {
    return this.#identity.agentId
  }

  start(): void {
    this.#running = this.#keep()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** What can be shown to the server, the likeliest first: after a stop in between, only trying tells which one it knows. */
  candidates(): readonly Secret[] {
    const { current, next } = this.#identity
    const all = next ? (next.isAnnounced ? [next.secret, current] : [current, next.secret]) : [current]
    return all.filter((secret) => isUsableAt(secret, this.#options.url))
  }

  /** What the server is to be told now. */
  announcement(): NextIdentity | undefined {
    const { next } = this.#identity
    // What cannot be shown where this agent connects is not announced there.
    if (!next || !isUsableAt(next.secret, this.#options.url)) return undefined
    if (this.#options.clock.monotonic() < this.#heldUntil) return undefined
    return hashOfSecret(next.secret)
  }

  /** The server has stored the announcement. True when a new connection should show it. */
  announced({ hash }: NextIdentity): boolean {
    const { next } = this.#identity
    if (!next || hashOfSecret(next.secret).hash !== hash) return false
    if (!next.isAnnounced) this.#save({ ...this.#identity, next: { ...next, isAnnounced: true } })
    return true
  }

  /** The server let this agent in by this secret: from now on it is the only one. */
  signedIn(secret: Secret): void {
    const { next, agentId, devices } = this.#identity
    if (secret !== next?.secret) return
    this.#save({ agentId, current: secret, devices })
    const until = new Date(secret.expiresAt).toISOString()
    this.#options.log.info({ kind: secret.kind, until }, `this agent has a new ${secret.kind}, good until ${until}`)
  }

  /** The server does not know this secret. */
  refused(secret: Secret): void {
    const { next } = this.#identity
    if (secret !== next?.secret || !next.isAnnounced) return
    // In memory only: after a restart it is tried once more, which costs one connection.
    this.#identity = { ...this.#identity, next: { ...next, isAnnounced: false } }
    this.#heldUntil = this.#options.clock.monotonic() + LOOK_EVERY_MS
    this.#options.log.warn(
      `the server refuses the ${secret.kind} that was announced to it: going on with the present one`,
    )
  }

  async #keep(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#look()
      await clock.wait(LOOK_EVERY_MS, signal)
    }
  }

  #look(): void {
    const { kind, lifeMs, clock, log, onChange } = this.#options
    const { current, next, agentId } = this.#identity
    const isWanted = current.kind !== kind || isDue(current, clock.wall())
    if (isWanted && next?.secret.kind !== kind) {
      const secret = makeSecret(kind, agentId, clock.wall(), lifeMs)
      if (!this.#save({ ...this.#identity, next: { secret, isAnnounced: false } })) return
      log.info({ kind }, `made the next ${kind} of this agent`)
    }
    if (this.#identity.next) onChange()
  }

  /** False when it could not be written: nothing that is not on disk may be announced. */
  #save(identity: Identity): boolean {
    try {
      saveIdentity(this.#options.stateDir, identity)
    } catch (error) {
      const { stateDir, log } = this.#options
      log.error(
        { err: error },
        `the identity in ${stateDir} cannot be written: check the disk and the rights on the folder`,
      )
      // What the server has already done is so, whether or not this disk has it; trying finds it again.
      if (identity.next?.isAnnounced === false) return false
    }
    this.#identity = identity
    return true
  }
}
