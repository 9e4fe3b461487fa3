// Who asks: the session behind a cookie or a bearer token, and whether the request came from our own pages.
import cookie from '@fastify/cookie'
import type { Principal } from '@ridethrough/db/edge.ts'
import {
  type AccountCredential,
  findCredential,
  type LinkCredential,
  touchCredential,
} from '@ridethrough/db/query/credential.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { LINK_BEARER } from '@ridethrough/protocol/http/link.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ApiContext } from '../context.ts'

/**
 * `nobody`: open to all. `session`: somebody signed in. `rights`: the same, and the compiled rights of the session are
 * at hand as `request.principal`; the answer counts as a read that a change of access waits for. `link`: whoever has
 * opened a link, with the rights of the link at hand in the same way.
 */
export type Needs = 'nobody' | 'session' | 'rights' | 'link'

/** Besides a session that owes nothing, which every route that needs one takes. */
export type Admitted =
  /** API tokens and credentials of shares: only what is about devices and who shares them; the scope of the token cuts what it may do there. */
  | 'tokens'
  /** Sessions of accounts that still owe the second factor that their company asks for. */
  | 'owing'

/** A recent sign-in is asked for `always`, or where the company asks for it (what changes access or cuts power). */
export type Recent = 'always' | 'if-company-asks'

/** For how long a sign-in, or a step-up, counts as recent. */
export const RECENT_MS = 10 * 60_000

/** Who asks, and as `Subject` of the policy how far their credential reaches. */
export type Viewer = AccountCredential & {
  /** When the request came, milliseconds since 1970. */
  readonly seenAt: number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    needs?: Needs
    admits?: readonly Admitted[]
    recent?: Recent
  }
  interface FastifyRequest {
    viewer: Viewer | null
    linkViewer: LinkCredential | null
    principal: Principal | null
  }
}

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** To be called on the scope that holds our own routes, before they are registered. */
export async function authenticateRequests(app: FastifyInstance, context: ApiContext): Promise<void> {
  await app.register(cookie)
  app.decorateRequest('viewer', null)
  app.decorateRequest('linkViewer', null)
  app.decorateRequest('principal', null)
  app.addHook('onRoute', ({ method, url, config }) => {
    if (!config?.needs)
      throw new Error(`the route ${String(method)} ${url} does not say who may call it (config.needs)`)
  })
  app.addHook('onRequest', async (request, reply) => {
    const needs = request.routeOptions.config.needs
    const token = bearerOf(request) ?? request.cookies[cookieName(context)]
    const isByCookie = bearerOf(request) === undefined
    checkOrigin(request, context, isByCookie && token !== undefined)
    if (needs === 'nobody' || needs === undefined) return
    const now = new Date(context.clock.now())
    if (needs === 'link') return beginAsLink(context, request, reply, bearerOf(request) ?? subprotocolBearerOf(request))
    const credential = token === undefined ? undefined : await findCredential(context.db, token, now)
    if (!credential || credential.kind === 'link') {
      throw new Fault('session-missing', 'Sign in first: there is no session, or it has ended')
    }
    request.viewer = { ...credential, seenAt: now.getTime() }
    checkAdmission(request)
    await touchCredential(context.db, credential, now)
    if (needs === 'rights') await beginRead(context, request, reply)
  })
  // The last look before the answer is written: what follows is one turn of the event loop.
  app.addHook('preSerialization', async (request, reply, payload) => {
    if (!request.principal || reply.statusCode >= 400) return payload
    if (!context.reads.mayAnswer(reply) || !context.edge.isServing()) throw notServing()
    return payload
  })
}

/** For routes whose `needs` is not `nobody`. */
export function viewerOf(request: FastifyRequest): Viewer {
  if (!request.viewer) throw new Error(`${request.routeOptions.url ?? 'a route'} needs nobody, but asks who it is`)
  return request.viewer
}

/**
 * Throws `step-up-needed` unless it was shown within the last ten minutes who this is. Where it is asked of a whole
 * route, `config.recent` says so instead.
 */
export function needsRecent(request: FastifyRequest): void {
  const { authenticatedAt, seenAt } = viewerOf(request)
  if (authenticatedAt && seenAt - authenticatedAt.getTime() < RECENT_MS) return
  throw new Fault('step-up-needed', 'Show again that it is you: the last time was more than ten minutes ago')
}

/** For routes whose `needs` is `link`. */
export function linkViewerOf(request: FastifyRequest): LinkCredential {
  if (!request.linkViewer) throw new Error(`${request.routeOptions.url ?? 'a route'} is not for links`)
  return request.linkViewer
}

/** For routes whose `needs` is `rights` or `link`. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new Error(`${request.routeOptions.url ?? 'a route'} did not ask for rights`)
  return request.principal
}

/**
 * From here to its end the answer is a read that changes of access wait for. A route that changes access itself
 * (`needs: 'session'`) begins it only after its change: before, the two would wait for each other.
 */
export async function beginRead(context: ApiContext, request: FastifyRequest, reply: FastifyReply): Promise<Principal> {
  const { edge } = context
  const { accountId, credentialId } = viewerOf(request)
  if (!edge.isServing()) throw notServing()
  const principal = await edge.open('person', accountId, credentialId)
  if (!principal) throw new Fault('session-missing', 'The session has ended: sign in again')
  return hold(context, request, reply, principal)
}

/** By its bearer token only: what a browser holds of one link must not answer for another that it has open as well. */
async function beginAsLink(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string | undefined,
): Promise<void> {
  if (token === undefined) throw new Fault('session-missing', 'Open the link first')
  const now = new Date(context.clock.now())
  const credential = await findCredential(context.db, token, now)
  if (credential?.kind !== 'link') throw new Fault('link-ended', 'Open the link again: what was opened has ended')
  if (!context.edge.isServing()) throw notServing()
  request.linkViewer = credential
  await touchCredential(context.db, credential, now)
  // A live connection is no read that ends: it holds its rights itself.
  if (request.ws) return
  const principal = await context.edge.open('link', credential.linkId, credential.credentialId)
  if (!principal) throw new Fault('link-ended', 'The link has ended: ask whoever sent it to you')
  hold(context, request, reply, principal)
}

function hold(
  { edge, reads }: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  principal: Principal,
): Principal {
  reads.begin(edge, principal, reply)
  request.principal = principal
  return principal
}

export function setSessionCookie(reply: FastifyReply, context: ApiContext, token: string, expires: Date): void {
  reply.setCookie(cookieName(context), token, { ...cookieOptions(context), expires })
}

export function clearSessionCookie(reply: FastifyReply, context: ApiContext): void {
  reply.clearCookie(cookieName(context), cookieOptions(context))
}

/** A WebSocket is opened by GET, but any page may try it with our cookie: the same check as for a change. */
export function checkSocketOrigin(request: FastifyRequest, context: ApiContext): void {
  if (bearerOf(request) !== undefined) return
  if (!isOwnOrigin(request, context)) throw foreignOrigin()
}

function checkAdmission(request: FastifyRequest): void {
  const { admits = [], recent } = request.routeOptions.config
  const { kind, owesSecondFactor, isStepUpAsked } = viewerOf(request)
  if (kind !== 'session' && !admits.includes('tokens')) {
    throw new Fault('token-refused', 'An API token reaches devices only: sign in to do this')
  }
  if (owesSecondFactor && !admits.includes('owing')) {
    throw new Fault('second-factor-required', 'Your company asks for a second factor: set one up first')
  }
  if (recent === 'always' || (recent === 'if-company-asks' && isStepUpAsked)) needsRecent(request)
}

function cookieName(context: ApiContext): string {
  return isSecure(context) ? '__Host-rt' : 'rt'
}

function cookieOptions(context: ApiContext) {
  return { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure(context) } as const
}

function isSecure({ settings }: ApiContext): boolean {
  return settings.publicUrl().startsWith('https:')
}

export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

/** Browsers can set no header on a WebSocket but this one. */
function subprotocolBearerOf({ headers, ws }: FastifyRequest): string | undefined {
  if (!ws) return undefined
  const names = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return names.find((name) => name.startsWith(LINK_BEARER))?.slice(LINK_BEARER.length)
}

/** R72: rather nothing than rights that others may have confirmed to be over. */
function notServing(): Fault {
  return new Fault('store-unavailable', 'This server cannot confirm rights at the moment: try again in a few seconds')
}

/**
 * A page of somebody else can make a browser send our cookie along. What changes something must therefore show by
 * headers that no page can forge that it comes from ours; programs with bearer tokens send no cookie and are exempt.
 */
function checkOrigin(request: FastifyRequest, context: ApiContext, isByCookie: boolean): void {
  if (!UNSAFE.has(request.method) || bearerOf(request) !== undefined) return
  const saysNothing = request.headers.origin === undefined && request.headers['sec-fetch-site'] === undefined
  // Without a cookie nothing of value is sent, but signing somebody in from elsewhere must not work either.
  if (saysNothing && !isByCookie) return
  if (!isOwnOrigin(request, context)) throw foreignOrigin()
}

function isOwnOrigin({ headers, host }: FastifyRequest, { settings }: ApiContext): boolean {
  const { origin } = headers
  if (origin === undefined) return headers['sec-fetch-site'] === 'same-origin'
  const url = URL.parse(origin)
  if (!url) return false
  // By another name of ours too (localhost, an address), but not by plain http where we are on https.
  const own = new URL(settings.publicUrl())
  return url.protocol === own.protocol && (url.host === own.host || url.host === host)
}

function foreignOrigin(): Fault {
  return new Fault('origin-refused', 'The request did not come from a page of this server')
}
