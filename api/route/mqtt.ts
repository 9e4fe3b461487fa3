// MQTT over WebSocket at /mqtt: bytes are carried to the broker's own port and back; who it is and what it may do is decided there.
import { isIP } from 'node:net'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { WebSocket } from 'ws'
import type { ApiContext } from '../context.ts'
import { relayMqtt } from '../mqtt-relay.ts'
import { MQTT_SUBPROTOCOL } from '../plugin/socket.ts'
import { networkOf } from '../refusals.ts'

const TRY_AGAIN_S = 30

export const mqttRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { mqttUrl: url } = context.settings
  const relays = createCount(context)
  app.route({
    method: 'GET',
    url: '/mqtt',
    // The credentials come in MQTT's own CONNECT, and no cookie counts: a page of another site has none to send.
    config: { needs: 'nobody' },
    schema: {
      hide: url === undefined,
      tags: ['live'],
      summary: 'MQTT 3.1.1 over WebSocket, subprotocol `mqtt`',
      description: 'The password is a session or an API token, as on the MQTT port.',
      security: [],
    },
    preHandler: (request, _reply, done) => {
      if (url === undefined) throw new Fault('not-found', 'This server does not carry MQTT')
      // before the upgrade, so that a refusal costs nothing and can be read
      if (request.ws) {
        checkSubprotocol(request)
        relays.check(request)
      }
      done()
    },
    handler: async (_request, reply) => {
      reply.header('upgrade', 'websocket')
      throw new Fault('not-acceptable', 'This address speaks MQTT over WebSocket: ask for the upgrade')
    },
    wsHandler: (socket: WebSocket, request: FastifyRequest) => {
      if (url === undefined) return
      relays.add(socket, request)
      relayMqtt(
        socket,
        { address: addressOf(request), port: request.socket.remotePort ?? 0 },
        { url, log: request.log },
      )
    },
  })
}

function checkSubprotocol({ headers }: FastifyRequest): void {
  const offered = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim())
  if (!offered?.includes(MQTT_SUBPROTOCOL)) {
    throw new Fault('body-malformed', `Ask for the subprotocol ${MQTT_SUBPROTOCOL}`)
  }
}

/** How many are carried, in all and from each network. */
function createCount({ settings: { mqttSockets }, metrics }: ApiContext) {
  const counts = new Map<string, number>()
  let all = 0
  return {
    check(request: FastifyRequest): void {
      const own = counts.get(networkOf(addressOf(request))) ?? 0
      if (all < mqttSockets.all && own < mqttSockets.perAddress) return
      metrics.mqttRefused.inc({ reason: own < mqttSockets.perAddress ? 'all' : 'address' })
      throw new Fault('too-many-tries', 'As many MQTT clients as there may be are connected: come back later', {
        retryAfter: TRY_AGAIN_S,
      })
    },
    add(socket: WebSocket, request: FastifyRequest): void {
      const network = networkOf(addressOf(request))
      counts.set(network, (counts.get(network) ?? 0) + 1)
      metrics.mqttSockets.set(++all)
      socket.once('close', () => {
        metrics.mqttSockets.set(--all)
        const left = (counts.get(network) ?? 1) - 1
        if (left > 0) counts.set(network, left)
        else counts.delete(network)
      })
    },
  }
}

/** A proxy in front may have named something that is no address. */
function addressOf({ ip, socket }: FastifyRequest): string {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip
}
