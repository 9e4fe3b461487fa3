// What is sent when: new samples at once as `state`, what piled up behind them as `backlog`, oldest first. Trimmed by PUBACK only.
import { type Backlog, MAX_BACKLOG_SAMPLES, type Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { deviceTopic, type TopicName } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import type { Journal, Measured } from './journal.ts'

/** Publishes at QoS 1; `done` comes with the PUBACK, and never after the connection has ended. */
export type Send = (topic: TopicName, payload: string, options: { retain: boolean }, done: () => void) => void

export type OutboxOptions = {
  readonly journal: Journal
  readonly devices: readonly { readonly name: string; readonly deviceId: string }[]
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** Live samples that may wait for their PUBACK; one more goes behind, with the backlog. */
const MAX_LIVE_IN_FLIGHT = 64
/** Well under the broker's limit for one packet, and with the pause under its limit for one client (512 KiB/s). */
const MAX_BATCH_BYTES = 64 * 1024
const PAUSE_MS = 150
/** Connections that ended with the same samples under way before they are suspected of being the reason. */
const REFUSALS_BEFORE_HOLD = 3
const HOLD_MS = 30_000
const MAX_HOLD_MS = 300_000

type Line = {
  readonly name: string
  readonly deviceId: string
  /** Numbers that were sent on this connection and wait for their PUBACK, with the time of sending. */
  readonly inFlight: Map<number, number>
  refusals: number
  heldUntil: number
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #lines: readonly Line[]
  #send: Send | undefined
  #ended = new AbortController()
  #wake: () => void = () => {}
  #liveInFlight = 0
  #turn = 0
  #pump: Promise<void> = Promise.resolve()

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#lines = options.devices.map((device) => ({ ...device, inFlight: new Map(), refusals: 0, heldUntil: 0 }))
  }

  /** A connection stands, and the cloud has said which devices may report. */
  open(send: Send): void {
    this.#send = send
    this.#ended = new AbortController()
    this.#pump = this.#sendBacklog(send, this.#ended.signal)
  }

  /** The connection is gone. What was under way stays in the journal and goes again. */
  async close(): Promise<void> {
    this.#send = undefined
    this.#ended.abort()
    this.#wake()
    await this.#pump
    for (const line of this.#lines) {
      if (line.inFlight.size > 0) this.#suspect(line)
      line.inFlight.clear()
    }
    this.#liveInFlight = 0
  }

  /** A sample was journaled under this number: live when the way is free, else with the backlog. */
  offer(deviceId: string, measured: Measured, seq: number): void {
    const line = this.#lines.find((one) => one.deviceId === deviceId)
    const send = this.#send
    if (!line || !send || !this.#mayReport(line)) return
    if (this.#liveInFlight >= MAX_LIVE_IN_FLIGHT) {
      this.#wake()
      return
    }
    this.#liveInFlight += 1
    this.#publish(send, line, 'state', { ...measured, seq }, [seq], () => {
      this.#liveInFlight -= 1
    })
  }

  /** Something changed that may set samples free: a device was registered. */
  wake(): void {
    this.#wake()
  }

  /** Milliseconds for which the oldest message has waited for its PUBACK; 0 when none waits. */
  waitingMs(): number {
    const sentAt = this.#lines.flatMap((line) => [...line.inFlight.values()])
    return sentAt.length === 0 ? 0 : this.#options.clock.monotonic() - Math.min(...sentAt)
  }

  /** One batch under way at a time, a pause after each: old data never crowds out what is new. */
  async #sendBacklog(send: Send, ended: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!ended.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const batch = this.#nextBatch()
      if (!batch) {
        await this.#untilWoken(woken, ended)
        continue
      }
      const stored = new Promise<void>((resolve) => {
        const seqs = batch.samples.map(({ seq }) => seq)
        this.#publish(send, batch.line, 'backlog', { samples: batch.samples }, seqs, resolve)
      })
      await Promise.race([stored, whenAborted(ended)])
      await clock.wait(PAUSE_MS, ended)
    }
  }

  async #untilWoken(woken: Promise<void>, ended: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const heldUntil = this.#lines.map((line) => line.heldUntil).filter((until) => until > clock.monotonic())
    if (heldUntil.length === 0) return await Promise.race([woken, whenAborted(ended)])
    const wakeUp = new AbortController()
    const signal = AbortSignal.any([ended, wakeUp.signal])
    await Promise.race([woken, clock.wait(Math.min(...heldUntil) - clock.monotonic(), signal)])
    wakeUp.abort()
  }

  /** Devices take turns, so that one with a long past does not hold up the others. */
  #nextBatch(): { line: Line; samples: Sample[] } | undefined {
    const { journal } = this.#options
    for (let step = 0; step < this.#lines.length; step++) {
      this.#turn = (this.#turn + 1) % this.#lines.length
      const line = this.#lines[this.#turn]
      if (!line || !this.#mayReport(line) || journal.pending(line.deviceId) <= line.inFlight.size) continue
      const except = new Set(line.inFlight.keys())
      const samples = journal.oldest(line.deviceId, MAX_BACKLOG_SAMPLES, MAX_BATCH_BYTES, except)
      if (samples.length > 0) return { line, samples }
    }
    return undefined
  }

  #mayReport(line: Line): boolean {
    return (
      this.#options.journal.isRegistered(line.deviceId) === true && line.heldUntil <= this.#options.clock.monotonic()
    )
  }

  #publish(
    send: Send,
    line: Line,
    suffix: 'state' | 'backlog',
    message: Sample | Backlog,
    seqs: readonly number[],
    then: () => void,
  ): void {
    const now = this.#options.clock.monotonic()
    for (const seq of seqs) line.inFlight.set(seq, now)
    // The state of a device is kept by the broker for whoever subscribes later; its past is not.
    send(deviceTopic(line.deviceId, suffix), JSON.stringify(message), { retain: suffix === 'state' }, () => {
      this.#options.journal.acknowledge(line.deviceId, seqs)
      for (const seq of seqs) line.inFlight.delete(seq)
      line.refusals = 0
      then()
    })
  }

  /**
   * MQTT 3.1.1 has no answer for a refused publish but closing the connection. Once is an outage; again and again with
   * the same device's samples under way is a refusal: that device waits, the others go on, nothing is thrown away.
   */
  #suspect(line: Line): void {
    line.refusals += 1
    if (line.refusals < REFUSALS_BEFORE_HOLD) return
    const { clock, random, log, journal } = this.#options
    const holdMs = backoffMs(line.refusals - REFUSALS_BEFORE_HOLD, HOLD_MS, MAX_HOLD_MS, random)
    line.heldUntil = clock.monotonic() + holdMs
    const seqs = [...line.inFlight.keys()]
    log.error(
      { device: line.name, firstSeq: Math.min(...seqs), lastSeq: Math.max(...seqs), refusals: line.refusals },
      `device ${line.name}: the server closed the connection ${line.refusals} times while it received samples ${Math.min(...seqs)} to ${Math.max(...seqs)}; ` +
        `it may refuse them, its log says why; ${journal.pending(line.deviceId)} samples stay here and are tried again in ${Math.round(holdMs / 1000)} s`,
    )
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
