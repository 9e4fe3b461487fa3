// What was measured and not yet acknowledged, on disk: numbered per device, handed out oldest first, trimmed by acknowledgement only.
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import type { Logger } from 'pino'
import { type JournalStore, moveStore, openStore, storeFailure } from './journal-store.ts'

/** A sample as the poll loop makes it; the journal gives it its number. */
export type Measured = Sample extends infer S ? (S extends Sample ? Omit<S, 'seq'> : never) : never

export type JournalLimits = {
  /** Samples, and bytes of their JSON; beyond that the oldest go. */
  readonly maxRows: number
  readonly maxBytes: number
}

export const DEFAULT_LIMITS: JournalLimits = { maxRows: 500_000, maxBytes: 256 * 1024 * 1024 }

export type StoredClaim = { readonly code: string; readonly expiresAt: number }

type DeviceMemory = {
  seq: number
  pending: number
  /** `null`: the cloud has not said yet. */
  registered: boolean | null
  /** Whether the numbers were ever compared with what the cloud holds; false in a journal that was just made. */
  isAgreed: boolean
  /** The number that was the highest when this process began: what came after it was certainly not sent before. */
  seqAtOpen: number
  hasAgreedHere: boolean
  lastShown: string
}

/** Owns the database file: stop it. Every method is synchronous: a sample is on disk when `append` returns. */
export class Journal {
  readonly #path: string
  readonly #log: Logger
  readonly #limits: JournalLimits
  readonly #devices = new Map<string, DeviceMemory>()
  #store: JournalStore
  #rows = 0
  #bytes = 0
  #dropped = 0
  #unreportedDrops = 0

  constructor(path: string, deviceIds: readonly string[], log: Logger, limits: JournalLimits = DEFAULT_LIMITS) {
    this.#path = path
    this.#log = log
    this.#limits = limits
    this.#store = this.#openOrReplace()
    for (const deviceId of deviceIds) this.#adopt(deviceId)
    this.#count()
  }

  /** Samples dropped since the start because the journal was full. */
  get dropped(): number {
    return this.#dropped
  }

  /** Rows and bytes of samples that wait for an acknowledgement. */
  get size(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.#rows, bytes: this.#bytes }
  }

  isRegistered(deviceId: string): boolean | null {
    return this.#device(deviceId).registered
  }

  /** How many samples of the device wait for an acknowledgement. */
  pending(deviceId: string): number {
    return this.#device(deviceId).pending
  }

  /** Puts the sample on disk and answers its number. Numbers go up by one and are never given twice. */
  append(deviceId: string, measured: Measured): number {
    const device = this.#device(deviceId)
    const body = JSON.stringify(measured)
    const shows = measured.kind === 'values' ? measured.status : measured.problem
    const isNotable = measured.kind === 'problem' || shows !== device.lastShown
    const seq = this.#guarded((store) => store.append(deviceId, device.seq + 1, measured.at, isNotable, body))
    device.seq = seq
    device.lastShown = shows
    device.pending += 1
    this.#rows += 1
    this.#bytes += body.length
    this.#keepBounds()
    return seq
  }

  /**
   * The oldest samples of the device that are not in `except`, at most `maxRows`, and as many as fit in `maxBytes` of
   * JSON but always one.
   */
  oldest(deviceId: string, maxRows: number, maxBytes: number, except: ReadonlySet<number>): Sample[] {
    const samples: Sample[] = []
    let bytes = 0
    for (const { seq, body } of this.#guarded((store) => store.oldest(deviceId, maxRows + except.size))) {
      if (except.has(seq)) continue
      bytes += body.length
      if (samples.length === maxRows || (samples.length > 0 && bytes > maxBytes)) break
      samples.push({ ...(JSON.parse(body) as Measured), seq })
    }
    return samples
  }

  /** The cloud has stored these: they go. */
  acknowledge(deviceId: string, seqs: readonly number[]): void {
    const { rows, bytes } = this.#guarded((store) => store.remove(deviceId, seqs))
    this.#forget(deviceId, rows, bytes)
  }

  /**
   * The cloud holds numbers up to `floor` of this device: ours go on above it. When this journal lost its memory (a
   * replaced file, a power cut), samples that never left the gateway are numbered again, above the floor.
   */
  agree(deviceId: string, floor: number): void {
    const device = this.#device(deviceId)
    const base = device.isAgreed ? device.seqAtOpen : 0
    const hasLostMemory = !device.isAgreed || floor > device.seq
    if (hasLostMemory && !device.hasAgreedHere && floor > base) {
      const shift = floor - base
      this.#guarded((store) => store.renumber(deviceId, base, shift))
      device.seq = Math.max(device.seq + shift, floor)
    } else {
      device.seq = Math.max(device.seq, floor)
    }
    device.isAgreed = true
    device.hasAgreedHere = true
    this.#save(deviceId)
  }

  /** Samples of a device that has no owner (any more) are nobody's: they go, and none are kept. */
  setRegistered(deviceId: string, registered: boolean): void {
    const device = this.#device(deviceId)
    if (!registered && device.pending > 0) {
      const { rows, bytes } = this.#guarded((store) => store.removeAll(deviceId))
      this.#forget(deviceId, rows, bytes)
    }
    if (device.registered === registered) return
    device.registered = registered
    this.#save(deviceId)
  }

  claim(deviceId: string): StoredClaim | undefined {
    return this.#guarded((store) => store.claims()).find((claim) => claim.deviceId === deviceId)
  }

  setClaim(deviceId: string, claim: StoredClaim | null): void {
    this.#guarded((store) => store.setClaim(deviceId, claim))
  }

  /** What was last found out about the device (JSON), so that a start beside a silent device does not forget it. */
  facts(deviceId: string): string | undefined {
    return this.#guarded((store) => store.facts(deviceId))
  }

  setFacts(deviceId: string, facts: string): void {
    this.#guarded((store) => store.setFacts(deviceId, facts))
  }

  stop(): void {
    this.#store.close()
  }

  #openOrReplace(): JournalStore {
    try {
      return openStore(this.#path)
    } catch (error) {
      if (storeFailure(error) !== 'damaged') throw error
      this.#moveAside(error)
      return openStore(this.#path)
    }
  }

  /** A damaged file is kept for whoever wants to look into it; what it held and was not yet sent is lost, and said so. */
  #moveAside(error: unknown): void {
    const aside = `${this.#path}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
    this.#log.error(
      { err: error, aside },
      `the journal ${this.#path} is damaged: it was moved to ${aside} and a new one begun; samples in it that had not been sent are lost; check the disk`,
    )
    moveStore(this.#path, aside)
  }

  #guarded<T>(work: (store: JournalStore) => T): T {
    try {
      return work(this.#store)
    } catch (error) {
      if (storeFailure(error) !== 'damaged') throw error
      this.#store.close()
      this.#moveAside(error)
      this.#store = openStore(this.#path)
      for (const deviceId of this.#devices.keys()) this.#save(deviceId)
      this.#count()
      return work(this.#store)
    }
  }

  #adopt(deviceId: string): void {
    const found = this.#store.device(deviceId)
    this.#devices.set(deviceId, {
      seq: found?.seq ?? 0,
      pending: 0,
      registered: found?.registered ?? null,
      isAgreed: found?.isAgreed ?? false,
      seqAtOpen: found?.seq ?? 0,
      hasAgreedHere: false,
      lastShown: '',
    })
    if (!found) this.#save(deviceId)
  }

  #save(deviceId: string): void {
    const { seq, registered, isAgreed } = this.#device(deviceId)
    this.#guarded((store) => store.saveDevice(deviceId, { seq, registered, isAgreed }))
  }

  #count(): void {
    this.#rows = 0
    this.#bytes = 0
    for (const device of this.#devices.values()) device.pending = 0
    for (const { deviceId, rows, bytes } of this.#store.totals()) {
      this.#rows += rows
      this.#bytes += bytes
      const device = this.#devices.get(deviceId)
      if (device) device.pending = rows
    }
  }

  #forget(deviceId: string, rows: number, bytes: number): void {
    this.#rows -= rows
    this.#bytes -= bytes
    const device = this.#devices.get(deviceId)
    if (device) device.pending -= rows
  }

  /** A hundredth at a time, so that a full journal does not delete with every sample. */
  #keepBounds(): void {
    while (this.#rows > this.#limits.maxRows || this.#bytes > this.#limits.maxBytes) {
      const share = Math.max(1, Math.floor(this.#rows / 100))
      const gone = this.#guarded((store) => store.removeOldest(share))
      if (gone.length === 0) return
      for (const { deviceId, bytes } of gone) this.#forget(deviceId, 1, bytes)
      this.#dropped += gone.length
      this.#unreportedDrops += gone.length
    }
    if (this.#unreportedDrops === 0) return
    this.#log.warn(
      { dropped: this.#unreportedDrops, droppedInAll: this.#dropped, ...this.size },
      `the journal is full: the ${this.#unreportedDrops} oldest samples were dropped; bring the link to the server back`,
    )
    this.#unreportedDrops = 0
  }

  #device(deviceId: string): DeviceMemory {
    const device = this.#devices.get(deviceId)
    if (!device) throw new RangeError(`no such device in the journal: ${deviceId}`)
    return device
  }
}
