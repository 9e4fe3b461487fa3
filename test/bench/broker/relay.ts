// The limit beside the brokers: copies what comes to whom it is for, and looks at nothing. `relay.ts FRAMEBYTES`.
import { createServer, type Socket } from 'node:net'

// No message is looked at, but none may be torn apart by another publisher's either.
const frameBytes = Number(process.argv[2])
const ALL = 0xffff
const SLAB_BYTES = 256 * 1024
/** A viewer that does not keep up makes its publishers wait, as a pipe would. */
const FULL_BYTES = 4 * 1024 * 1024

class Outlet {
  readonly #socket: Socket
  #slab = Buffer.allocUnsafe(SLAB_BYTES)
  #from = 0
  #to = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Written once a turn, whatever has come by then. */
  put(bytes: Buffer, from: number, to: number): void {
    if (this.#to + to - from > SLAB_BYTES) {
      this.#flush()
      this.#slab = Buffer.allocUnsafe(SLAB_BYTES)
      this.#from = 0
      this.#to = 0
    }
    if (this.#to === this.#from) setImmediate(() => this.#flush())
    this.#to += bytes.copy(this.#slab, this.#to, from, to)
  }

  get isFull(): boolean {
    return this.#socket.writableLength > FULL_BYTES
  }

  #flush(): void {
    if (this.#to > this.#from) this.#socket.write(this.#slab.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}

const outlets = new Map<number, Outlet>()

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', (hello) => {
    const index = hello.readUInt16BE(1)
    if (hello[0] === 0x56) {
      const outlet = new Outlet(socket)
      outlets.set(index, outlet)
      socket.once('close', () => {
        if (outlets.get(index) === outlet) outlets.delete(index)
      })
    } else relay(socket, index)
    socket.write('k')
  })
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.on('disconnect', () => process.exit(0))

function relay(socket: Socket, index: number): void {
  const to = () => (index === ALL ? [...outlets.values()] : [outlets.get(index)])
  const receivers = to()
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    const whole = bytes.length - (bytes.length % frameBytes)
    rest = bytes.subarray(whole)
    for (const outlet of receivers) {
      outlet?.put(bytes, 0, whole)
      if (outlet?.isFull) socket.pause()
    }
    if (socket.isPaused()) setTimeout(() => socket.resume(), 1)
  })
}
