// WebSockets, and an end that waits neither for viewers nor for idle connections.
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'

const MAX_FRAME_BYTES = 64 * 1024
const CLOSE_GRACE_MS = 1000
const IDLE_CHECK_MS = 50
/** RFC 6455 registry: "service restart"; clients come back by themselves. */
const SERVICE_RESTART = 1012

export async function acceptSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false },
    async preClose(this: FastifyInstance) {
      const { websocketServer: sockets, server } = this
      for (const socket of sockets.clients) {
        socket.close(SERVICE_RESTART, 'the server restarts')
        const timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS)
        socket.once('close', () => clearTimeout(timer))
      }
      sockets.close()
      // A connection that is kept alive goes idle only after its answer, and then has to be closed by somebody.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
      server.once('close', () => clearInterval(idle))
      idle.unref()
    },
    errorHandler: (error, socket, request) => {
      request.log.info({ code: 'code' in error ? error.code : undefined }, 'a live connection failed')
      socket.terminate()
    },
  })
}
