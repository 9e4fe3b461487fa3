// Which ports there are, and how a connection at each becomes one of the broker's.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { BrokerConfig } from './config.ts'
import type { Door, Doors } from './doors.ts'
import type { Handshakes } from './handshakes.ts'
import type { Limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import type { TrustedProxies } from './proxy.ts'
import { createMqttsServer, type ServerTls } from './tls.ts'
import { createWebSocketServer, WEBSOCKET_PATH } from './websocket.ts'

export type Urls = {
  readonly mqttUrl: string
  readonly mqttsUrl: string | undefined
  readonly wsUrl: string | undefined
  readonly wssUrl: string | undefined
}

export type DoorParts = {
  /** Takes over a stream whose handshakes are done; the address is its client's. */
  readonly broker: { accept(stream: Duplex, address: string): void }
  readonly doors: Doors
  readonly handshakes: Handshakes
  readonly proxies: TrustedProxies
  /** Of a broker with a certificate. */
  readonly tls: ServerTls | undefined
  readonly limits: Limits
  readonly metrics: Metrics
  readonly log: Logger
}

export async function openDoors(config: BrokerConfig, parts: DoorParts): Promise<Urls> {
  const { broker, doors, handshakes, tls } = parts
  const { host, wsPort } = config
  const secure = config.tls && tls && { ...config.tls, tls }
  const urlOf = (scheme: string, port: number, path = '') =>
    `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
  const plain = (socket: Socket) => broker.accept(socket, handshakes.leave(socket) ?? socket.remoteAddress ?? '')
  const behind = (
    handshake: Door['handshake'],
    server: { emit(event: 'connection', socket: Socket): unknown },
  ): Door => ({
    handshake,
    hand: (socket) => void server.emit('connection', socket),
  })
  const webSockets = (over: ServerTls | undefined) =>
    createWebSocketServer({
      ...parts,
      tls: over,
      onUpgrade: (carrier) => handshakes.leave(carrier),
      onStream: (stream, address) => broker.accept(stream, address),
    })
  const mqttPort = await doors.open(config.mqttPort, { handshake: 'none', hand: plain })
  const mqttsPort =
    secure && (await doors.open(secure.mqttsPort, behind('tls', createMqttsServer(secure.tls, settled))))
  const ws = wsPort === undefined ? undefined : await doors.open(wsPort, behind('upgrade', webSockets(undefined)))
  const wss =
    secure?.wssPort === undefined ? undefined : await doors.open(secure.wssPort, behind('tls', webSockets(secure.tls)))
  function settled(socket: Socket): void {
    const address = handshakes.leave(socket)
    if (address === undefined) socket.destroy()
    else broker.accept(socket, address)
  }
  return {
    mqttUrl: urlOf('mqtt', mqttPort),
    mqttsUrl: mqttsPort === undefined ? undefined : urlOf('mqtts', mqttsPort),
    wsUrl: ws === undefined ? undefined : urlOf('ws', ws, WEBSOCKET_PATH),
    wssUrl: wss === undefined ? undefined : urlOf('wss', wss, WEBSOCKET_PATH),
  }
}
