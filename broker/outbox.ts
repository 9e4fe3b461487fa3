// What waits to be written to one client: bytes, and which of them are about which device, so that they can be taken back.
import { SLAB_BYTES, type Slab, type Turn } from './turn.ts'

export class Outbox {
  readonly #turn: Turn
  #slabs: Slab[] = []
  /** Bytes that wait. */
  length = 0

  constructor(turn: Turn) {
    this.#turn = turn
  }

  /** Copies `source[start..end]`. `deviceId` tells which device the bytes are about. */
  append(source: Buffer, start: number, end: number, deviceId: string | undefined): void {
    const count = end - start
    const slab = this.#slabFor(count)
    if (count <= 8) for (let at = 0; at < count; at++) slab.bytes[slab.end + at] = source[start + at] as number
    else source.copy(slab.bytes, slab.end, start, end)
    this.#grew(slab, count, deviceId)
  }

  /** The same for a PUBLISH at QoS 1, with `first` as its first byte and `packetId` in place of the identifier at `idAt` (in `source`). */
  appendWithId(
    source: Buffer,
    start: number,
    end: number,
    message: { readonly first: number; readonly idAt: number; readonly packetId: number },
    deviceId: string | undefined,
  ): void {
    const count = end - start
    const slab = this.#slabFor(count)
    const at = slab.end
    source.copy(slab.bytes, at, start, end)
    slab.bytes[at] = message.first
    slab.bytes.writeUInt16BE(message.packetId, at + message.idAt - start)
    this.#grew(slab, count, deviceId)
  }

  /** The oldest slab; the caller gives it back to the turn when it has been written. */
  shift(): Slab | undefined {
    const slab = this.#slabs.shift()
    if (slab) this.length -= slab.end
    return slab
  }

  /** Removes every byte about such a device. True when there were any. */
  takeBack(isGone: (deviceId: string) => boolean): boolean {
    // Asked once for each device; and nothing is moved where none is gone, which is nearly always.
    const gone = new Map<string, boolean>()
    const concerns = (deviceId: string | undefined) => {
      if (deviceId === undefined) return false
      const known = gone.get(deviceId)
      if (known !== undefined) return known
      const is = isGone(deviceId)
      gone.set(deviceId, is)
      return is
    }
    if (!this.#slabs.some(({ devices }) => devices.some(concerns))) return false
    this.#compactAll(concerns)
    return true
  }

  /** Keeps only the protocol's own answers. */
  keepAnswers(): void {
    this.#compactAll((deviceId) => deviceId !== undefined)
  }

  clear(): void {
    for (const slab of this.#slabs) this.#turn.give(slab)
    this.#slabs = []
    this.length = 0
  }

  #slabFor(count: number): Slab {
    const last = this.#slabs.at(-1)
    if (last && last.end + count <= last.bytes.length) return last
    const slab = this.#turn.take(count, last === undefined)
    // the first outgrew its small one within this turn: what it holds moves, so that one write takes all of it
    if (
      last &&
      this.#slabs.length === 1 &&
      last.bytes.length === SLAB_BYTES.small &&
      last.end + count <= slab.bytes.length
    ) {
      last.bytes.copy(slab.bytes, 0, 0, last.end)
      slab.end = last.end
      slab.ends.push(...last.ends)
      slab.devices.push(...last.devices)
      this.#turn.give(last)
      this.#slabs[0] = slab
    } else this.#slabs.push(slab)
    return slab
  }

  #grew(slab: Slab, count: number, deviceId: string | undefined): void {
    slab.end += count
    this.length += count
    const last = slab.ends.length - 1
    if (last >= 0 && slab.devices[last] === deviceId) slab.ends[last] = slab.end
    else {
      slab.ends.push(slab.end)
      slab.devices.push(deviceId)
    }
  }

  #compactAll(isGone: (deviceId: string | undefined) => boolean): void {
    this.#slabs = this.#slabs.filter((slab) => {
      this.#compact(slab, isGone)
      if (slab.end === 0) this.#turn.give(slab)
      return slab.end > 0
    })
  }

  #compact(slab: Slab, isGone: (deviceId: string | undefined) => boolean): void {
    const [ends, devices] = [[...slab.ends], [...slab.devices]]
    slab.ends.length = 0
    slab.devices.length = 0
    this.length -= slab.end
    slab.end = 0
    let start = 0
    for (const [index, end] of ends.entries()) {
      const deviceId = devices[index]
      if (!isGone(deviceId)) {
        slab.bytes.copyWithin(slab.end, start, end)
        this.#grew(slab, end - start, deviceId)
      }
      start = end
    }
  }
}
