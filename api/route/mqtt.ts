// MQTT over WebSocket at /mqtt: bytes are carried to the broker's own listener and back; who it is and what it may do is decided there.
import { connect, isIP, type Socket } from 'node:net'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { RawData, WebSocket } from 'ws'
import type { ApiContext } from '../context.ts'

/** [MQTT-6.0.0-3]: the name that the client must offer and the server must choose. */
const SUBPROTOCOL = 'mqtt'
/** RFC 6455 section 7.4.1. */
const CLOSE = { normal: 1000, protocolError: 1002, notBinary: 1003, tryLater: 1013 } as const
/** What is held here for a client that reads slowly, in bytes; beyond it the broker is left waiting, and decides. */
const MAX_HELD_BYTES = 64 * 1024

export const mqttRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { mqttUrl } = context.settings
  if (mqttUrl === undefined) return
  app.route({
    method: 'GET',
    url: '/mqtt',
    // The credentials come in MQTT's own CONNECT: a page of somebody else has none to send.
    config: { needs: 'nobody' },
    schema: {
      tags: ['live'],
      summary: 'MQTT 3.1.1 over WebSocket, subprotocol `mqtt`',
      description: 'The password is a session or an API token, as on the MQTT port.',
      security: [],
    },
    handler: async (_request, reply) => {
      reply.header('upgrade', 'websocket')
      throw new Fault('not-acceptable', 'This address speaks MQTT over WebSocket: ask for the upgrade')
    },
    wsHandler: (socket: WebSocket, request: FastifyRequest) => relay(socket, request, mqttUrl),
  })
}

function relay(socket: WebSocket, request: FastifyRequest, mqttUrl: string): void {
  if (socket.protocol !== SUBPROTOCOL) {
    socket.close(CLOSE.protocolError, 'ask for the subprotocol mqtt')
    return
  }
  const broker = connectTo(mqttUrl)
  broker.write(proxyLine(request))
  broker.on('data', (chunk) => {
    socket.send(chunk, () => {
      if (socket.bufferedAmount <= MAX_HELD_BYTES) broker.resume()
    })
    if (socket.bufferedAmount > MAX_HELD_BYTES) broker.pause()
  })
  broker.on('error', (error) => request.log.warn({ err: error }, 'the broker cannot be reached'))
  broker.on('close', (hasFailed) => endOf(socket, hasFailed))
  socket.on('message', (data, isBinary) => {
    // [MQTT-6.0.0-1]
    if (!isBinary) socket.close(CLOSE.notBinary, 'MQTT goes in binary frames')
    else if (!broker.write(bytesOf(data))) {
      socket.pause()
      broker.once('drain', () => socket.resume())
    }
  })
  // A last DISCONNECT may still be under way.
  socket.on('close', () => broker.destroySoon())
  socket.on('error', (error) => request.log.debug({ err: error }, 'an MQTT client over WebSocket failed'))
}

/** The broker has ended the connection, perhaps because a right did: what is still held here is not given any more. */
function endOf(socket: WebSocket, hasFailed: boolean): void {
  if (socket.bufferedAmount > 0) socket.terminate()
  else socket.close(hasFailed ? CLOSE.tryLater : CLOSE.normal)
}

function connectTo(mqttUrl: string): Socket {
  const { hostname, port } = new URL(mqttUrl)
  return connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || 1883, noDelay: true })
}

/** PROXY protocol, version 1: the broker's limits for each address are about the client, not about us. */
function proxyLine({ ip, socket }: FastifyRequest): string {
  const given = isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip
  const address = given.replace(/^::ffff:(?=\d+\.)/i, '')
  const [family, own] = isIP(address) === 6 ? ['TCP6', '::1'] : ['TCP4', '127.0.0.1']
  return `PROXY ${family} ${address} ${own} ${socket.remotePort ?? 0} 1883\r\n`
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
