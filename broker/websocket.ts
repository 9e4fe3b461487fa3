// MQTT over WebSocket at /mqtt [MQTT-6.0.0]: which upgrades are granted; everything else is told why not.
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { clientAddress, type TrustedProxies } from './proxy.ts'
import type { ServerTls } from './tls.ts'
import { WebSocketBytes } from './websocket-bytes.ts'

export const WEBSOCKET_PATH = '/mqtt'
/** [MQTT-6.0.0-3]: the name that the client must offer and the server must choose. */
const SUBPROTOCOL = 'mqtt'
const MAX_HEADER_BYTES = 8 * 1024
// A request without Host gets its answer from us, as every other.
const HTTP = { maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false }
/** Of frame headers, before the broker has answered anything: a CONNECT in pieces is in a few. */
const FRAMING_BYTES = 4 * 1024
/** The fixed header of a packet, at most [MQTT-2.2.3]. */
const FIXED_HEADER_BYTES = 5
/** Pieces of one message that are held; each costs some hundred bytes besides its own. */
const MAX_PIECES = { frames: 256, chunks: 1024 } as const

export type WebSocketServerOptions = {
  readonly tls: ServerTls | undefined
  readonly proxies: TrustedProxies
  readonly limits: Limits
  readonly metrics: Metrics
  readonly log: Logger
  /** The upgrade is granted: the address of the TCP connection's other end, or `undefined` when it was given up meanwhile. */
  readonly onUpgrade: (carrier: Socket) => string | undefined
  readonly onStream: (stream: WebSocketBytes, address: string) => void
}

/** A server that does not listen: sockets are given to it by its 'connection' event. */
export function createWebSocketServer(options: WebSocketServerOptions): Server {
  const { tls, limits, metrics } = options
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compression costs some hundred KiB for each connection, makes a small frame a large one, and tells by its length
    // what secrets and readings have in common.
    perMessageDeflate: false,
    // what is no binary frame is refused, whatever is in it
    skipUTF8Validation: true,
    maxPayload: limits.packetBytesAfterConnack + FIXED_HEADER_BYTES,
    maxFragments: MAX_PIECES.frames,
    maxBufferedChunks: MAX_PIECES.chunks,
    handleProtocols: () => SUBPROTOCOL,
  })
  const refuse = (socket: Duplex, refusal: Refusal) => {
    metrics.packetsRefused.inc({ reason: 'websocket-upgrade' })
    answer(socket, refusal)
  }
  const server = makeServer(tls)
  server.on('request', (request) => refuse(request.socket, refusalOf(request) ?? NO_UPGRADE))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!error.code?.startsWith('HPE_')) socket.destroy()
    else refuse(socket, error.code === 'HPE_HEADER_OVERFLOW' ? TOO_LARGE : MALFORMED)
  })
  webSockets.on('wsClientError', (error, socket) => refuse(socket, { ...MALFORMED, detail: error.message }))
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusalOf(request)
    if (refusal) refuse(socket, refusal)
    else webSockets.handleUpgrade(request, socket, head, (webSocket) => grant(options, request, webSocket))
  })
  return server
}

function makeServer(tls: ServerTls | undefined): Server {
  if (!tls) return createServer(HTTP)
  const server = createSecureServer({ ...tls.options, ...HTTP, ALPNCallback: chooseHttp })
  tls.follow(server)
  return server
}

const chooseHttp = ({ protocols }: { protocols: string[] }) => protocols.find((name) => name === 'http/1.1')

function grant(options: WebSocketServerOptions, request: IncomingMessage, webSocket: WebSocket): void {
  const { proxies, limits, metrics, log, onUpgrade, onStream } = options
  const peer = onUpgrade(request.socket)
  if (peer === undefined) {
    webSocket.terminate()
    return
  }
  const address = clientAddress(peer, request.headers['x-forwarded-for'], proxies)
  const stream = new WebSocketBytes({
    webSocket,
    carrier: request.socket,
    isForeignPage: isOfForeignPage(request),
    maxEarlyBytes: limits.packetBytesBeforeConnack + FRAMING_BYTES,
    onFault: (reason) => {
      metrics.packetsRefused.inc({ reason })
      log.info({ address, reason }, 'a client was refused')
    },
  })
  onStream(stream, address)
}

type Refusal = { readonly status: number; readonly detail: string; readonly headers?: string }

const UPGRADE = 'Upgrade: websocket\r\n'
const NO_UPGRADE: Refusal = {
  status: 426,
  detail: 'This address speaks MQTT over WebSocket: ask for the upgrade',
  headers: UPGRADE,
}
const NOT_HERE: Refusal = { status: 404, detail: `There is nothing here but ${WEBSOCKET_PATH}` }
const NO_SUBPROTOCOL: Refusal = { status: 400, detail: `Ask for the subprotocol ${SUBPROTOCOL}` }
const TOO_LARGE: Refusal = { status: 431, detail: `The header is larger than ${MAX_HEADER_BYTES} bytes` }
// RFC 6455 section 4.4: a refusal says which version is spoken.
const MALFORMED: Refusal = {
  status: 400,
  detail: 'This is not understood',
  headers: 'Sec-WebSocket-Version: 13\r\n',
}

function refusalOf({ url = '', headers }: IncomingMessage): Refusal | undefined {
  if (url.replace(/\?.*$/s, '') !== WEBSOCKET_PATH) return NOT_HERE
  if (headers.upgrade?.toLowerCase() !== 'websocket') return NO_UPGRADE
  const offered = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim())
  return offered?.includes(SUBPROTOCOL) ? undefined : NO_SUBPROTOCOL
}

/** As problem+json (RFC 9457), and then the connection ends. */
function answer(socket: Duplex, { status, detail, headers = '' }: Refusal): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const title = STATUS_CODES[status] ?? ''
  const body = `${JSON.stringify({ type: 'about:blank', title, status, detail })}\n`
  const head = `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n`
  socket.on('error', () => {})
  socket.end(`${head}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => socket.destroy())
}

/**
 * Any page may open a WebSocket to here, and is let: it has no credentials to send but those that somebody has typed
 * into it, since no cookie counts. Only what its browser adds by itself in TLS must not count for it either.
 */
function isOfForeignPage({ headers: { origin, host } }: IncomingMessage): boolean {
  if (origin === undefined) return false
  if (!URL.canParse(origin) || host === undefined || !URL.canParse(`http://${host}`)) return true
  return new URL(origin).hostname !== new URL(`http://${host}`).hostname
}
