// Plays one script on a socket and watches how it ends: each round is answered, or the connection is closed, and never neither.
import { connect, type Socket } from 'node:net'
import { AnswerReader } from './answers.ts'
import { DISCONNECT } from './bytes.ts'
import type { Round, Script } from './script.ts'

export type Outcome = {
  readonly packets: number
  readonly faults: number
  readonly rounds: number
  /** The broker closed it, and was not asked to. */
  readonly isEndedByBroker: boolean
  /** Signed in, refused by a code, or closed without a word. */
  readonly opened: 'in' | 'refused' | 'closed'
  readonly received: number
  /** What should not have been, in a sentence; with the bytes of the round that it was seen in. */
  readonly violation?: { readonly what: string; readonly round: string; readonly bytes: Buffer } | undefined
}

/** Beyond it somebody has been left hanging. */
export const HANG_MS = 10_000
/** The longest of the broker's own deadlines (half a packet, before or after CONNACK), and some more. */
const PATIENCE_MS = 20_000

export type PlayOptions = {
  readonly port: number
  /** Of this machine: many of them, as from many clients. */
  readonly localAddress: string
  /** Topics that a message may come on. */
  readonly isOwnTopic: (topic: string) => boolean
}

type Waited = 'answered' | 'closed' | 'nothing'

export async function play(script: Script, options: PlayOptions): Promise<Outcome> {
  const player = new Player(script, options)
  try {
    return await player.run()
  } finally {
    player.stop()
  }
}

class Player {
  readonly #script: Script
  readonly #socket: Socket
  readonly #answers: AnswerReader
  #isClosed = false
  #error = ''
  #isWriting = false
  #owed: Buffer[] = []
  /** The broker has been told that nothing more comes. */
  #hasEnded = false
  #wake: (() => void) | undefined
  /** Something came before of which the broker may think what it likes, also later (when it is to be stored). */
  #mayEnd = false
  #counts = { packets: 0, faults: 0, rounds: 0 }
  #last: { what: string; bytes: Buffer }

  constructor(script: Script, { port, localAddress, isOwnTopic }: PlayOptions) {
    this.#script = script
    this.#last = { what: script.bad?.name ?? 'CONNECT', bytes: Buffer.concat(script.opening) }
    this.#socket = connect({ port, host: '127.0.0.1', localAddress })
    this.#socket.setNoDelay(true)
    this.#answers = new AnswerReader({ isOwnTopic, acknowledge: (bytes) => this.#acknowledge(bytes) })
    this.#socket.on('data', (chunk) => {
      this.#answers.feed(chunk)
      this.#wake?.()
    })
    this.#socket.on('error', (error) => {
      this.#error = error.message
    })
    this.#socket.on('close', () => {
      this.#isClosed = true
      this.#wake?.()
    })
  }

  stop(): void {
    this.#socket.destroy()
  }

  async run(): Promise<Outcome> {
    const { bad, isEager } = this.#script
    await this.#write(this.#script.opening)
    this.#counts.packets += 1
    if (bad) this.#counts.faults += 1
    // What comes behind a bad opening shows that nothing is read there any more.
    if (bad || !isEager) {
      if (bad && isEager) await this.#write(this.#script.next()?.chunks ?? [])
      const violation = bad ? await this.#badOpening() : await this.#goodOpening()
      if (violation || this.#isClosed || bad) return this.#leave(violation)
    }
    for (let round = this.#script.next(); round && !this.#isClosed; round = this.#script.next()) {
      const violation = await this.#round(round)
      if (violation) return this.#outcome(violation)
    }
    return this.#leave(undefined)
  }

  async #goodOpening(): Promise<string | undefined> {
    const waited = await this.#until(() => this.#answers.connack !== undefined, HANG_MS)
    if (waited === 'nothing') return 'a good CONNECT got no answer'
    const { connack } = this.#answers
    // 3: the broker may be busy, and says so.
    if (connack === 0 || connack === 3) return undefined
    return `a good CONNECT got ${connack === undefined ? 'the end' : `code ${connack}`}`
  }

  async #badOpening(): Promise<string | undefined> {
    const refusal = this.#script.bad?.refusal
    if (refusal === 'any') {
      if (!this.#script.isPatient) this.#end()
      const waited = await this.#until(() => false, this.#script.isPatient ? PATIENCE_MS : HANG_MS)
      // One change may leave it a good one: then it is in, and may stay.
      return waited === 'closed' || this.#answers.connack === 0 ? undefined : 'the end of an opening was not observed'
    }
    if ((await this.#until(() => false, HANG_MS)) !== 'closed') return 'a bad opening was not closed'
    const { connack } = this.#answers
    const isRight = refusal === 'end' ? connack === undefined : connack === refusal || connack === 3
    return isRight ? undefined : `a bad opening got ${connack ?? 'no code'} instead of ${refusal}`
  }

  async #round(round: Round): Promise<string | undefined> {
    const { isPatient } = this.#script
    this.#last = { what: round.what, bytes: Buffer.concat(round.chunks) }
    const due = this.#answers.pings + (round.pings ?? Number.POSITIVE_INFINITY)
    await this.#write(round.chunks)
    if (round.isLeaving) this.#hasEnded = true
    if (round.pings === undefined && !isPatient) this.#end()
    // An answer on the way to the end is no sign that it does not come.
    const isAnswered = () => round.fate !== 'fatal' && this.#answers.pings >= due
    const waited = await this.#until(isAnswered, isPatient ? PATIENCE_MS : HANG_MS)
    this.#counts.rounds += 1
    this.#counts.packets += waited === 'answered' ? round.packets : round.packetsUntilFault
    this.#counts.faults += round.faults
    if (round.fate === 'either') this.#mayEnd = true
    if (waited === 'nothing') return round.fate === 'fatal' ? 'not closed' : 'neither answered nor closed'
    if (waited === 'closed' && round.fate === 'fine' && !this.#mayEnd && this.#answers.connack !== 3) {
      return `closed although all was fine ${this.#error}`.trimEnd()
    }
    return this.#answers.fault
  }

  async #leave(violation: string | undefined): Promise<Outcome> {
    const outcome = this.#outcome(violation)
    if (this.#isClosed) return outcome
    const { leave } = this.#script
    if (leave === 'reset') {
      this.#socket.resetAndDestroy()
      return outcome
    }
    if (leave === 'disconnect') this.#socket.write(DISCONNECT)
    else this.#end()
    if ((await this.#until(() => false, HANG_MS)) === 'closed') return outcome
    return this.#outcome(`${leave} was not followed by the end`)
  }

  #outcome(what: string | undefined): Outcome {
    const { connack, received } = this.#answers
    const seen = what ?? this.#answers.fault
    return {
      ...this.#counts,
      isEndedByBroker: this.#isClosed && !this.#hasEnded,
      opened: connack === 0 ? 'in' : connack === undefined ? 'closed' : 'refused',
      received,
      violation: seen === undefined ? undefined : { what: seen, round: this.#last.what, bytes: this.#last.bytes },
    }
  }

  #end(): void {
    this.#hasEnded = !this.#isClosed
    this.#socket.end()
  }

  /** Between two packets, never within one that is sent in pieces. */
  #acknowledge(bytes: Buffer): void {
    if (this.#isWriting) this.#owed.push(bytes)
    else this.#socket.write(bytes)
  }

  async #write(chunks: readonly Buffer[]): Promise<void> {
    this.#isWriting = true
    for (const [index, chunk] of chunks.entries()) {
      // A turn between them, so that they are read apart at least now and then.
      if (index > 0) await new Promise((resolve) => setImmediate(resolve))
      if (this.#socket.writable) this.#socket.write(chunk)
    }
    this.#isWriting = false
    if (this.#owed.length > 0 && this.#socket.writable) this.#socket.write(Buffer.concat(this.#owed))
    this.#owed = []
  }

  async #until(isSo: () => boolean, patienceMs: number): Promise<Waited> {
    const { promise, resolve } = Promise.withResolvers<Waited>()
    const look = () => {
      if (isSo()) resolve('answered')
      else if (this.#isClosed) resolve('closed')
    }
    const timer = setTimeout(() => resolve('nothing'), patienceMs)
    this.#wake = look
    look()
    const waited = await promise
    clearTimeout(timer)
    this.#wake = undefined
    return waited
  }
}
