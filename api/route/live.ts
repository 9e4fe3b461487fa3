// The WebSocket /api/v1/live: a snapshot, then changes, as long as the right lasts.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { LIVE_CLOSE, LiveRequest } from '@ridethrough/protocol/http/live.ts'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { RawData, WebSocket } from 'ws'
import type { ApiContext } from '../context.ts'
import { Viewer } from '../live/viewer.ts'
import { type Viewer as Asker, checkSocketOrigin, viewerOf } from '../plugin/auth.ts'

/** Requests of one connection that may wait to be worked off. */
const MOST_WAITING = 64
/** RFC 6455 section 7.4.1: "policy violation", "internal error". */
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011

export const liveRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.route({
    method: 'GET',
    url: '/live',
    config: { needs: 'session', admits: ['tokens'] },
    schema: {
      tags: ['live'],
      summary: 'Watch devices over a WebSocket',
      description:
        'Send `{"type":"watch","devices":"all"}` or a list of ids; what comes is `snapshot`, `state`, `device`, `gone`, `notices`, `heartbeat` and `error`. Close codes: 4401 signed out, 4408 too slow, 4503 rights cannot be confirmed.',
    },
    handler: async (_request, reply) => {
      reply.header('upgrade', 'websocket')
      throw new Fault('not-acceptable', 'This address speaks WebSocket: ask for the upgrade')
    },
    preHandler: async (request) => {
      if (request.ws) checkSocketOrigin(request, context)
    },
    wsHandler: (socket: WebSocket, request: FastifyRequest) => serve(context, socket, request),
  })
}

function serve(context: ApiContext, socket: WebSocket, request: FastifyRequest): void {
  const session = viewerOf(request)
  let waiting = 0
  // Listening begins before anything is awaited, so that no request is lost; each is worked off in its turn.
  let work: Promise<void> = Promise.resolve()
  const then = (step: () => Promise<void>): void => {
    work = work.then(step).catch((error: unknown) => {
      request.log.warn({ err: error }, 'a live connection was given up')
      socket.close(INTERNAL_ERROR, 'something went wrong on our side')
    })
  }
  let viewer: Viewer | undefined
  then(async () => {
    viewer = await openViewer(context, socket, session)
  })
  socket.on('message', (data, isBinary) => {
    if (waiting >= MOST_WAITING) return socket.close(POLICY_VIOLATION, 'too many requests at once')
    waiting += 1
    then(async () => {
      waiting -= 1
      if (viewer?.isOpen) await answer(context, viewer, isBinary ? '' : textOf(data))
    })
  })
}

async function openViewer(
  { edge, hub, metrics }: ApiContext,
  socket: WebSocket,
  { accountId, credentialId, kind }: Asker,
): Promise<Viewer | undefined> {
  if (!edge.isServing()) {
    socket.close(LIVE_CLOSE.rightsUnknown, 'this server cannot confirm rights at the moment')
    return undefined
  }
  const principal = await edge.open('person', accountId, credentialId)
  if (!principal) {
    socket.close(LIVE_CLOSE.signedOut, 'signed out')
    return undefined
  }
  if (socket.readyState !== socket.OPEN) {
    edge.close(principal)
    return undefined
  }
  const viewer = new Viewer(socket, principal, metrics)
  viewer.hearsNotices = kind === 'session'
  hub.add(viewer)
  socket.once('close', () => {
    hub.remove(viewer)
    edge.close(principal)
  })
  return viewer
}

async function answer({ hub }: ApiContext, viewer: Viewer, text: string): Promise<void> {
  const request = parseRequest(text)
  if (!request) {
    const message = 'send {"type":"watch"|"unwatch","devices":"all"|[ids]} as text'
    return viewer.send({ type: 'error', code: 'body-malformed', message })
  }
  if (request.type === 'watch') await hub.watch(viewer, request.devices)
  else hub.unwatch(viewer, request.devices)
}

function parseRequest(text: string): LiveRequest | undefined {
  try {
    return LiveRequest.safeParse(JSON.parse(text)).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function textOf(data: RawData): string {
  return Buffer.isBuffer(data)
    ? data.toString()
    : Buffer.concat([data].flat().map((part) => Buffer.from(part as Buffer))).toString()
}
