// What proxies in front say about the client's address: PROXY protocol (a header before the client's own bytes), and X-Forwarded-For.
import { BlockList, isIP, type Socket } from 'node:net'
import { readProxyHeader } from './proxy-header.ts'

const HEADER_WITHIN_MS = 5000

export type ProxyFault = 'proxy-header-malformed' | 'proxy-header-too-late'

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
 * For a peer that is believed: calls `then` with the address in its header, or without one when it names none or begins
 * with something else (no MQTT, TLS or WebSocket client begins alike). What follows the header stays in the socket, which is paused.
 * Otherwise the socket is closed, and `refused` says why.
 */
export function openProxyHeader(
  socket: Socket,
  then: (address: string | undefined) => void,
  refused: (why: ProxyFault) => void,
): void {
  let held: Buffer = Buffer.alloc(0)
  const refuse = (why: ProxyFault) => {
    refused(why)
    socket.destroy()
  }
  const timer = setTimeout(() => refuse('proxy-header-too-late'), HEADER_WITHIN_MS)
  const finish = (address: string | undefined, rest: Buffer) => {
    stopReading()
    if (rest.length > 0) socket.unshift(rest)
    then(address)
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
    const header = readProxyHeader(held)
    if (header === 'incomplete') return
    if (header === 'malformed') refuse('proxy-header-malformed')
    else if (header === 'none') finish(undefined, held)
    else finish(header.address, held.subarray(header.length))
  }
  const ignore = () => {}
  socket.on('data', read)
  socket.on('error', ignore)
  socket.on('close', stopReading)
}
