// What proxies in front say about the client's address: PROXY protocol, version 1 (a line before the client's own bytes), and X-Forwarded-For.
import { BlockList, isIP, type Socket } from 'node:net'

/** Longest line there is, with its CRLF (the specification's section 2.1). */
const MAX_LINE_BYTES = 107
const LINE_WITHIN_MS = 5000
const LINE = /^PROXY (?:TCP4|TCP6) (\S+) (\S+) \d{1,5} \d{1,5}\r\n$/
const FIRST_BYTE = 'P'.charCodeAt(0)

export type TrustedProxies = { trusts(address: string | undefined): boolean }

/** Addresses and networks (`10.0.0.0/8`). @throws for what is neither. */
export function trustedProxies(places: readonly string[]): TrustedProxies {
  const list = new BlockList()
  for (const place of places) {
    const [address = '', prefix, ...rest] = place.split('/')
    const family = isIP(address)
    const bits = prefix === undefined ? undefined : Number(prefix)
    const isPrefix = bits === undefined || (/^\d{1,3}$/.test(prefix ?? '') && bits <= (family === 4 ? 32 : 128))
    if (family === 0 || !isPrefix || rest.length > 0) throw new Error(`${place} is neither an address nor a network`)
    const type = family === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, type)
    else list.addSubnet(address, bits, type)
  }
  return {
    trusts: (address) => address !== undefined && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  }
}

/**
 * Behind proxies that speak HTTP: the last address in X-Forwarded-For that is not one of theirs. `peer` is the other end
 * of the connection; when it is no proxy, or names nobody, it is the client itself.
 */
export function clientAddress(peer: string, forwarded: string | string[] | undefined, proxies: TrustedProxies): string {
  const named = [forwarded ?? []].flat().flatMap((line) => line.split(','))
  let address = peer
  while (proxies.trusts(address)) {
    const before = named.pop()?.trim()
    if (before === undefined || isIP(before) === 0) return address
    address = before
  }
  return address
}

/**
 * For a peer that is believed: calls `then` with the address in its line, or without one when it begins with something
 * else (no MQTT client begins with "P"). What follows the line stays in the socket.
 */
export function readProxyLine(socket: Socket, then: (address: string | undefined) => void): void {
  let held: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), LINE_WITHIN_MS)
  const finish = (address: string | undefined, rest: Buffer) => {
    stopReading()
    if (rest.length > 0) socket.unshift(rest)
    then(address)
    socket.resume()
  }
  const stopReading = () => {
    clearTimeout(timer)
    socket.off('data', read)
    socket.off('error', ignore)
    socket.off('close', stopReading)
    socket.pause()
  }
  const read = (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    if (held[0] !== FIRST_BYTE) return finish(undefined, held)
    const end = held.subarray(0, MAX_LINE_BYTES).indexOf('\r\n')
    if (end < 0) {
      if (held.length >= MAX_LINE_BYTES) socket.destroy()
      return
    }
    const address = LINE.exec(held.toString('latin1', 0, end + 2))?.[1]
    if (address === undefined || isIP(address) === 0) socket.destroy()
    else finish(address, held.subarray(end + 2))
  }
  const ignore = () => {}
  socket.on('data', read)
  socket.on('error', ignore)
  socket.on('close', stopReading)
}
