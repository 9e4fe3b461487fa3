// Reads in flight. A change of access waits for those that began under older rights, so that none answers after it.
import type { Edge, Principal } from '@ridethrough/db/edge.ts'
import type { FastifyReply } from 'fastify'

/** How long a read may hold up a change of access before its connection is cut. */
const SETTLE_MS = 1000
/** A principal stays known for this long after its last read, so that polling does not load its rights each time. */
const KEEP_MS = 30_000

type Read = {
  readonly principal: Principal
  readonly reply: FastifyReply
  isVoid: boolean
  readonly ended: Promise<void>
}

export class Reads {
  readonly #reads = new Set<Read>()
  readonly #keeping = new Map<NodeJS.Timeout, () => void>()

  /** Begins a read of a principal that `edge.open` gave, and takes over closing it. */
  begin(edge: Edge, principal: Principal, reply: FastifyReply): void {
    const ended = new Promise<void>((resolve) => {
      reply.raw.once('close', () => {
        this.#reads.delete(read)
        resolve()
        this.#closeLater(() => edge.close(principal))
      })
    })
    const read: Read = { principal, reply, isVoid: false, ended }
    this.#reads.add(read)
  }

  /** False once the lease ran out in between: what was read may be older than rights that others have confirmed. */
  mayAnswer(reply: FastifyReply): boolean {
    for (const read of this.#reads) if (read.reply === reply) return !read.isVoid
    return true
  }

  /** Resolves when none of the reads that these principals have begun can send anything any more; the number cut off. */
  async settle(principals: readonly Principal[]): Promise<number> {
    const concerned = [...this.#reads].filter((read) => principals.includes(read.principal))
    if (concerned.length === 0) return 0
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SETTLE_MS)
    })
    await Promise.race([Promise.all(concerned.map((read) => read.ended)), late])
    clearTimeout(timer)
    const left = concerned.filter((read) => this.#reads.has(read))
    for (const read of left) cut(read)
    return left.length
  }

  /** The lease is over: nothing that is being read may be answered. */
  voidAll(): void {
    for (const read of this.#reads) {
      read.isVoid = true
      if (read.reply.raw.headersSent) cut(read)
    }
  }

  stop(): void {
    for (const [timer, close] of this.#keeping) {
      clearTimeout(timer)
      close()
    }
    this.#keeping.clear()
  }

  #closeLater(close: () => void): void {
    const timer = setTimeout(() => {
      this.#keeping.delete(timer)
      close()
    }, KEEP_MS)
    timer.unref()
    this.#keeping.set(timer, close)
  }
}

function cut(read: Read): void {
  read.isVoid = true
  read.reply.raw.destroy()
}
