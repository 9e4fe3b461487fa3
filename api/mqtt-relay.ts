// Carries the bytes of one MQTT client over WebSocket to the broker's plain port and back; both ends end together.
import { connect, isIP, type Socket } from 'node:net'
import type { Logger } from 'pino'
import type { RawData, WebSocket } from 'ws'

/** RFC 6455 section 7.4.1. */
const CLOSE = { normal: 1000, notBinary: 1003, tryLater: 1013 } as const
/** Held for a client, in bytes, at most: what the broker has written, it cannot take back any more. */
const HELD_BYTES = 16 * 1024
const CONNECT_WITHIN_MS = 5000
/** The broker does not see that somebody reads nothing of what is held here. */
const TAKEN_WITHIN_MS = 30_000
/** How long a client may take to answer that we close. */
const CLOSE_WITHIN_MS = 2000
/** How long the broker may take to read what a client sent before it left: longer than it waits for the database. */
const LAST_WORDS_MS = 60_000

export type Client = { readonly address: string; readonly port: number }

/** `url` is the broker's, `mqtt://host:port`; it must list this machine in TRUSTED_PROXIES. */
export function relayMqtt(
  webSocket: WebSocket,
  client: Client,
  { url, log }: { url: string; log: Pick<Logger, 'warn' | 'debug'> },
): void {
  let isTaken = true
  let stalled: NodeJS.Timeout | undefined
  // The buffer is used again, so nothing is read before all of it was taken.
  const broker = connectTo(url, (bytes) => {
    isTaken = false
    stalled = setTimeout(() => webSocket.terminate(), TAKEN_WITHIN_MS)
    webSocket.send(bytes, { binary: true }, () => {
      clearTimeout(stalled)
      isTaken = true
      broker.resume()
    })
  })
  const connecting = setTimeout(() => broker.destroy(new Error('no answer')), CONNECT_WITHIN_MS)
  broker.once('connect', () => clearTimeout(connecting))
  // the line goes first, and with no 'data' listener the end is seen only by who reads
  broker.write(proxyLine(client))
  broker.resume()
  broker.on('drain', () => webSocket.resume())
  broker.on('error', (error) => log.warn({ err: error }, 'the broker cannot be reached'))
  broker.on('close', (hasFailed) => {
    clearTimeout(connecting)
    // The broker has ended the connection, perhaps because a right did: what is still held is not given any more.
    if (isTaken) close(webSocket, hasFailed ? CLOSE.tryLater : CLOSE.normal)
    else webSocket.terminate()
  })
  webSocket.on('message', (data, isBinary) => {
    if (webSocket.readyState !== webSocket.OPEN) return
    // [MQTT-6.0.0-1]
    if (!isBinary) close(webSocket, CLOSE.notBinary)
    else if (!broker.write(bytesOf(data))) webSocket.pause()
  })
  webSocket.on('close', () => {
    clearTimeout(stalled)
    // a last DISCONNECT may still be under way
    broker.destroySoon()
    const timer = setTimeout(() => broker.destroy(), LAST_WORDS_MS)
    broker.once('close', () => clearTimeout(timer))
  })
  webSocket.on('error', (error) => log.debug({ err: error }, 'an MQTT client over WebSocket failed'))
}

function connectTo(url: string, take: (bytes: Uint8Array) => void): Socket {
  const { hostname, port } = new URL(url)
  return connect({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || 1883,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(HELD_BYTES),
      callback: (count, bytes) => {
        take(bytes.subarray(0, count))
        return false
      },
    },
  })
}

function close(webSocket: WebSocket, code: number): void {
  // the client's answer has to be read
  webSocket.close(code)
  webSocket.resume()
  const timer = setTimeout(() => webSocket.terminate(), CLOSE_WITHIN_MS)
  webSocket.once('close', () => clearTimeout(timer))
}

/** PROXY protocol, version 1: the broker's limits for each address are about the client, not about us. */
function proxyLine({ address, port }: Client): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '')
  const [family, own] = isIP(bare) === 6 ? ['TCP6', '::1'] : ['TCP4', '127.0.0.1']
  return `PROXY ${family} ${bare} ${own} ${port} 1883\r\n`
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
