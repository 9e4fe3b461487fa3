// The WebSocket /api/v1/link/live: what a link shows, as it changes, for as long as the link lasts. It asks nothing.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { LINK_BEARER, LINK_SUBPROTOCOL } from '@ridethrough/protocol/http/link.ts'
import { LIVE_CLOSE } from '@ridethrough/protocol/http/live.ts'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { WebSocket } from 'ws'
import type { ApiContext } from '../context.ts'
import { LINK_FACE } from '../link/device-view.ts'
import { Viewer } from '../live/viewer.ts'
import { linkViewerOf } from '../plugin/auth.ts'

/** RFC 6455 section 7.4.1: "policy violation", "internal error". */
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011

export const linkLiveRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.route({
    method: 'GET',
    url: '/link/live',
    config: { needs: 'link' },
    schema: {
      tags: ['links'],
      summary: 'Watch what an open link shows, over a WebSocket',
      description: `\`snapshot\`, then \`state\`, \`device\`, \`gone\` and \`heartbeat\`. Browsers, which can set no header here, ask for the subprotocols \`${LINK_SUBPROTOCOL}\` and \`${LINK_BEARER}\` followed by the token. Close codes: 4401 the link has ended, 4408 too slow, 4503 rights cannot be confirmed.`,
    },
    handler: async (_request, reply) => {
      reply.header('upgrade', 'websocket')
      throw new Fault('not-acceptable', 'This address speaks WebSocket: ask for the upgrade')
    },
    wsHandler: (socket: WebSocket, request: FastifyRequest) => {
      socket.on('message', () => socket.close(POLICY_VIOLATION, 'nothing is asked here'))
      serve(context, socket, request).catch((error: unknown) => {
        request.log.warn({ err: error }, 'a live connection was given up')
        socket.close(INTERNAL_ERROR, 'something went wrong on our side')
      })
    },
  })
}

async function serve({ edge, hub, metrics }: ApiContext, socket: WebSocket, request: FastifyRequest): Promise<void> {
  const { linkId, credentialId } = linkViewerOf(request)
  if (!edge.isServing())
    return socket.close(LIVE_CLOSE.rightsUnknown, 'this server cannot confirm rights at the moment')
  const principal = await edge.open('link', linkId, credentialId)
  if (!principal) return socket.close(LIVE_CLOSE.signedOut, 'the link has ended')
  if (socket.readyState !== socket.OPEN) return edge.close(principal)
  const viewer = new Viewer(socket, principal, metrics, LINK_FACE)
  hub.add(viewer)
  socket.once('close', () => {
    hub.remove(viewer)
    edge.close(principal)
  })
  await hub.watch(viewer, 'all')
}
