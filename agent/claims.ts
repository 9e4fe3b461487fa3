// Keeps a claim code that holds for every device without an owner, and none for the others.
import type { Logger } from 'pino'
import { makeClaim } from './claim-codes.ts'
import type { Clock } from './clock.ts'
import type { Journal, StoredClaim } from './journal.ts'

export type ClaimKeeperOptions = {
  readonly devices: readonly { readonly name: string; readonly deviceId: string }[]
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Logger
  /** Codes were made or taken back. */
  readonly onChange: () => void
}

/** So often at least, so that a wall clock that was set meanwhile is noticed. */
const LOOK_EVERY_MS = 60_000

export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: ClaimKeeperOptions) {
    this.#options = options
  }

  start(): void {
    const { devices, journal, clock } = this.#options
    // Codes from before the restart still hold: say them again for whoever looks at this log.
    for (const { name, deviceId } of devices) {
      const claim = journal.claim(deviceId)
      if (claim && claim.expiresAt > clock.wall() && journal.isRegistered(deviceId) !== true) this.#show(name, claim)
    }
    this.renew()
    this.#running = this.#keep()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** To be called too when devices got or lost their owner. */
  renew(): void {
    const { devices, journal, clock, onChange } = this.#options
    const now = clock.wall()
    let isChanged = false
    for (const { name, deviceId } of devices) {
      const claim = journal.claim(deviceId)
      const isOwned = journal.isRegistered(deviceId) === true
      if (isOwned ? !claim : claim && claim.expiresAt > now) continue
      const next = isOwned ? null : makeClaim(now)
      journal.setClaim(deviceId, next)
      if (next) this.#show(name, next)
      isChanged = true
    }
    if (isChanged) onChange()
  }

  async #keep(): Promise<void> {
    const { devices, journal, clock } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const now = clock.wall()
      const ends = devices.flatMap(({ deviceId }) => journal.claim(deviceId)?.expiresAt ?? [])
      await clock.wait(Math.min(LOOK_EVERY_MS, ...ends.map((end) => Math.max(100, end - now))), signal)
      if (!signal.aborted) this.renew()
    }
  }

  #show(name: string, { code, expiresAt }: StoredClaim): void {
    const until = new Date(expiresAt).toISOString()
    this.#options.log.info({ device: name }, `device ${name}: claim code ${code} valid until ${until}`)
  }
}
