// WebSockets, and an end that waits neither for viewers nor for idle connections.
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'

/** As large as the broker's packets may be, since an MQTT client sends each as one message. */
const MAX_MESSAGE_BYTES = 256 * 1024 + 5
/** Pieces of one message that are held; each costs some hundred bytes besides its own. */
const MAX_PIECES = { frames: 256, chunks: 1024 } as const
/** [MQTT-6.0.0-3]: the name that the client must offer and the server must choose. */
export const MQTT_SUBPROTOCOL = 'mqtt'
const CLOSE_GRACE_MS = 1000
const IDLE_CHECK_MS = 50
/** RFC 6455 registry: "service restart"; clients come back by themselves. */
const SERVICE_RESTART = 1012

export async function acceptSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: MAX_MESSAGE_BYTES,
      maxFragments: MAX_PIECES.frames,
      maxBufferedChunks: MAX_PIECES.chunks,
      // It costs some hundred KiB for each connection, and tells by its length what secrets and readings have in common.
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(MQTT_SUBPROTOCOL) ? MQTT_SUBPROTOCOL : ([...offered][0] ?? false)),
    },
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
